"""Exact match and F1 of an answer in Chinese (CMRC 2018, DRCD), as the evaluation of CMRC 2018 defines them.

An answer is cut into Chinese characters and, between them, words of other scripts; F1 is that of the longest common run of
these. The publisher cuts words with NLTK; ours differs from it in rare abbreviations and contractions only.
"""

import re

_PUNCTUATION = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"
_REMOVED = str.maketrans("", "", _PUNCTUATION)
_UNITS = re.compile(r"[\u4e00-\u9fa5]|\d+(?:[.,]\d+)*|(?:(?![\u4e00-\u9fa5])[^\W_])+(?:[.'](?:(?![\u4e00-\u9fa5])[^\W_])+)*|\S")


def normalize(text: str) -> str:
    """Lower the case and remove the evaluation's punctuation; spaces within stay."""
    return text.lower().strip().translate(_REMOVED)


def exact_match(prediction: str, answer: str) -> float:
    """Return 1 where both are the same after `normalize`, else 0."""
    return float(normalize(prediction) == normalize(answer))


def f1(prediction: str, answer: str) -> float:
    """Take the harmonic mean of the shares that the longest common run of units has of the prediction and of the answer."""
    predicted, right = (_UNITS.findall(normalize(text)) for text in (prediction, answer))
    run = _longest_common_run(predicted, right)
    return 2 * run / (len(predicted) + len(right)) if run else 0.0


def _longest_common_run(a: list[str], b: list[str]) -> int:
    longest, above = 0, [0] * (len(b) + 1)
    for unit in a:
        row = [0] + [above[j] + 1 if unit == other else 0 for j, other in enumerate(b)]
        longest, above = max(longest, *row), row
    return longest
