"""Damage within JSON: a value of the wrong kind at any place, keys lost, added or told twice, what Python cannot read."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.damage import Damage, NotApplicable

DEPTH, DIGITS, FLOAT_DIGITS = 100_000, 5_000, 400
_MARK = "@a value to come@"


class Place(NamedTuple):
    """Where a value stands: in `holder`, an object or an array, at `key`."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]


# As they are written in a file; None of them is a value that every reader must refuse, but each is wrong in most places.
WRITTEN = {
    "null": "null",
    "negative": "-1",
    "zero": "0",
    "fraction": "1.5",
    "letter": '"x"',
    "no_text": '""',
    "array": "[]",
    "array_of_text": '["x"]',
    "object": "{}",
    "true": "true",
    "huge": "1" + "0" * 30,
    "many_digits": "9" * DIGITS,
    "long_fraction": "9" * FLOAT_DIGITS + ".5",
    "infinite_by_exponent": "1e999",
    "not_a_number": "NaN",
    "infinity": "Infinity",
    "nested": "[" * DEPTH + "]" * DEPTH,
    "nested_objects": '{"a":' * DEPTH + "1" + "}" * DEPTH,
    "surrogate": '"\\ud800"',
    "surrogate_and_path": '"../\\udfff/x"',
    "nul": '"a\\u0000b"',
    "line_break": '"a\\nb"',
    "path_outside": '"../../outside"',
    "absolute_path": '"/dev/full"',
}


def _replaced(name: str, written: str) -> Damage:
    def damage(path: Path, chance: random.Random) -> bool:
        return _rewritten(path, lambda values: _replace(values, chance, written))

    damage.__name__ = f"value_{name}"
    return damage


def _replace(values: Any, chance: random.Random, written: str) -> tuple[str, bool]:
    place = chance.choice(list(_places(values)))
    old = place.value
    place.holder[place.key] = _MARK
    return _text(values).replace(f'"{_MARK}"', written), _same_kind(old, written)


def _same_kind(old: Any, written: str) -> bool:
    """Tell whether a reader may take the new value for another valid one: it is of the old one's JSON type."""
    if old is None:  # what is not known may be known
        return True
    kinds = {"{": dict, "[": list, '"': str, "t": bool}
    new = kinds.get(written[0], type(None) if written == "null" else float)
    return isinstance(old, new) or (new is float and type(old) in (int, float))


def missing_key(path: Path, chance: random.Random) -> bool:
    """Some keys may be left out."""

    def lose(values: Any) -> tuple[str, bool]:
        place = _of_object(values, chance)
        del place.holder[place.key]
        return _text(values), True

    return _rewritten(path, lose)


def additional_key(path: Path, chance: random.Random) -> bool:
    def add(values: Any) -> tuple[str, bool]:
        _of_object(values, chance).holder["key of another time"] = {"x": [1]}
        return _text(values), True

    return _rewritten(path, add)


def key_told_twice(path: Path, chance: random.Random) -> bool:
    """The same key with another value before it; JSON lets the last one hold, so that nothing may change."""

    def tell(values: Any) -> tuple[str, bool]:
        place = _of_object(values, chance)
        key, value = (json.dumps(each, ensure_ascii=False) for each in (place.key, place.value))
        place.holder[place.key] = _MARK
        return _text(values).replace(f'{key}: "{_MARK}"', f'{key}: "x", {key}: {value}'), False

    return _rewritten(path, tell)


def key_of_surrogate(path: Path, chance: random.Random) -> bool:
    def add(values: Any) -> tuple[str, bool]:
        _of_object(values, chance).holder[_MARK] = 1
        return _text(values).replace(_MARK, "\\ud800"), True

    return _rewritten(path, add)


def another_top(path: Path, chance: random.Random) -> None:
    path.write_text(chance.choice(["null", "[]", "{}", "5", '"x"', "[[]]", "[{}]", "true", "NaN"]))


def nested_top(path: Path, chance: random.Random) -> None:
    path.write_text(WRITTEN[chance.choice(["nested", "nested_objects", "many_digits"])])


def _rewritten(path: Path, change: Callable[[Any], tuple[str, bool]]) -> bool:
    """Rewrite the file, or one line of a file of JSON lines, by what `change` makes of its value."""
    try:
        text, valid = change(json.loads(path.read_text()))
    except json.JSONDecodeError:
        lines = path.read_text().splitlines()
        at = next((number for number, line in enumerate(lines) if line.startswith("{")), None)
        if at is None:
            raise NotApplicable("holds no JSON") from None
        lines[at], valid = change(json.loads(lines[at]))
        text = "\n".join(line.replace("\n", " ") for line in lines)
    path.write_text(text + "\n")
    return valid


def _places(values: Any) -> Iterator[Place]:
    keys = values if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ()
    for key in keys:
        yield Place(values, key)
        yield from _places(values[key])


def _of_object(values: Any, chance: random.Random) -> Place:
    places = [place for place in _places(values) if isinstance(place.holder, dict)]
    if not places:
        raise NotApplicable("holds no object")
    return chance.choice(places)


def _text(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)


JSON: list[Damage] = [
    *(_replaced(name, written) for name, written in WRITTEN.items()),
    missing_key, additional_key, key_told_twice, key_of_surrogate, another_top, nested_top,
]  # fmt: skip
