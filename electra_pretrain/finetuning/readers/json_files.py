"""JSON as the publishers of tasks ship it: a whole file at once, every field checked where it is taken."""

from collections.abc import Iterator, Sequence
from typing import Any

from electra_pretrain.core import compression, files, json_files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.finetuning.readers.rows import Row

_KINDS: dict[type, str] = {str: "text", list: "a list", dict: "an object", int: "a whole number", float: "a number"}


def load(path: str) -> Any:
    """Read what the file holds.

    Raises:
        UserError: it is not UTF-8, not JSON, or damaged.
    """
    with files.open_raw(path) as raw, compression.decompressed(path, raw) as file:
        content = file.read()
    decoder = Decoder()
    text = "".join(decoder.decode(line, f"{path}, line", number) for number, line in enumerate(content.splitlines(True), 1))
    try:
        return json_files.parse(text, path)
    except UserError as error:
        raise UserError(f"{error}; fetch it again") from error


def field(where: str, record: Any, name: str, kind: type) -> Any:
    """Take a field of an object.

    Args:
        where: the record stands, for the message.
        record: the object.
        name: of the field; `labels.label` is the field `label` of the object `labels`.
        kind: what it must be: str, list, dict, int, or float, for which an int will do.

    Raises:
        UserError: there is none, or it is of another kind.
    """
    value = record
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise UserError(f'{where}: no field "{name}"; mend or delete this record')
        value = value[key]
    kinds = (int, float) if kind is float else kind
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise UserError(f'{where}: field "{name}" is not {_KINDS[kind]}; mend or delete this record')
    return value


def rows(path: str, texts: Sequence[str], label: str, kind: type = str) -> Iterator[Row]:
    """Yield the rows of a file that is a list of objects, each with a `guid` of its own.

    Args:
        path: of the file.
        texts: fields that hold the texts.
        label: the field that holds the label.
        kind: of the label: str or float.

    Raises:
        UserError: it is no such list, a field is missing, or a guid comes twice; the record is named.
    """
    records = load(path)
    if not isinstance(records, list):
        raise UserError(f"{path}: a list of records is expected; fetch it again")
    seen: set[str] = set()
    for number, record in enumerate(records, start=1):
        guid = field(f"{path}, record {number}", record, "guid", str)
        where = f"{path}, record {number} ({guid})"
        if guid in seen:
            raise UserError(f"{where}: an earlier record has this guid; rename or delete one")
        seen.add(guid)
        yield Row(where, [field(where, record, name, str) for name in texts], str(field(where, record, label, kind)))
