"""Paths into JSON: `text`, `data.body`, `document[].paragraph[].form`, `[].text`, `"a.b".c`.

A name is a key of an object, `[]` every element of an array. A name with a dot, bracket or quotation mark in it stands in
quotation marks, as JSON would write it.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from electra_pretrain.core.errors import UserError, nearest

EACH = None  # the step to every element of an array
Step = str | None  # the other step: to what is under a key
_QUOTED, _NAME = re.compile(r'"(?:[^"\\]|\\.)*"'), re.compile(r'[^.\[\]"]+')
SHOWN_KEYS = 20  # in a message


class Path(NamedTuple):
    """A way into a value.

    Attributes:
        steps: from the value inwards.
        flag: that gave it, for messages.
    """

    steps: tuple[Step, ...]
    flag: str = "--text_field"

    @property
    def key(self) -> str:
        """The key that is all of it; "" of a longer path."""
        return self.steps[0] or "" if len(self.steps) == 1 else ""

    @property
    def label(self) -> str:
        """What messages call that to which it leads."""
        return self.flag.removeprefix("--").replace("_", " ")

    def split(self) -> tuple["Path", "Path"]:
        """Split it behind its first `[]`: the outermost array, and the way into an element; without one, all is the latter."""
        at = self.steps.index(EACH) + 1 if EACH in self.steps else 0
        return self._replace(steps=self.steps[:at]), self._replace(steps=self.steps[at:])


def parse(text: str, flag: str = "--text_field") -> Path:
    """Read a path as a flag gives it.

    Raises:
        UserError: it is malformed; the position is named, from 1.
    """
    steps, at = list[Step](), 0
    while at < len(text) or not steps:
        if text.startswith("[]", at):
            steps.append(EACH)
            at += 2
            continue
        if steps and text[at] == ".":
            at += 1
        elif steps:
            raise _malformed(text, flag, at)
        found = _QUOTED.match(text, at) or _NAME.match(text, at)
        if found is None:
            raise _malformed(text, flag, at)
        steps.append(_name(found[0], text, flag, at))
        at = found.end()
    return Path(tuple(steps), flag)


def values(path: Path, value: Any, named: Callable[[], str]) -> list[Any]:
    """List what the path leads to in a value, in order; what is null on the way is passed over.

    Args:
        path: where to.
        value: from `json`.
        named: gives file and record, for messages.

    Raises:
        UserError: a key is missing, or an object or array is something else.
    """
    found = [value]
    for number, step in enumerate(path.steps):
        try:
            found = [item for array in found for item in _array(array)] if step is EACH else [item[step] for item in found]
        except (KeyError, TypeError, IndexError):  # null, or a mistake; to look at each would take twice as long
            found = _looked_at(path, number, [item for item in found if item is not None], named)
    return [item for item in found if item is not None]


def texts(path: Path, value: Any, named: Callable[[], str]) -> list[str]:
    """List the texts that the path leads to; raises as `values`, and if one of them is no text."""
    found = values(path, value, named)
    for item in found:
        if not isinstance(item, str):
            raise not_of_kind(path, len(path.steps), type(item), "text", named())
    return found


def _array(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise TypeError


def _looked_at(path: Path, number: int, found: list[Any], named: Callable[[], str]) -> list[Any]:
    """Take a step from each value, or say from which it cannot be taken."""
    step, inner = path.steps[number], list[Any]()
    for item in found:
        if step is EACH and isinstance(item, list):
            inner += item
        elif step is EACH or not isinstance(item, dict):
            raise not_of_kind(path, number, type(item), "an array" if step is EACH else "an object", named())
        elif step not in item:
            raise missing(path, number, list(item), named())
        else:
            inner.append(item[step])
    return inner


def not_of_kind(path: Path, number: int, held: type, kind: str, where: str) -> UserError:
    """Return the error for a value that is something else than step `number` needs, or the path's end."""
    at = _shown(path.steps[:number])
    what = f'{path.label} "{at}" holds' if at else "is"
    hint = f"; its elements are {at}[]" if held is list else ""
    return UserError(f"{where}: {what} {held.__name__}, not {kind}{hint}")


def missing(path: Path, number: int, known: Sequence[str], where: str) -> UserError:
    """Return the error for the key of step `number`, where there are others."""
    near = nearest(str(path.steps[number]), known[:SHOWN_KEYS]) if known else "the object is empty."
    return UserError(
        f'{where}: no {path.label} "{_shown(path.steps[: number + 1])}"; {near} Name the right one with {path.flag}'
    )


def _shown(steps: Sequence[Step]) -> str:
    shown = ""
    for step in steps:
        name = "[]" if step is EACH else step if _NAME.fullmatch(step) else json.dumps(step, ensure_ascii=False)
        shown += name if step is EACH or not shown else f".{name}"
    return shown


def _name(found: str, text: str, flag: str, at: int) -> str:
    if not found.startswith('"'):
        return found
    try:
        return str(json.loads(found))
    except json.JSONDecodeError as error:
        raise _malformed(text, flag, at) from error


def _malformed(text: str, flag: str, at: int) -> UserError:
    return UserError(
        f"{flag} {text}: malformed at character {at + 1}; dots join names, [] stands for every element of an array, and "
        'names with dots or brackets are quoted, as in document[].paragraph[].form or "a.b".text'
    )
