"""What is no text is refused in one line that says what it looks like; Korean text that begins oddly is read."""

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.layouts import registry
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.corpus.sniffing import looks_like


def zipped(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "/"), text)
    return content.getvalue()


def tarred():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return content.getvalue()


HANGUL = "한글로 쓴 문장이 여기에 있다. Hello!\n" * 3
NOT_TEXT = {
    "JSON lines": b'{"text": "\xea\xb0\x80"}\n{"text": "b"}\n',
    "a JSON object": json.dumps({"document": [{"id": 1}]}, indent=1).encode(),
    "a JSON array": b'\xef\xbb\xbf [ {"title": "a", "text": "b"},',
    "a JSON array ": b'["a", "b"]',
    "XML": b'<?xml version="1.0"?><mediawiki>',
    "HTML": b"\n<!DOCTYPE html>\n<html>",
    "a PDF": b"%PDF-1.7\n%\xe2\xe3",
    "HWP, a document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + b"HWP Document File",
    "HWPX": zipped(mimetype="application/hwp+zip"),
    "an Office document": zipped(word_document="x"),
    "an Office document ": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "an image": b"\x89PNG\r\n\x1a\n\x00\x00",
    "gzip": gzip.compress(b"text"),
    "xz": lzma.compress(b"text"),
    "zstd": zstandard.compress(b"text"),
    "bzip2": bz2.compress(b"text"),
    "a ZIP archive": zipped(a="x"),
    "a tar archive": tarred(),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "a RAR archive": b"Rar!\x1a\x07\x01\x00",
    "Parquet": b"PAR1\x15\x00",
    "Parquet that is encrypted": b"PARE\x15\x00",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "UTF-16": HANGUL.encode("utf-16"),
    "UTF-16 ": HANGUL.encode("utf-16-le"),
    "UTF-16  ": HANGUL.encode("utf-16-be"),
    "UTF-32": HANGUL.encode("utf-32"),
    "UTF-32 ": HANGUL.encode("utf-32-le"),
    "binary": b"\x7fELF\x02\x01\x01\x00\x80\xff" + bytes(50),
    "binary ": bytes(100),
}


@pytest.mark.parametrize("what", NOT_TEXT)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a", "a.train", "a.tsv.gz"])
def test_what_is_no_text_is_refused_under_any_name(tmp_path, what, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(NOT_TEXT[what]) if name.endswith(".gz") else NOT_TEXT[what])
    for reader in (Corpus([str(path)]).documents(), BlockReader(Corpus([str(path)])).blocks(100)):
        with pytest.raises(UserError) as error:
            list(reader)
        message = str(error.value)
        assert message.startswith(f"{path}: ") and what.strip() in message and "\n" not in message
        assert message.partition(what.strip())[2].count(" ") >= 2, "nor what to do"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_the_command_that_converts_what_it_looks_like_does(encoding):
    """Without a mark iconv must be told the order of the bytes."""
    named = re.search(r"iconv -f (\S+) -t utf-8 FILE > NEW_FILE", looks_like(HANGUL.encode(encoding)).advice)[1]
    assert HANGUL.encode(encoding).decode(named) == HANGUL
    assert ("e" in named) == (encoding[-2:] in ("le", "be"))


@pytest.mark.parametrize(
    ("name", "what", "says"),
    [
        ("a.parquet", "bzip2", "not like PARQUET; unpack it"),
        ("a.parquet", "a Git LFS pointer", "git lfs pull"),
        ("a.zip", "gzip", "not like a zip archive; unpack it"),
        ("a.tar", "gzip", "not like a tar archive; unpack it"),
        ("a.tar", "a Git LFS pointer", "git lfs pull"),
        ("a.zip", "HTML", "not like a zip archive; take the text out"),
    ],
)
def test_what_is_not_what_its_name_promises_need_not_be_fetched_again(tmp_path, name, what, says):
    path = tmp_path / name
    path.write_bytes(NOT_TEXT[what])
    with pytest.raises(UserError, match=rf"{name}: looks like {what}.*{says}"):
        list(Corpus([str(path)]).documents())


TEXT = [
    "[속보] 첫눈",
    "[1]",
    "[1] 각주",
    "<앵커> 안녕하십니까",
    "{…}",
    '{"인용"} 그리고',
    "[",
    "{",
    "<",
    "[]",
    "[가, 나]",
    '["가" 그리고',
    "가\x00나",
]


@pytest.mark.parametrize("text", TEXT)
def test_text_that_begins_oddly_is_text(tmp_path, text):
    path = tmp_path / "a.txt"
    for content in (text, text + "\n둘째 줄이다.\n" * 9000):
        path.write_text(content)
        assert next(iter(Corpus([str(path)]).documents()))[0] == text


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\x00{["<'), max_size=300),
    st.sampled_from(["utf-8", "cp949"]),
)
@settings(max_examples=300, deadline=None)
def test_text_looks_like_nothing_else(text, encoding):
    head = text.encode(encoding, "ignore")
    assert looks_like(head) is None or head.startswith(b"%PDF-")


def test_a_layout_that_is_named_insists(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text('{"text": "가"}\n')
    assert list(Corpus([str(path)], Reading(layout="text")).documents()) == [['{"text": "가"}']]
    assert list(Corpus([str(path)], Reading(layout="jsonl")).documents()) == [["가"]]


@pytest.mark.parametrize(
    ("content", "what"), [('[{"text": "가"}]', "a JSON array"), ('{\n "text": "가"\n}\n', "a JSON object")]
)
def test_json_that_is_not_in_lines(tmp_path, content, what):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=rf"a\.jsonl: looks like {what}, not like JSON lines; say --layout json"):
        list(Corpus([str(path)]).documents())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.train", "its suffix .train says nothing of"),
        ("wiki", "it has no suffix that says"),
        ("제목. 그리고 문장.", "it has no suffix that says"),
    ],
)
def test_a_name_that_says_nothing(tmp_path, name, says):
    path = tmp_path / name
    path.write_text("가\n")
    with pytest.raises(UserError, match=f"{says} how it is laid out; it looks like plain text: say --layout text"):
        list(Corpus([str(path)]).documents())
    path.write_text("")
    assert list(Corpus([str(path)]).documents()) == []


def test_content_that_is_certain_goes_before_the_name(tmp_path, monkeypatch):
    layout = registry.TEXT._replace(name="certain", begins=lambda head: head.startswith(b"\x00\x01certain"))
    monkeypatch.setitem(registry.LAYOUTS, "certain", layout)
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x00\x01certain\n")
    assert registry.layout_of("a.bin", path.read_bytes()) is layout
