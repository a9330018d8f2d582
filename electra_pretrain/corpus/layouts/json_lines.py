"""JSON lines: a line is an object, an object a document."""

import json
from collections.abc import Iterator

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record, named, not_text
from electra_pretrain.corpus.layouts.lines import unsettled_lines


def _records(content: Content) -> Iterator[Record]:
    path, field, decoder = content.name, content.text_field, content.decoder
    where = f"{path}, line"
    for number, line in unsettled_lines(path, content.file, decoder):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            text = values[field]
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path}, line {number}: not valid JSON ({error.msg}); one JSON object a line is expected"
            ) from error
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(f'{path}, line {number}: no text field "{field}"; name the right one with --text_field') from error
        if not isinstance(text, str):
            raise not_text(f"{path}, line {number}", field, text)
        settled = decoder.settle(text, where, number)
        if settled is not None:
            yield Record(number, settled, named(values.get("id")), named(values.get("title")))


JSON_LINES = Layout("jsonl", "line", _records)
