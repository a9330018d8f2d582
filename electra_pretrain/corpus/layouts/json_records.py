"""From a value of JSON to a record: its text by a path, its id and title, the thread that it names."""

from typing import Any

from electra_pretrain.corpus.layouts import json_path
from electra_pretrain.corpus.layouts.json_path import Path
from electra_pretrain.corpus.layouts.layout import Content, Record, named


class RecordMaker:
    """Makes records of the values of a content.

    Attributes:
        path: to the text, as `--text_field` gives it.

    Raises:
        UserError: a path is malformed.
    """

    def __init__(self, content: Content, unit: str) -> None:
        self.path = json_path.parse(content.text_field)
        self._thread = json_path.parse(content.thread_field, "--thread_field") if content.thread_field else None
        self._decoder = content.decoder
        self._where = f"{content.name}, {unit}"

    def record(self, number: int, value: Any, path: Path, is_settled: bool) -> Record | None:
        """Make a record; None if there is no text, or it is to be left out.

        Args:
            number: of the record.
            value: that is its whole.
            path: to the text within it. Several texts are joined, each in a line of its own.
            is_settled: no text in the value needs `Decoder.settle`.

        Raises:
            UserError: the path does not lead to text; file, record and what there is are named.
        """
        text = value.get(path.key) if isinstance(value, dict) else None
        if not isinstance(text, str):  # the shortest way is the commonest
            texts = json_path.texts(path, value, lambda: f"{self._where} {number}")
            if not texts:
                return None
            text = "\n".join(texts)
        settled = text if is_settled else self._decoder.settle(text, self._where, number)
        if settled is None:
            return None
        if not isinstance(value, dict):
            return Record(number, settled)
        return Record(number, settled, named(value.get("id")), named(value.get("title")), self._thread_of(value, number))

    def _thread_of(self, value: Any, number: int) -> str:
        if self._thread is None:
            return ""
        found = json_path.values(self._thread, value, lambda: f"{self._where} {number}")
        return "\n".join(map(named, found))
