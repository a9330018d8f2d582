"""One rule for all layouts: null, or nothing, in the place of a text is passed over; to have no such place is an error."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.reading import Reading
from tests.corpus.layouts.contents import read_both


def parquet(**columns):
    stored = io.BytesIO()
    pq.write_table(pa.table(columns), stored)
    return stored.getvalue()


WORD = '"a"'
PAGE = '{"namespace": "0", "title": "a", "text": %s}'
NULLS = {
    "a.jsonl": b'{"text": null}\nnull\n{"text": ""}\n{"text": "a"}\n{"text": " "}\n',
    "a.json": b'[{"text": null}, null, {"text": ""}, {"text": "a"}, {"text": " "}]',
    "b.json": b'{"text": null} {"text": "a"}',
    "m.json": b'{"document": [{"paragraph": null}, {"paragraph": [null, {"form": null}, {"form": "a"}]}, {"utterance": []}]}',
    "n.json": f"[{PAGE % 'null'}, {PAGE % WORD}]".encode(),
    "a.csv": b'text,id\n,1\n"",2\na,3\n" ",4\n',
    "a.tsv": b"id\ttext\n1\t\n2\ta\n3\t \n",
    "a.parquet": parquet(text=[None, "", "a", " "]),
}


@pytest.mark.parametrize("name", NULLS)
@pytest.mark.parametrize("layout", ["auto", "comments"])
def test_null_is_passed_over(tmp_path, name, layout):
    if layout == "comments" and name[0] in "mn":
        return
    (tmp_path / name).write_bytes(NULLS[name])
    found = [document.sentences for document in read_both(tmp_path / name, Reading(layout=layout))]
    assert found == ([["a", "a"]] if name[0] == "n" else [["a"]])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"body": "b"}\n'),
        ("a.json", b'[{"text": "a"}, {"body": "b"}]'),
        ("a.csv", b"body\nb\n"),
        ("a.tsv", b"body\nb\n"),
        ("a.parquet", parquet(body=["b"])),
    ],
)
def test_no_place_for_text_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r'no (text field|column) "text"; did you mean body\?.*(--text_field|--column)'):
        read_both(tmp_path / name)
