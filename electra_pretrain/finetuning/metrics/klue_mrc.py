"""Exact match and ROUGE-W of a KLUE MRC answer, as the benchmark's baseline code defines them.

Its normalisation names the quotes and brackets of KorQuAD too, in a pattern that matches no text: 《, 》, 〈, 〉, ‘ and ’ stay.
Its ROUGE-W is an F1 of the longest common run of characters.
"""

import string
from difflib import SequenceMatcher

_REMOVED = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower the case and remove ASCII punctuation; spaces in a row become one."""
    return " ".join(text.lower().translate(_REMOVED).split())


def exact_match(prediction: str, answer: str) -> float:
    """Return 1 where both are the same after `normalize`, else 0."""
    return float(normalize(prediction) == normalize(answer))


def rouge_w(prediction: str, answer: str) -> float:
    """Take the harmonic mean of the shares that the longest common run (spaces count) has of prediction and answer."""
    predicted, right = normalize(prediction), normalize(answer)
    if not right:
        return float(not predicted)
    # With difflib's heuristic for long answers, as the published scores have it.
    run = SequenceMatcher(None, predicted, right).find_longest_match(0, len(predicted), 0, len(right)).size
    return 2 * run / (len(predicted) + len(right))
