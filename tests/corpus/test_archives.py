"""Archives are read where they lie: every member that holds text, in stored order, by both readers, and nothing beside them."""

import bz2
import gzip
import io
import json
import logging
import lzma
import os
import re
import tarfile
import unicodedata
import zipfile

import pytest
import zstandard

from electra_pretrain import clean_corpus, train_vocab
from electra_pretrain.core import compression, files
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus import archives
from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.layouts import lines
from electra_pretrain.corpus.partition import measure, plan
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.execution import resume
from tests.cli.test_commands import assert_one_line, run

MEMBERS = {
    "뉴스/b.txt": "첫 문장이다.\n둘째 문장이다.\n\n새 문서다.\n끝".encode(),
    "a.jsonl.gz": gzip.compress(b"".join(json.dumps({"text": f"글 {n}"}).encode() + b"\n" for n in range(3))),
    "__MACOSX/._b.txt": b"\x00\x05\x16\x07",
    "표.csv.zst": zstandard.compress("id,text\n1,칸\n".encode()),
    ".DS_Store": b"\x00\x00\x00\x01Bud1",
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "뉴스/설명.pdf": b"%PDF-1.7",
    "사진.png": b"\x89PNG\r\n\x1a\n",
    "inner.zip": b"PK\x03\x04",
    "empty.txt": b"",
    "LICENSE": b"",
}
DOCUMENTS = [["첫 문장이다.", "둘째 문장이다."], ["새 문서다.", "끝"], ["글 0"], ["글 1"], ["글 2"], ["칸"]]
COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, ".zst": zstandard.compress}
KINDS = [
    *(".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".TAR.GZ", ".ZIP"),
]


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, stored in members.items():
            archive.writestr(name, stored)
    return content.getvalue()


def tarred(members, format=tarfile.PAX_FORMAT, encoding="utf-8"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=format, encoding=encoding) as archive:
        for name, stored in members.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(stored)
            archive.addfile(info, io.BytesIO(stored))
    return content.getvalue()


def write(folder, members, suffix, name="a"):
    path = folder / f"{name}{suffix}"
    compress = COMPRESS[archives.compression_of(path.name)]
    path.write_bytes(zipped(members) if suffix.lower() == ".zip" else compress(tarred(members)))
    return str(path)


def documents(path, reading=None):
    """What both readers, and the cluster's, make of a file: the same."""
    corpus = Corpus([path], reading)
    found = list(corpus.documents())
    blocks = [block.documents() for block in BlockReader(Corpus([path], reading)).blocks(15)]
    assert blocks == list(Corpus([path], reading).blocks(15))
    plans = plan(corpus, measure(corpus, lambda function, tasks: (function(*task) for task in tasks)), 15)
    assert [block for of_file in plans for _, block in of_file.blocks()] == list(Corpus([path], reading).located_blocks(15))
    return found


@pytest.mark.parametrize("suffix", KINDS)
def test_members_are_read_in_order_by_all_readers(tmp_path, suffix, caplog):
    path = write(tmp_path, MEMBERS, suffix)
    with caplog.at_level(logging.WARNING):
        assert documents(path) == DOCUMENTS
    assert os.listdir(tmp_path) == [os.path.basename(path)], "something was unpacked"
    (message,) = {record.getMessage() for record in caplog.records}
    assert message == (
        f"{path}: 3 members are no text that is known and passed over: "
        "뉴스/설명.pdf (a PDF), 사진.png (an image), inner.zip (a zip archive)"
    )


def test_a_document_knows_its_member_and_its_line(tmp_path):
    path = write(tmp_path, MEMBERS, ".tar.gz")
    found = [(each.path, each.numbers) for each in Corpus([path]).located_documents()]
    assert found[:3] == [(f"{path}!뉴스/b.txt", [1, 2]), (f"{path}!뉴스/b.txt", [4, 5]), (f"{path}!a.jsonl.gz", [1])]


@pytest.mark.parametrize("suffix", [".zip", ".tar.zst"])
@pytest.mark.parametrize(
    ("globs", "wanted"),
    [
        ("*.txt", DOCUMENTS[:2]),
        ("뉴스/*.txt", DOCUMENTS[:2]),
        ("a.jsonl.gz, 표*", DOCUMENTS[2:]),
        (unicodedata.normalize("NFD", "표.*"), DOCUMENTS[5:]),
    ],
)
def test_members_that_match(tmp_path, suffix, globs, wanted):
    assert documents(write(tmp_path, MEMBERS, suffix), Reading(members=globs)) == wanted


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
@pytest.mark.parametrize(
    ("members", "reading", "message"),
    [
        (MEMBERS, Reading(members="*.json"), "no member matches --members *.json"),
        ({"README": b"a"}, Reading(members="README"), "!README: it has no suffix that says how it is laid out"),
        (MEMBERS, Reading(members="*.pdf"), "!뉴스/설명.pdf: its suffix .pdf says nothing of how"),
        (MEMBERS, Reading(members="inner*"), "!inner.zip: is a zip archive"),
        ({"a.pdf": b"%PDF-", "b.train": b"text"}, None, "members that are none: a.pdf (a PDF), b.train (plain text, .train)"),
        ({}, None, "no members"),
        ({"a.txt": b"<html>"}, Reading(members="*"), "!a.txt: looks like HTML"),
        ({"a.txt": b"<html>"}, None, "a.txt (HTML)"),
        ({"a.txt": b"a\nb\n\xff"}, None, "!a.txt, line 3: not UTF-8"),
        ({"a.jsonl.gz": gzip.compress(b'{"text": "a"}' * 999)[:-9]}, None, "!a.jsonl.gz: damaged or truncated"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(tmp_path, suffix, members, reading, message):
    path = write(tmp_path, members, suffix)
    with pytest.raises(UserError, match=re.escape(path) + ".*" + re.escape(message)):
        list(Corpus([path], reading).documents())


def test_a_layout_by_name_reads_members_of_any_suffix_but_no_pictures(tmp_path):
    path = write(tmp_path, {"wiki.train": "가\n".encode(), "a.png": b"\x89PNG\r\n\x1a\n"}, ".zip")
    assert documents(path, Reading(layout="text")) == [["가"]]


def test_a_corpus_that_is_called_corpus_json(tmp_path):
    members = {"a.txt": b"a\n", "b/corpus.json": b'[{"text": "b"}]', "c/corpus.json": b'{"steps": []}'}
    for suffix in (".zip", ".tar.gz"):
        assert documents(write(tmp_path, members, suffix)) == [["a"], ["b"]]


def test_parquet_in_archives(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = io.BytesIO()
    pq.write_table(pa.table({"text": [f"글 {n}" for n in range(50)]}), table)
    for suffix in (".zip", ".tar.gz"):
        assert len(documents(write(tmp_path, {"a.parquet": table.getvalue()}, suffix))) == 50


def cp949_zip(name):
    """As Korean Windows writes it: no flag, the name in CP949."""
    stand_in = "x" * len(name.encode("cp949"))
    return zipped({stand_in: b"text\n"}).replace(stand_in.encode(), name.encode("cp949"))


def mac_zip(name):
    stand_in = "x" * len(name.encode())
    return zipped({stand_in: b"text\n"}).replace(stand_in.encode(), name.encode())


NAME = "말뭉치/뉴스 똠.txt"
NAMED = {
    "zip of Korean Windows": (".zip", lambda: cp949_zip(NAME)),
    "zip with the flag": (".zip", lambda: zipped({NAME: b"text\n"})),
    "zip of a Mac": (".zip", lambda: mac_zip(unicodedata.normalize("NFD", NAME))),
    "zip with backslashes": (".zip", lambda: cp949_zip(NAME.replace("/", "\\"))),
    "tar in CP949": (".tar", lambda: tarred({NAME: b"text\n"}, tarfile.GNU_FORMAT, "cp949")),
    "tar of a Mac": (".tar", lambda: tarred({unicodedata.normalize("NFD", f"./{NAME}"): b"text\n"}, tarfile.USTAR_FORMAT)),
    "tar, a long name": (".tar", lambda: tarred({f"./{NAME}": b"text\n"}, tarfile.PAX_FORMAT)),
}


@pytest.mark.parametrize("kind", NAMED)
def test_names_in_every_spelling(tmp_path, kind):
    suffix, made = NAMED[kind]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(made())
    (found,) = Corpus([str(path)], Reading(members="말뭉치/*")).located_documents()
    assert found.path == f"{path}!{NAME}"


def link(name, to, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def test_nothing_is_followed_or_written(tmp_path, caplog):
    (tmp_path / "secret.txt").write_text("secret")
    device = tarfile.TarInfo("null.txt")
    device.type = tarfile.CHRTYPE
    members = {
        link("l.txt", str(tmp_path / "secret.txt")): b"",
        link("h.txt", "../secret.txt", tarfile.LNKTYPE): b"",
        device: b"",
        "../../up.txt": b"up",
        str(tmp_path / "absolute.txt"): b"absolute",
        "line\nbreak\x1b[31m.txt": b"odd",
    }
    (tmp_path / "in").mkdir()
    tar = write(tmp_path / "in", members, ".tar")
    found = list(Corpus([tar]).located_documents())
    assert [each.sentences for each in found] == [["up"], ["absolute"], ["odd"]]
    assert found[2].path == f"{tar}!line\ufffdbreak\ufffd[31m.txt"
    assert sorted(os.listdir(tmp_path)) == ["in", "secret.txt"] and os.listdir(tmp_path / "in") == ["a.tar"]
    assert "l.txt (a link), h.txt (a link), null.txt (a device" in caplog.text
    info = zipfile.ZipInfo("l.txt")
    info.external_attr = 0o120777 << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(info, str(tmp_path / "secret.txt"))
        archive.writestr("a.txt", "text")
    (tmp_path / "in" / "a.zip").write_bytes(content.getvalue())
    assert list(Corpus([f"{tmp_path}/in/a.zip"]).documents()) == [["text"]]


TEXT = {"a.txt": os.urandom(40_000).hex().encode() + b"\n", "b.txt": b"b\n"}


@pytest.mark.parametrize("suffix", [suffix for suffix in KINDS if suffix.islower()])
def test_a_truncated_archive_at_whatever_byte(tmp_path, suffix):
    path = write(tmp_path, TEXT, suffix)
    content = files.read_bytes(path)
    for share in (0, 0.001, 0.3, 0.97, 0.999):
        files.write_bytes(path, content[: int(len(content) * share)])
        with pytest.raises(Damaged, match=rf"a\{suffix}.*: damaged or truncated .*; fetch it again"):
            list(Corpus([path]).documents())


def test_a_tar_cut_between_two_members_or_broken_there(tmp_path):
    content = tarred({"a.txt": b"a\n", "b.txt": b"b\n"})
    path = tmp_path / "a.tar"
    path.write_bytes(content[:1024])
    with pytest.raises(Damaged, match=r"a\.tar: damaged or truncated archive \(the mark of its end is missing\)"):
        list(Corpus([str(path)]).documents())
    path.write_bytes(content[:1030] + b"\xff" + content[1031:])
    with pytest.raises(Damaged, match=r"a\.tar: damaged or truncated archive"):
        list(Corpus([str(path)]).documents())
    path.write_bytes(content + tarred({"c.txt": b"c\n"}))
    assert documents(str(path)) == [["a"], ["b"], ["c"]]


def test_a_broken_zip_member(tmp_path):
    path = tmp_path / "a.zip"
    content = zipped({"a.txt": b"some text\n" * 9, "b.txt": b"more\n"}, zipfile.ZIP_STORED)
    path.write_bytes(content.replace(b"some text\nsome", b"some test\nsome", 1))
    with pytest.raises(Damaged, match=r"a\.zip!a\.txt: damaged or truncated archive .*CRC"):
        list(Corpus([str(path)]).documents())
    corpus = Corpus([str(path)], Reading(on_bad_file="skip"))
    assert list(corpus.documents())[-1] == ["more"] and corpus.damage.left_out == 1


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (6, b"\xff\x00", r"a\.zip: damaged or truncated archive \(zip file version 25\.5\); fetch it again"),
        (46, b"\x00", r"a\.zip: damaged or truncated archive \(a member without a name\); fetch it again"),
        # A comment's length, by which the members that follow would be passed over.
        (32, b"\x40", r"a\.zip: damaged or truncated archive \(1 members in its directory, of 2\); fetch it again"),
    ],
)
def test_a_broken_directory_of_a_zip(tmp_path, place, value, message):
    content = bytearray(zipped({"a.txt": b"text", "b.txt": b"text"}))
    place += content.index(b"PK\x01\x02")
    content[place : place + len(value)] = value
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(Damaged, match=message):
        list(Corpus([str(tmp_path / "a.zip")]).documents())


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (6, b"\x01\x00", "encrypted; unpack the archive with its password, or leave it out with --members"),
        (8, b"\x09\x00", "compressed in a way that is not known here"),
    ],
)
def test_a_zip_member_that_cannot_be_opened(tmp_path, place, value, message):
    content = bytearray(zipped({"a.txt": b"text"}))
    directory = content.index(b"PK\x01\x02")
    content[place : place + 2] = value
    content[directory + place + 2 : directory + place + 4] = value
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=rf"a\.zip!a\.txt: {message}"):
        list(Corpus([str(path)]).documents())


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".txt.gz", ".txt.xz", ".txt.bz2", ".txt.zst"])
def test_bombs(tmp_path, monkeypatch, suffix):
    text = b"boom\n" * 400_000
    path = tmp_path / f"a{suffix}"
    path.write_bytes(COMPRESS[suffix[4:]](text) if suffix.startswith(".txt") else b"")
    if suffix in (".zip", ".tar.gz"):
        write(tmp_path, {"b.txt": text}, suffix)
    assert sum(map(len, Corpus([str(path)]).documents())) == 400_000
    monkeypatch.setattr(compression, "GROWTH_ALLOWED_BYTES", 1 << 20)
    monkeypatch.setattr(compression, "MOST_GROWTH", 50)
    with pytest.raises(UserError, match=r"grows to more than 50 times its stored size"):
        list(Corpus([str(path)]).documents())
    assert compression.MOST_GROWTH == 50


