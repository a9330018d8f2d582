"""Unicode's composed form (NFC), in a time that grows with the length of the text, whatever it holds."""

import functools
import re
import sys
import unicodedata

# Python puts marks in their order in a time that grows with the square of how many there are in a row.
MAX_MARKS = 1000


def nfc(text: str) -> str:
    """Compose a text, and return the same one if there is nothing to do; more than 1,000 marks in a row stay as they are."""
    if not any(map(unicodedata.combining, text[:: MAX_MARKS // 2])):  # none of a thousand marks in a row can be missed
        return _composed(text)
    pieces = _many_marks().split(text)  # every other one is such a run
    return "".join(piece if index % 2 else _composed(piece) for index, piece in enumerate(pieces))


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


@functools.cache
def _many_marks() -> re.Pattern[str]:
    marks = "".join(map(re.escape, filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1)))))
    return re.compile(f"([{marks}]{{{MAX_MARKS + 1},}})")
