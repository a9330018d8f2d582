"""JSON lines: a line is an object, an object a document."""

import json
from collections.abc import Iterator

from electra_pretrain.core.errors import Damaged
from electra_pretrain.corpus.layouts.json_reading import DECODER
from electra_pretrain.corpus.layouts.json_records import RecordMaker
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record
from electra_pretrain.corpus.layouts.lines import unsettled_lines


def _records(content: Content) -> Iterator[Record]:
    maker = RecordMaker(content, "line")
    for number, line in unsettled_lines(content.name, content.file, content.decoder):
        if not line.strip():
            continue
        try:
            value = DECODER.decode(line)
        except (json.JSONDecodeError, RecursionError) as error:
            content.damage.of_record(_not_json(content.name, number, error))
            continue
        record = maker.record(number, value, maker.path, content.decoder.is_settled(line))
        if record is not None:
            yield record


def _not_json(name: str, number: int, error: Exception) -> Damaged:
    what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
    return Damaged(f"{name}, line {number}: not valid JSON ({what}); one JSON object a line is expected")


JSON_LINES = Layout("jsonl", "line", _records)