def test_a_header_that_wants_all_memory(tmp_path):
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(Damaged, match=r"a\.tar: damaged or truncated archive \(a header of 1,099,511,627,776 bytes\)"):
        list(Corpus([str(path)]).documents())


def test_the_list_of_members_does_not_grow(tmp_path):
    path = write(tmp_path, {f"{n}.txt": b"x\n" for n in range(300)}, ".tar")
    with open(path, "rb") as file:
        assert sum(1 for _ in archives.members_of(path, "tar", file)) == 300
    most = []
    opened = tarfile.open

    def watched(*args, **kwargs):
        tar = opened(*args, **kwargs)
        after = tar.next
        tar.next = lambda: (most.append(len(tar.members)), after())[1]
        return tar

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tarfile, "open", watched)
        assert len(list(Corpus([path]).documents())) == 300
    assert max(most) <= 1


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.zip"])
def test_a_line_without_end(tmp_path, monkeypatch, name):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1 << 18)
    path = tmp_path / name
    first = b'{"text": "a"}\n' if name == "a.jsonl" else b"text\n"
    path.write_bytes(zipped({"a.txt": first + b"x" * 400_000}) if name == "a.zip" else first + b"x" * 400_000)
    for reader in (Corpus([str(path)]).documents(), BlockReader(Corpus([str(path)])).blocks(100)):
        with pytest.raises(UserError, match=rf"from byte {len(first)} on there is a line of more than 262,144 bytes"):
            list(reader)
    path.write_bytes(zipped({"a.txt": b"x" * 250_000}) if name == "a.zip" else first + b"[" * 250_000)
    if name in ("a.txt", "a.zip"):
        assert len(list(Corpus([str(path)]).documents())) == 1


