"""JSON: an array of documents, an object that holds one, or several values in a row, told apart by what they begin with.

A record is an element of the outermost array: of the file's own, else of the first `[]` of the path. Where there is neither,
each of the file's values is one. No more than a record is held in memory.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from electra_pretrain.core.plain_text import BYTE_ORDER_MARK
from electra_pretrain.corpus.layouts import json_path
from electra_pretrain.corpus.layouts.json_path import EACH, Path
from electra_pretrain.corpus.layouts.json_reading import DECODER, JsonReader
from electra_pretrain.corpus.layouts.json_records import RecordMaker
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record

_TYPES = {"[": list, "{": dict}
_NAMES = {"[": "an array", "{": "an object"}


class Element(NamedTuple):
    """An element of an array, or a value of a file.

    Attributes:
        number: from 1.
        value: itself.
        path: the rest of the way, from it to the text.
        is_settled: as `JsonReader.is_settled`.
    """

    number: int
    value: Any
    path: Path
    is_settled: bool


def elements(content: Content, path: Path) -> Iterator[tuple[int, Any]]:
    """Read the elements of the outermost array of a file, or of a path into it.

    Args:
        content: the file.
        path: a file that begins with `[` needs none of it, `json_path.parse("[]")`; else up to its first `[]`.

    Returns:
        Their numbers, from 1, and values.

    Raises:
        Damaged: it is not JSON, or ends too early.
        UserError: the path leads to no array, or bytes are not of the encoding.
    """
    return ((element.number, element.value) for element in read_elements(content, path))


def is_lines(head: bytes) -> bool:
    """Tell JSON lines by what a file begins with: an object in the first line, and another that begins in the next."""
    first, _, rest = head.decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK).lstrip().partition("\n")
    if not (first.startswith("{") and rest.lstrip().startswith("{")):
        return False
    try:
        DECODER.decode(first)
    except (ValueError, RecursionError):
        return False
    return True


def _records(content: Content) -> Iterator[Record]:
    maker = RecordMaker(content, "document")
    for number, value, path, is_settled in read_elements(content, maker.path):
        record = maker.record(number, value, path, is_settled)
        if record is not None:
            yield record


JSON = Layout("json", "document", _records)


def read_elements(content: Content, path: Path) -> Iterator[Element]:
    """Read the same, each with what else is known of it."""
    reader = JsonReader(content)
    outer, inner = path.split()
    of_array = path._replace(steps=path.steps[1:]) if path.steps[0] is EACH else path
    while kind := reader.peek():
        way, rest = (path._replace(steps=(EACH,)), of_array) if kind == "[" else (outer, inner)
        for _ in _stops(reader, way, 0, content.name):
            value = reader.value()
            yield Element(reader.record, value, rest, reader.is_settled)
            reader.record += 1


def _stops(reader: JsonReader, path: Path, number: int, where: str) -> Iterator[None]:
    """Stop at each value to which the path leads, from its step `number` on; it is to be read before the next one."""
    if number == len(path.steps):
        yield
        return
    step, kind = path.steps[number], reader.peek()
    wanted = "[" if step is EACH else "{"
    if kind == "n":
        reader.skip()  # null
    elif kind != wanted:
        held = _TYPES.get(kind) or type(reader.value())  # where it is no value at all, that is the mistake
        raise json_path.not_of_kind(path, number, held, _NAMES[wanted], where)
    elif step is EACH:
        for _ in reader.elements():
            yield from _stops(reader, path, number + 1, where)
    else:
        yield from _stops_in_object(reader, path, number, where)


def _stops_in_object(reader: JsonReader, path: Path, number: int, where: str) -> Iterator[None]:
    step, known, is_there = path.steps[number], list[str](), False
    for key in reader.members():
        if key == step:
            is_there = True
            yield from _stops(reader, path, number + 1, where)
        else:
            known += [key] if len(known) < json_path.SHOWN_KEYS else []
            reader.skip()
    if not is_there:
        raise json_path.missing(path, number, known, where)
