"""Each file in its own encoding, which its beginning tells; what is not of it is counted and does not end the reading."""

import gzip
import json

import pytest

from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.stats import encodings
from electra_pretrain.corpus.stats.encodings import CP949, MIXED, UTF_8, UTF_16, WITH_MARK, FileReader

LINES = [f"이것은 {number}번째 줄이다." for number in range(50)]
TEXT = "\n".join(LINES) + "\n"


def read(path, content):
    path.write_bytes(content)
    reader = FileReader(Corpus([str(path)]))
    documents = [document for block in reader.blocks(100) for document in block]
    (found,) = reader.found
    assert found.path == str(path) and found.bytes == len(content)
    assert reader.stored_bytes_read == len(content)
    return found, [line for document in documents for line in document.sentences]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), UTF_8),
        (b"plain ASCII\n", UTF_8),
        (TEXT.encode("utf-8-sig"), WITH_MARK),
        (TEXT.encode("cp949"), CP949),
    ],
)
def test_a_file_of_one_encoding_is_read_whole(tmp_path, content, encoding):
    found, lines = read(tmp_path / "a.txt", content)
    assert (found.encoding, found.bad_lines, found.lines) == (encoding, 0, len(lines))
    assert lines == LINES or lines == ["plain ASCII"]


@pytest.mark.parametrize("name", ["utf-16", "utf-16-be"])
def test_utf_16_is_named_and_not_read(tmp_path, name):
    content = TEXT.encode(name) if name == "utf-16" else b"\xfe\xff" + TEXT.encode(name)
    found, lines = read(tmp_path / "a.txt", content)
    assert (found.encoding, found.read_as, lines) == (UTF_16, None, [])


def test_a_compressed_file_and_json_lines_in_cp949(tmp_path):
    assert read(tmp_path / "a.txt.gz", gzip.compress(TEXT.encode("cp949")))[0].encoding == CP949
    content = "".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in LINES).encode("cp949")
    found, lines = read(tmp_path / "a.jsonl", content)
    assert (found.encoding, lines) == (CP949, LINES)


def test_lines_of_another_encoding_are_counted(tmp_path):
    bad = "다른 부호".encode("cp949") + b"\n"
    few, lines = read(tmp_path / "few.txt", TEXT.encode() * 4 + bad + TEXT.encode())
    assert (few.encoding, few.read_as, few.bad_lines, few.lines) == (UTF_8, UTF_8, 1, 251)
    assert "\ufffd" in lines[200] and lines[:200] == LINES * 4
    many, _ = read(tmp_path / "many.txt", TEXT.encode() + 10 * bad)
    assert (many.encoding, many.read_as, many.bad_lines) == (MIXED, UTF_8, 10)
    other, _ = read(tmp_path / "other.txt", TEXT.encode("cp949") + 10 * "유티에프".encode() + b"\n")
    assert (other.encoding, other.read_as, other.bad_lines) == (MIXED, CP949, 1)


def test_only_the_beginning_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(encodings, "SAMPLE_LINES", 10)
    text = "\n\n".join(LINES)  # every line a document, so that the sample may end after ten
    found, lines = read(tmp_path / "a.txt", text.encode() + 3 * (b"\n" + text.encode("cp949")))
    assert (found.encoding, found.read_as, found.bad_lines, found.lines) == (MIXED, UTF_8, 150, 200)
    assert lines[:50] == LINES


def test_a_file_is_opened_once_unless_it_is_damaged(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(encodings, "Corpus", lambda paths, reading: opened.append(reading.encoding) or Corpus(paths, reading))
    read(tmp_path / "a.txt", TEXT.encode())
    assert opened == ["utf-8"]
    read(tmp_path / "a.txt", TEXT.encode("cp949"))
    assert opened == ["utf-8", "utf-8", "cp949"]