def cut(path, number=3):
    content = files.read_bytes(path)
    os.remove(path)
    share = -(-len(content) // number)
    for n in range(number):
        with open(f"{path}a{chr(97 + n)}", "wb") as file:
            file.write(content[n * share : (n + 1) * share])
    return f"{path}aa"


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar", ".jsonl.zst"])
def test_volumes_are_read_as_the_archive(tmp_path, suffix):
    members = {"a.txt": "".join(f"문장 {n}\n\n" for n in range(900)).encode()}
    if suffix == ".jsonl.zst":
        path = tmp_path / "a.jsonl.zst"
        path.write_bytes(zstandard.compress(b"".join(json.dumps({"text": f"문장 {n}"}).encode() + b"\n" for n in range(900))))
    else:
        path = write(tmp_path, members, suffix)
    whole = resume.source(str(path))
    first = cut(str(path))
    assert documents(first) == [[f"문장 {n}"] for n in range(900)]
    assert resume.sources([first]) == [{**whole, "path": first}]
    reader = BlockReader(Corpus([first]))
    assert len(list(reader.blocks(100))) > 1 and reader.sources == resume.sources([first])
    assert Corpus([first]).stored_bytes == whole["bytes"] == reader.bytes_read
    os.remove(first[:-1] + "c")
    with pytest.raises(Damaged, match=r"; it was read from 2 volumes, the last .*ab: are there more\?"):
        list(Corpus([first]).documents())


@pytest.mark.parametrize("processes", [1, 2])
def test_clean_corpus_from_an_archive_in_volumes(tmp_path, capfd, processes):
    plain = tmp_path / "plain.txt"
    plain.write_text("".join(f"{n}번째 문서의 문장입니다.\n\n" for n in range(400)))
    write(tmp_path, {"글.txt": plain.read_bytes(), "사진.png": b"\x89PNG\r\n\x1a\n"}, ".tar.gz", "comments")
    cut(f"{tmp_path}/comments.tar.gz")
    for name, corpus in (("one", plain), ("two", f"{tmp_path}/comments.tar.gz*"), ("three", f"{tmp_path}/comments.tar.gz")):
        arguments = [
            "--corpus",
            corpus,
            "--output",
            tmp_path / name,
            "--num_processes",
            processes,
            "--dropped",
            tmp_path / f"{name}.jsonl",
        ]
        assert run(clean_corpus, arguments, capfd)[0] == 0
    parts = [zstandard.decompress((tmp_path / name / "part-00000.txt.zst").read_bytes()) for name in ("one", "two", "three")]
    assert parts[0] == parts[1] == parts[2] and parts[0].count(b"\n\n") == 400


REFUSED = {
    "bomb.zip": lambda: zipped({"a.txt": b"boom\n" * 99_999}),
    "truncated.tar.gz": lambda: gzip.compress(tarred(TEXT))[:-9],
    "cut.tar.gzaa": lambda: gzip.compress(tarred(TEXT))[:-9],
    "encrypted.zip": lambda: zipped({"a.txt": b"x"}).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    ),
    "pdf.txt": lambda: b"%PDF-1.7\n",
    "names.zip": lambda: zipped({"a.pdf": b"%PDF-", "b.hwp": b"HWP Document File V3"}),
    "data.bin": lambda: bytes(99),
    "utf16.txt": lambda: "한글\n".encode("utf-16"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("module", [clean_corpus, train_vocab])
def test_a_refusal_is_one_line(tmp_path, capfd, monkeypatch, name, module):
    monkeypatch.setattr(compression, "GROWTH_ALLOWED_BYTES", 1 << 10)
    path = tmp_path / name
    path.write_bytes(REFUSED[name]())
    more = ["--num_processes", 1] if module is clean_corpus else []
    code, err = run(module, ["--corpus", path, "--output", tmp_path / "out", *more], capfd)
    errors = [line for line in err.splitlines() if "error: " in line]
    assert code == 1 and len(errors) == 1 and name in errors[0] and "Traceback" not in err


def test_members_without_an_archive(tmp_path, capfd):
    (tmp_path / "a.txt").write_text("text")
    result = run(train_vocab, ["--corpus", tmp_path / "a.txt", "--output", tmp_path / "v", "--members", "*.txt"], capfd)
    assert_one_line(result, "--members *.txt: is for archives, and there is none")


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_by_tensorflow_as_from_a_bucket(tmp_path, monkeypatch, suffix):
    import tensorflow as tf

    path = write(tmp_path, MEMBERS, suffix)
    monkeypatch.setattr(files, "open_raw", lambda path, mode="rb": tf.io.gfile.GFile(path, mode))
    assert documents(path) == DOCUMENTS
    assert documents(cut(path)) == DOCUMENTS
