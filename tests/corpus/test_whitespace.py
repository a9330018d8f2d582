"""White space removed from bytes is what `str.strip` removes from text, for every character; `len` counts as many."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.corpus.whitespace import count_characters, strip_lines

CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF and chr(code) != "\n"]


def stripped(text):
    return "".join(f"{line.strip()}\n" for line in text.removesuffix("\n").split("\n"))


def test_every_character_at_either_end_of_a_line():
    for text in (
        "".join(f"{character}가{character}\n" for character in CHARACTERS),
        "".join(f"{character}\n" for character in CHARACTERS),
        "".join(f"a{character} \n" for character in CHARACTERS if ord(character) < 0x3100),
    ):
        assert strip_lines(text.encode()).decode() == stripped(text)


@given(
    st.lists(st.text(st.sampled_from("가a😀é \t\r\x1c\x85\xa0\u2003\u3000\ufeff\u200b"), max_size=12), min_size=1, max_size=8)
)
@settings(max_examples=300, deadline=None)
def test_lines_of_anything(lines):
    text = "".join(f"{line}\n" for line in lines)
    assert strip_lines(text.encode()).decode() == stripped(text)
    assert count_characters(text.encode()) == sum(map(len, lines))


def test_bytes_that_are_no_text_stay():
    assert strip_lines(b" \xff \xb0\xa1 \n\x85\n \xe3\x80 \n") == b"\xff \xb0\xa1\n\x85\n\xe3\x80\n"
