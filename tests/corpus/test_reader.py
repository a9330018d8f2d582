"""Reading text: formats, compression, documents, and bad bytes named by file and line."""

import gzip
import json
import lzma
import re
import sys
import unicodedata

import pytest
import zstandard

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import reader as corpus_module
from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from tests.conftest import SAMPLE_CORPUS

TEXT = "첫 문장이다.\n둘째 문장이다.\n\n\n  \n새 문서다. \r\n끝"
DOCUMENTS = [["첫 문장이다.", "둘째 문장이다."], ["새 문서다.", "끝"]]


@pytest.mark.parametrize(
    ("suffix", "compress"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstandard.compress)]
)
def test_text_plain_and_compressed(tmp_path, suffix, compress):
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(compress(TEXT.encode()))
    corpus = Corpus([str(path)])
    assert list(corpus.documents()) == DOCUMENTS
    assert corpus.stored_bytes_read == corpus.stored_bytes


def test_jsonl(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    rows = [{"body": "가\n나\n\n다"}, {"body": ""}, {"body": "라"}]
    path.write_bytes(gzip.compress("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()))
    assert list(Corpus([str(path)], Reading("body")).documents()) == [["가", "나", "다"], ["라"]]


def test_byte_order_mark_and_file_ends_end_documents(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_bytes("\ufeff글".encode())
    paths = find_corpus(f"{tmp_path}/*.txt")
    assert list(Corpus(paths).documents()) == [["글"], ["글"]]


def test_globs_keep_their_order_and_name_nothing_twice(tmp_path):
    for name in ("b.txt", "a.txt", "c.jsonl"):
        (tmp_path / name).write_text("글")
    found = find_corpus(f"{tmp_path}/c*,{tmp_path}/*.txt,{tmp_path}/a.txt")
    assert [path.rsplit("/")[-1] for path in found] == ["c.jsonl", "a.txt", "b.txt"]


def test_a_corpus_without_empty_lines_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "MAX_DOCUMENT_CHARACTERS", 10)
    path = tmp_path / "a.txt"
    path.write_text("네글자다\n" * 7)
    assert [len(document) for document in Corpus([str(path)]).documents()] == [3, 3, 1]


def test_blocks_hold_all_documents_in_order(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join(f"문서 {number}" for number in range(50)))
    blocks = list(Corpus([str(path)]).blocks(characters=20))
    assert len(blocks) > 5
    assert [document for block in blocks for document in block] == [[f"문서 {number}"] for number in range(50)]


BAD = {
    "not UTF-8": ("a.txt", "첫 줄\n".encode() + "둘째".encode("cp949"), r"a\.txt, line 2: not UTF-8 .*cp949"),
    "broken JSON": ("a.jsonl", b'{"text": "a"}\n{"text": ', r"a\.jsonl, line 2: not valid JSON"),
    "no field": (
        "a.jsonl",
        b'{"txt": "a"}',
        r'a\.jsonl, line 1: no text field "text"; did you mean txt\? Name the right one with --text_field',
    ),
    "not an object": ("a.jsonl", b"[1]", r"a\.jsonl, line 1: is list, not an object"),
    "not text": ("a.jsonl", b'{"text": 3}', r'a\.jsonl, line 1: text field "text" holds int'),
    "truncated gz": ("a.txt.gz", gzip.compress(TEXT.encode() * 999)[:-20], r"a\.txt\.gz: damaged or truncated"),
    "no column": ("a.csv", b"id,body\n1,x\n", r'a\.csv, line 1: no column "text"; did you mean .*--column'),
    "missing cell": ("a.tsv", b"id\ttext\n1\tx\n2\n", r'a\.tsv, line 3: column 2, "text", is missing'),
    "broken quotes": ("a.csv", b'text\nx\n"y" z\n', r"a\.csv, row from line 3: not valid CSV"),
    "empty table": ("a.csv", b"", r'a\.csv, line 1: no column "text"'),
    "not gz": ("a.txt.gz", b"plain", r"a\.txt\.gz: not gzip, as .* if it is not compressed"),
    "not xz": ("a.txt.xz", b"plain", r"a\.txt\.xz: not xz, as .* if it is not compressed"),
    "not zst": ("a.txt.zst", b"plain", r"a\.txt\.zst: not zstd, as .* if it is not compressed"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_file_and_line(tmp_path, name):
    file_name, content, message = BAD[name]
    (tmp_path / file_name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(Corpus([str(tmp_path / file_name)]).documents())


TABLES = {
    "a.csv": ('id,body\n1,"가, ""나"""\n\n2,"다\n라"\n3,\n', [['가, "나"'], ["다", "라"]], [2, 4]),
    "a.tsv": ('body\tlabel\n가 "나\t0\n"다\t1\n', [['가 "나'], ['"다']], [2, 3]),
    "a.ndjson": ('{"body": "가\\n나"}\n\n{"body": "다"}\n', [["가", "나"], ["다"]], [1, 3]),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(("suffix", "compress"), [("", bytes), (".gz", gzip.compress)])
def test_a_record_is_a_document_that_knows_its_line(tmp_path, name, suffix, compress):
    content, documents, numbers = TABLES[name]
    path = tmp_path / (name + suffix)
    path.write_bytes(compress(("\ufeff" + content).encode()))
    found = list(Corpus([str(path)], Reading("body")).located_documents())
    assert [document.sentences for document in found] == documents
    assert [document.numbers[0] for document in found] == numbers
    assert {document.path for document in found} == {str(path)}


def test_lines_of_text_know_their_number(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n첫째\n\n\n둘째\n셋째")
    found = [(document.numbers, document.sentences) for document in Corpus([str(path)]).located_documents()]
    assert found == [([2], ["첫째"]), ([5, 6], ["둘째", "셋째"])]


def write_parquet(path, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path, row_group_size=700)


@pytest.mark.parametrize("opened", ["plainly", "by TensorFlow"])
def test_parquet_in_batches(tmp_path, monkeypatch, opened):
    path = tmp_path / "a.parquet"
    write_parquet(path, id=list(range(3000)), body=[None if n == 5 else f"글 {n}\n둘째" for n in range(3000)])
    if opened == "by TensorFlow":  # as on gs://
        import tensorflow as tf

        monkeypatch.setattr(files, "open_raw", lambda path, mode="rb": tf.io.gfile.GFile(path, mode))
    found = list(Corpus([str(path)], Reading("body")).located_documents())
    assert [document.sentences for document in found] == [[f"글 {n}", "둘째"] for n in range(3000) if n != 5]
    assert [document.numbers[0] for document in found] == [n + 1 for n in range(3000) if n != 5]


def test_parquet_mistakes_are_named(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    write_parquet(path, content=["글"], number=[1])
    with pytest.raises(UserError, match=r'a\.parquet: no column "contents"; did you mean content\?'):
        list(Corpus([str(path)], Reading("contents")).documents())
    with pytest.raises(UserError, match=r'a\.parquet: column "number" holds no text'):
        list(Corpus([str(path)], Reading("number")).documents())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"a\.parquet: damaged, or not Parquet"):
        list(Corpus([str(path)], Reading("content")).documents())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'electra_pretrain\[parquet\]'"):
        list(Corpus([str(path)], Reading("content")).documents())


@pytest.mark.parametrize("encoding", ["cp949", "euc-kr", "UTF_8"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "a.txt"
    # 똠 is not in EUC-KR proper, but in what files of that name hold.
    path.write_bytes(f"똠\n\n{TEXT}".encode("utf-8" if encoding == "UTF_8" else "cp949"))
    assert list(Corpus([str(path)], Reading(encoding=encoding)).documents()) == [["똠"], *DOCUMENTS]


DAMAGED = {
    "a.txt": ("가\n나\xff다\n라\n", ["가", "나\ufffd다", "라"]),
    "a.jsonl": ('{"text": "가"}\n{"text": "나\xff다"}\n{"text": "라"}', ["가", "나\ufffd다", "라"]),
    "b.jsonl": (
        r'{"text": "가"}' + "\n" + r'{"text": "나\ud83d다"}' + "\n" + r'{"text": "\ud83d\ude00"}',
        ["가", "나\ufffd다", "😀"],
    ),
    "a.csv": ('text\n가\n"나\xff다"\n라\n', ["가", "나\ufffd다", "라"]),
    "a.tsv": ("text\n가\n나\xff다\n라\n", ["가", "나\ufffd다", "라"]),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_bytes_end_the_work_or_are_left_out_or_marked_and_counted(tmp_path, name):
    content, mended = DAMAGED[name]
    path = tmp_path / name
    path.write_bytes(b"\xff".join(part.encode() for part in content.split("\xff")))
    number = 3 if "sv" in name else 2
    with pytest.raises(UserError, match=rf"{name}, line {number}: (not UTF-8 \(byte 0xff|holds half a surrogate)"):
        list(Corpus([str(path)]).documents())
    corpus = Corpus([str(path)], Reading(on_bad_bytes="skip"))
    assert [line for document in corpus.documents() for line in document] == [mended[0], mended[2]]
    assert corpus.decoder.damaged == 1
    corpus = Corpus([str(path)], Reading(on_bad_bytes="replace"))
    assert [line for document in corpus.documents() for line in document] == mended
    assert corpus.decoder.damaged == 1


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match=re.escape(f"{tmp_path}/*.txt: no such file")):
        find_corpus(f"{tmp_path}/*.txt")


def test_sample_corpus_is_what_the_readme_says():
    paths = sorted(SAMPLE_CORPUS.glob("*.txt"))
    documents = list(Corpus([str(path) for path in paths]).documents())
    lines = [line for document in documents for line in document]
    assert len(paths) == 8
    assert len(documents) >= 300
    assert sum(len(line.encode()) for line in lines) >= 350_000
    assert len(set(lines)) == len(lines)
    assert all(unicodedata.normalize("NFC", line) == line for line in lines)
    text = "\n".join(lines)
    for kind in (
        "[\u3131-\u318e]{2}",
        "[\u4e00-\u9fff]",
        "[A-Za-z]{3}",
        "[0-9]{3}",
        "[\U0001f300-\U0001faff]",
        "제[0-9]+조",
    ):
        assert re.search(kind, text), kind


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"text_field": ""}, "--text_field: is empty; name the key, path or column that holds the text"),
        ({"form": "original_form", "layout": "text"}, "--form original_form: is for --layout modu, not text"),
    ],
)
def test_what_no_layout_can_do_is_refused(told, message):
    with pytest.raises(UserError, match=message):
        Corpus([], Reading(**told))
