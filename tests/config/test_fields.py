"""Dataclasses with rules in their fields, and overrides: what is refused in which words."""

import dataclasses

import pytest

from electra_pretrain.config.fields import AT_LEAST_1, Rule, check_rules, parse_override, required, ruled
from electra_pretrain.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Kettle:
    litres: float = required(Rule(lambda value, _: value > 0, "must be above 0"))
    cups: int = ruled(2, AT_LEAST_1, Rule(lambda cups, whole: cups <= whole.litres * 10, "must fit into litres"))


def test_rules_see_the_whole_and_are_told_with_their_section():
    check_rules(Kettle(0.5, 5), Kettle(0.5, 5), "k.json")
    with pytest.raises(UserError, match="^k.json: kettle.cups = 6: must fit into litres$"):
        check_rules(Kettle(0.5, 6), Kettle(0.5, 6), "k.json", "kettle")
    with pytest.raises(UserError, match="^k.json: cups = 0: must be at least 1$"):
        check_rules(Kettle(0.5, 0), Kettle(0.5, 0), "k.json")


def test_overrides_are_json_or_text():
    assert parse_override("a=3e-5", "") == ("a", 3e-5)
    assert parse_override("a.b=no such JSON = text", "") == ("a.b", "no such JSON = text")
    with pytest.raises(UserError, match="^--set a: must read field=value$"):
        parse_override("a", "field=value")


def test_an_override_that_is_json_of_no_use_is_not_text():
    for value, said in (
        ("NaN", "--set a: NaN is no finite number"),
        ("[" * 9999, "--set a: .* deep"),
        ('"\udcff"', "--set a.*UTF-8"),
    ):
        with pytest.raises(UserError, match=f"^{said}"):
            parse_override(f"a={value}", "field=value")
