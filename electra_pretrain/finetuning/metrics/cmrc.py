"""Exact match and F1 of an answer in Chinese (CMRC 2018, DRCD), as the evaluation of CMRC 2018 defines them.

An answer is cut into Chinese characters and, between them, words as NLTK cuts them, which part neither letters from digits nor
digits from signs: `40km` is one, and shares nothing with `40`. F1 is that of the longest common run of these.
"""

import re

from electra_pretrain.finetuning.metrics.english_words import words

_PUNCTUATION = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"
_REMOVED = str.maketrans("", "", _PUNCTUATION)
_CHINESE = re.compile("([\u4e00-\u9fa5])")


def normalize(text: str) -> str:
    """Lower the case and remove the evaluation's punctuation; spaces within stay."""
    return text.lower().strip().translate(_REMOVED)


def exact_match(prediction: str, answer: str) -> float:
    """Return 1 where both are the same after `normalize`, else 0."""
    return float(normalize(prediction) == normalize(answer))


def f1(prediction: str, answer: str) -> float:
    """Take the harmonic mean of the shares that the longest common run of units has of the prediction and of the answer."""
    predicted, right = (_units(normalize(text)) for text in (prediction, answer))
    run = _longest_common_run(predicted, right)
    return 2 * run / (len(predicted) + len(right)) if run else 0.0


def _units(text: str) -> list[str]:
    between = _CHINESE.split(text)  # at the odd places the characters themselves
    return [unit for place, part in enumerate(between) for unit in ([part] if place % 2 else words(part))]


def _longest_common_run(a: list[str], b: list[str]) -> int:
    longest, above = 0, [0] * (len(b) + 1)
    for unit in a:
        row = [0] + [above[j] + 1 if unit == other else 0 for j, other in enumerate(b)]
        longest, above = max(longest, *row), row
    return longest
