"""NFC, but for what no text holds: thousands of marks in a row."""

import unicodedata

import pytest

from electra_pretrain.core.composing import MAX_MARKS, nfc

HIGH_LOW = "\u0301\u0323"  # in the order in which they may not stand


@pytest.mark.parametrize("lead", [0, 1, 250, 499, 500, 777, 1501])
def test_marks_without_end_stay_and_what_is_around_them_is_composed(lead):
    marks = HIGH_LOW * (MAX_MARKS // 2) + HIGH_LOW[0]
    text, composed = "a" * lead + "\u1112\u1161\u11ab", "a" * lead + "한"
    assert nfc(text + marks + "xe\u0301" * 300) == composed + marks + "xé" * 300


@pytest.mark.parametrize(
    "text", ["", "글", "e\u0301" * 900, HIGH_LOW * 30 + "a", "a" * 499 + HIGH_LOW * 500, "ㄱ\u0301" * 2000]
)
def test_all_other_text_is_what_python_makes_of_it(text):
    assert nfc(text) == unicodedata.normalize("NFC", text)
    assert nfc(nfc(text)) == nfc(text)
