"""Dataclasses with rules in their fields: what is read from JSON, and what is refused in which words."""

import dataclasses

import pytest

from electra_pretrain.config.fields import AT_LEAST_1, Rule, build, check_rules, parse_override, required, ruled
from electra_pretrain.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Kettle:
    litres: float = required(Rule(lambda value, _: value > 0, "must be above 0"))
    cups: int = ruled(2, AT_LEAST_1, Rule(lambda cups, whole: cups <= whole.litres * 10, "must fit into litres"))
    notes: str = ""


def test_defaults_and_types():
    assert build(Kettle, {"litres": 1}, "k.json") == Kettle(1.0, 2, "")
    assert isinstance(build(Kettle, {"litres": 1}, "k.json").litres, float)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "k.json: lacks litres; every field must be said"),
        ({"litres": 1, "cup": 1}, 'k.json: unknown key "cup"; did you mean cups?'),
        ({"litres": "1"}, 'k.json: litres = "1": must be a number'),
        ({"litres": True}, "k.json: litres = true: must be a number"),
        ({"litres": float("inf")}, "k.json: litres = inf: must be a finite number"),
        ({"litres": 1, "cups": 1.0}, "k.json: cups = 1.0: must be a whole number"),
        ([], r"k.json: must be a JSON object, not \[\]"),
    ],
)
def test_what_is_no_such_dataclass(values, said):
    with pytest.raises(UserError, match=f"^{said}"):
        build(Kettle, values, "k.json")


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
