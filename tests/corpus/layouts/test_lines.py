"""Where lines end: LF, CR LF, a CR alone, in every layout and whatever the chunks a file is read in; how long one may be."""

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts import lines
from electra_pretrain.corpus.reading import Reading
from tests.corpus.layouts.contents import read_both


@given(st.lists(st.sampled_from([b"\r", b"\r", b"\n", b"a", b"bc ", b"\r\n"]), max_size=30).map(b"".join), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_a_cr_ends_a_line_unless_a_newline_follows(content, chunk):
    """Straightforwardly: each run of CRs by itself. Without such a CR not a byte is another."""
    runs = re.split(rb"(\r+)", content)
    follows = [*runs[1:], b""]
    wanted = b"".join(
        b"\n" * len(run) if run.startswith(b"\r") and not after.startswith(b"\n") else run
        for run, after in zip(runs, follows, strict=True)
    )
    assert b"".join(lines.whole_lines("a", io.BytesIO(content), chunk)) == wanted
    assert lines.with_newlines(content.decode()).encode() == wanted
    for piece in list(lines.whole_lines("a", io.BytesIO(content), chunk))[:-1]:
        assert piece.endswith(b"\n")


def parquet(texts):
    stored = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), stored)
    return stored.getvalue()


FIRST, OTHER = ["첫 줄", "둘째 줄"], ["다른 글", "그 글"]
RECORDS = ["첫 줄\\r둘째 줄", "다른 글\\r\\n그 글"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "첫 줄\r둘째 줄\r\r다른 글\r\r\n그 글\r", {}),
        ("a.csv", 'text\r"첫 줄\r둘째 줄"\r"다른 글\r\n그 글"\r', {}),
        ("a.tsv", "text\r첫 줄\r다른 글", {}),
        ("a.jsonl", f'{{"text": "{RECORDS[0]}"}}\r{{"text": "{RECORDS[1]}"}}\r', {}),
        ("a.json", f'[{{"text": "{RECORDS[0]}"}},\r{{"text": "{RECORDS[1]}"}}]', {}),
        ("a.parquet", parquet(["첫 줄\r둘째 줄", None, "다른 글\r\n그 글"]), {}),
        ("a.txt", "첫 줄\r다른 글", {"layout": "comments"}),
        ("a.jsonl", f'{{"text": "{RECORDS[0]}"}}\r{{"text": "{RECORDS[1]}"}}\r', {"layout": "comments"}),
        ("a.json", '{"document": [{"utterance": [{"form": "첫 줄\\r둘째 줄", "speaker_id": 1}]}]}', {}),
    ],
)
def test_every_layout_ends_its_lines_so(tmp_path, name, content, told):
    """In comments and turns, as any line end there, it becomes a space."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = [document.sentences for document in read_both(path, Reading(**told))]
    if name == "a.tsv" or (name == "a.txt" and told):
        assert found == [FIRST[:1], OTHER[:1]]
    elif told or "utterance" in str(content):
        assert found == [[" ".join(FIRST)], [" ".join(OTHER)]][: 2 if told else 1]
    else:
        assert found == [FIRST, OTHER]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\rb\r\rc\r\nd\r")
    assert [document.numbers for document in read_both(tmp_path / "a.txt")] == [[1, 2], [4, 5]]


def test_a_line_is_never_cut_and_one_that_is_too_long_is_none(tmp_path, monkeypatch):
    """A document that is too long ends with a line: with one alone it is as long as that."""
    (tmp_path / "a.txt").write_text("가" * 2_000_000 + "\n나\n")
    assert [list(map(len, document.sentences)) for document in read_both(tmp_path / "a.txt")] == [[2_000_000], [1]]
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100_000)
    for content, start in ((b"a\r" * 10 + b"b" * 200_000, 20), (b"a\n" * 10 + b"\r" * 200_000, 20)):
        (tmp_path / "a.txt").write_bytes(content)
        if b"b" in content:
            with pytest.raises(UserError, match=f"from byte {start} on there is a line of more than 100,000 bytes"):
                read_both(tmp_path / "a.txt")
        else:
            assert len(read_both(tmp_path / "a.txt")) == 1
