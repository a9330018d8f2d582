"""Exact match and F1 of a KorQuAD 1.0 answer, as its publisher's evaluation defines them.

It follows SQuAD 1.1 but for two things: quotes and brackets part words, and F1 counts characters, since Korean particles
are written onto nouns. Articles stay: Korean has none.
"""

import string
from collections import Counter

_TO_SPACE = str.maketrans(dict.fromkeys("'\"《》<>〈〉()‘’", " "))
_REMOVED = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower the case; quotes and brackets become spaces, other ASCII punctuation goes, spaces in a row become one."""
    return " ".join(text.translate(_TO_SPACE).lower().translate(_REMOVED).split())


def exact_match(prediction: str, answer: str) -> float:
    """Return 1 where both are the same after `normalize`, else 0."""
    return float(normalize(prediction) == normalize(answer))


def f1(prediction: str, answer: str) -> float:
    """Take the harmonic mean of precision and recall of characters, whatever their order; spaces do not count."""
    predicted, right = (Counter(normalize(text).replace(" ", "")) for text in (prediction, answer))
    common = (predicted & right).total()
    return 2 * common / (predicted.total() + right.total()) if common else 0.0
