"""Brackets go with what is in them, however they are nested."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules.brackets import brackets

PAIRS = ["[]", "{}", "【】", "<>"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    {
        "[속보] 비가 온다 【단독】": "  비가 온다  ",
        "<영화 제목>을 봤다": " 을 봤다",
        "앞[가 {나} 다]뒤": "앞 뒤",
        "[가 <나] 다>": "  다>",
        "[가 <나] [] 다>": "  [] 다>",
        "<가 [나 >다] 라>": " ",
        "[가 [나] 다라마바사아자차카타]": " ",
        "3 < 5 이고 7 > 2, a<b>c, x -> y <- z": "3 < 5 이고 7 > 2, a<b>c, x -> y <- z",
        "[] 빈 것, [ 짝이 없다, 이것도 ]": "[] 빈 것,  ",
        "[열 글자보다 긴 것은 남는다]": "[열 글자보다 긴 것은 남는다]",
        "(소괄호)는 말하지 않았다": "(소괄호)는 말하지 않았다",
    }.items(),
)
def test_known_examples(text, wanted):
    assert brackets(PAIRS, 14)(text) == wanted


@given(st.text("[]{}a ", max_size=40))
def test_as_one_would_do_it_by_hand(text):
    """Take the pair without its like in it that ends first, look at its length, begin again."""
    assume("[]" not in text and "{}" not in text)
    by_hand, before = text, ""
    while by_hand != before:
        found = [match for pattern in (r"\[[^\[\]]{1,5}\]", r"\{[^{}]{1,5}\}") for match in re.finditer(pattern, by_hand)]
        first = min(found, key=re.Match.end, default=None)
        before, by_hand = by_hand, by_hand if first is None else f"{by_hand[: first.start()]} {by_hand[first.end() :]}"
    assert brackets(["[]", "{}"], 5)(text) == by_hand


@pytest.mark.parametrize(
    ("pairs", "longest", "message"),
    [
        (["["], 5, 'pairs: "\\["'), (["[]", "[)"], 5, 'pairs: "\\[\\]" must be'), (["((" ], 5, "opening and a closing"),
        (["[]"], 0, "longest: 0 must be at least 1"),
    ],
)  # fmt: skip
def test_senseless_parameters_are_refused(pairs, longest, message):
    with pytest.raises(UserError, match=message):
        brackets(pairs, longest)


def test_no_pairs_change_nothing():
    assert brackets([], 5)("[가]") == "[가]"
