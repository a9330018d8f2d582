"""Comments: a line each, in files of any layout; those of one thread, one after the other, are a document."""

import csv
import io
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import blocks, reader
from electra_pretrain.corpus.layouts import comments as module
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from tests.corpus.layouts.contents import read_both

COMMENTS = Reading(layout="comments")
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from(["좋아요", "두 줄\n이다", " ", "ㅋㅋㅋ 인정", "아\r\n\n네"]),
            "article": st.sampled_from(["a1", "a2", "a3", ""]),
            "title": st.just("기사"),
        }
    ),
    max_size=12,
)


def in_layout(name, rows):
    if name == "a.json":
        return json.dumps(rows, ensure_ascii=False).encode()
    if name == "a.jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if name == "a.csv":
        file = io.StringIO()
        writer = csv.DictWriter(file, ["text", "article", "title"])
        writer.writeheader()
        writer.writerows(rows)
        return file.getvalue().encode()
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    table = {name: pa.array([row[name] for row in rows], pa.string()) for name in ("text", "article", "title")}
    pq.write_table(pa.table(table), sink)
    return sink.getvalue().to_pybytes()


def script(rows, by):
    """Comments as lines, those in a row that name the same thread together."""
    kept = [(row["article"], " ".join(row["text"].split())) for row in rows if row["text"].strip()]
    if not by:
        return [[text] for _, text in kept]
    documents = []
    for thread, group in itertools.groupby(kept, key=lambda row: row[0]):
        texts = [text for _, text in group]
        documents += [texts] if thread else [[text] for text in texts]
    return documents


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.parquet"])
@given(rows=ROWS, by=st.sampled_from(["", "article"]))
@settings(max_examples=50, deadline=None)
def test_documents_are_those_of_a_straightforward_script(tmp_path_factory, name, rows, by):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(in_layout(name, rows))
    found = read_both(path, COMMENTS._replace(thread_field=by))
    assert [document.sentences for document in found] == script(rows, by)
    assert {document.unit for document in found} <= {{"a.json": "document", "a.parquet": "row"}.get(name, "line")}
    assert {document.title for document in found} <= {"기사"}


def test_lines_of_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("첫째\n둘째\n\n  \n셋째 \n")
    assert [(one.sentences, one.numbers) for one in read_both(path, COMMENTS)] == [
        (["첫째"], [1]),
        (["둘째"], [2]),
        (["셋째"], [5]),
    ]
    with pytest.raises(UserError, match=r"a\.txt: lines of text name no thread"):
        list(Corpus([str(path)], COMMENTS._replace(thread_field="article")).documents())


THREADS = COMMENTS._replace(thread_field="article.id")


def write_threads(path, threads):
    path.write_text(
        "".join(json.dumps({"text": f"댓글 {n}", "article": {"id": thread}}) + "\n" for n, thread in enumerate(threads))
    )


def test_threads_have_their_name_as_id_and_the_first_comments_place(tmp_path):
    write_threads(tmp_path / "a.jsonl", [7, 7, 8, None, None, 9])
    found = read_both(tmp_path / "a.jsonl", THREADS)
    assert [(one.id, one.numbers[0], len(one.sentences)) for one in found] == [
        ("7", 1, 2),
        ("8", 3, 1),
        ("", 4, 1),
        ("", 5, 1),
        ("9", 6, 1),
    ]


def test_threads_that_come_again_are_counted(tmp_path, caplog, monkeypatch):
    write_threads(tmp_path / "a.jsonl", [1, 2, 1, 3, 2, 1])
    assert len(list(Corpus([str(tmp_path / "a.jsonl")], THREADS).documents())) == 6
    assert "a.jsonl: 3 times a thread comes again after others" in caplog.text
    assert "sort the file by article.id" in caplog.text and len(caplog.records) == 1
    caplog.clear()
    monkeypatch.setattr(module, "_REMEMBERED_THREADS", 1)
    list(Corpus([str(tmp_path / "a.jsonl")], THREADS).documents())
    assert "at least 2 times" in caplog.text
    caplog.clear()
    write_threads(tmp_path / "a.jsonl", [1, 1, 2, 3, 3])
    list(Corpus([str(tmp_path / "a.jsonl")], THREADS).documents())
    assert not caplog.records


def test_an_endless_thread_is_not_held_and_cut_as_any_document(tmp_path, monkeypatch):
    write_threads(tmp_path / "a.jsonl", [1] * 1000)
    assert len(read_both(tmp_path / "a.jsonl", THREADS)) == 1
    for cutting in (blocks, reader):
        monkeypatch.setattr(cutting, "MAX_DOCUMENT_CHARACTERS", 100)
    held = read_both(tmp_path / "a.jsonl", THREADS)
    monkeypatch.setattr(module, "_MAX_THREAD_CHARACTERS", 100)
    cut = read_both(tmp_path / "a.jsonl", THREADS)
    assert len(cut) > 40 and [one.sentences for one in cut] == [one.sentences for one in held]
    assert len({one.numbers[0] for one in cut}) == len(cut)  # each was a record of its own


BAD = {
    "a.jsonl": (
        '{"text": "x", "articel": {"id": 1}}',
        r'line 1: no thread field "article"; did you mean articel\? .*--thread_field',
    ),
    "a.csv": ("text,article\nx,1", r'line 1: no column "article.id"; did you mean article\? Use --thread_field'),
    "a.tsv": ("txt\tarticle.id\nx\t1", r'line 1: no column "text"; did you mean txt'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_thread_field_that_is_missing_is_named(tmp_path, name):
    stored, message = BAD[name]
    (tmp_path / name).write_text(stored)
    with pytest.raises(UserError, match=rf"{name}, {message}"):
        list(Corpus([str(tmp_path / name)], THREADS).documents())


def test_a_thread_field_without_the_layout_is_refused():
    with pytest.raises(UserError, match="--thread_field article: is for --layout comments"):
        Corpus([], Reading(thread_field="article"))
