"""JSON read into dataclasses and NamedTuples by their annotations: what is taken, what is refused, and in which words."""

import dataclasses
from typing import Any, NamedTuple

import pytest

from electra_pretrain.core import typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Amount, Count, FileName, Place, Sha256, Share, Size


class Cup(NamedTuple):
    name: FileName
    size: Size
    chipped: bool = False


@dataclasses.dataclass(frozen=True)
class Kettle:
    litres: float
    cups: tuple[Cup, ...] = ()
    best: Cup | None = None
    prices: dict[str, Amount] = dataclasses.field(default_factory=dict)
    at: tuple[Count, Share] = (0, 1.0)
    seal: Sha256 | None = None
    told: dict[str, Any] | None = None
    names: list[str] = dataclasses.field(default_factory=list)


WHOLE = {
    "litres": 1,
    "cups": [{"name": "a", "size": 3}, {"name": "가 나.txt", "size": 1, "chipped": True}],
    "best": {"name": "b", "size": 2},
    "prices": {"tin.lid": 0.5, "pot": 2},
    "at": [3, 1],
    "seal": "0f" * 32,
    "told": {"any": [None]},
    "names": ["x"],
}


def read(changed):
    return typed.read(Kettle, {**WHOLE, **changed}, Place("k.json"))


def test_a_whole_object():
    cups = (Cup("a", 3), Cup("가 나.txt", 1, True))
    prices = {"tin.lid": 0.5, "pot": 2.0}
    kettle = Kettle(1.0, cups, Cup("b", 2), prices, (3, 1.0), "0f" * 32, {"any": [None]}, ["x"])
    assert read({}) == kettle and isinstance(read({}).litres, float)
    assert typed.read(Kettle, {"litres": 1, "best": None}, Place("k.json")) == Kettle(1.0)
    nested = {**dataclasses.asdict(kettle), "cups": [cup._asdict() for cup in cups], "best": kettle.best._asdict()}
    assert typed.read(Kettle, nested, Place("k.json")) == kettle


REFUSED = {
    'litres = "1": must be a number': {"litres": "1"},
    "litres = true: must be a number": {"litres": True},
    "litres = null: must be a number": {"litres": None},
    "litres = Infinity: must be a finite number": {"litres": float("inf")},
    'unknown key "cup"; did you mean cups?': {"cup": 1},
    'unknown key "a\\nb"; did you mean': {"a\nb": 1},
    "cups = {}: must be a JSON list": {"cups": {}},
    "cups[1] = 3: must be a JSON object": {"cups": [WHOLE["best"], 3]},
    "cups[0].size = 1.0: must be a whole number": {"cups": [{"name": "a", "size": 1.0}]},
    "cups[0].size = 0: must be at least 1": {"cups": [{"name": "a", "size": 0}]},
    f"cups[0].size = {10**30}: must be a whole number of 64 bits": {"cups": [{"name": "a", "size": 10**30}]},
    "cups[0].chipped = 1: must be true or false": {"cups": [{"name": "a", "size": 1, "chipped": 1}]},
    "best: lacks name, size": {"best": {}},
    'prices["tin.lid"] = -0.5: must not be negative': {"prices": {"tin.lid": -0.5}},
    "prices.pot = []: must be a number": {"prices": {"pot": []}},
    "at = [1]: must be a JSON list of 2": {"at": [1]},
    "at[0] = -1: must not be negative": {"at": [-1, 0]},
    "at[1] = 1.5: must lie in 0..1": {"at": [1, 1.5]},
    'seal = "0F": must be a SHA-256': {"seal": "0F"},
    "told = []: must be a JSON object": {"told": []},
    "names[0] = 1: must be text": {"names": [1]},
}


@pytest.mark.parametrize(("said", "changed"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(said, changed):
    with pytest.raises(UserError) as error:
        read(changed)
    assert str(error.value).startswith(f"k.json: {said}") and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["", ".", "..", "/dev/zero", "../a", "a/b", "a\\b", "a\0", "/"])
def test_a_name_that_leads_elsewhere(name):
    with pytest.raises(UserError, match="must be the plain name of a file"):
        typed.read(Cup, {"name": name, "size": 1}, Place("k.json"))


def test_what_others_say_is_passed_over():
    assert typed.read_known(Cup, {"name": "a", "size": 1, "colour": []}, Place("k.json")) == Cup("a", 1)
    for value in ([], {"size": 1}):
        with pytest.raises(UserError, match="^k.json"):
            typed.read_known(Cup, value, Place("k.json"))
