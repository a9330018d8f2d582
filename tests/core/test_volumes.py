"""Files cut into volumes are one file, whichever names them; a missing volume is named."""

import hashlib
import io
import random
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core import files, volumes
from electra_pretrain.core.errors import UserError

NAMES = {
    "split": ["c.tar.gzaa", "c.tar.gzab", "c.tar.gzac"],
    "split, a dot": ["c.txt.aa", "c.txt.ab"],
    "three letters": ["c.zip.aaa", "c.zip.aab"],
    "7z": ["c.zip.001", "c.zip.002", "c.zip.003"],
    "split -d": ["c.jsonl.zst00", "c.jsonl.zst01"],
    "part": [f"c.tar.part{number}" for number in range(1, 12)],
    "part, letters": ["c.tar.gz.part-aa", "c.tar.gz.part-ab"],
    "one": ["c.tgzaa"],
    "more than split's first letters": [
        f"c.gz{a}{b}" for a in "abcdefghijklmnopqrstuvwxy" for b in "abcdefghijklmnopqrstuvwxyz"
    ]
    + ["c.gzzaaa", "c.gzzaab"],
}


@pytest.mark.parametrize("kind", NAMES)
def test_volumes_are_one_file(tmp_path, kind):
    names = NAMES[kind]
    content = random.Random(1).randbytes(700 * 3)
    for number, name in enumerate(names):
        share = len(content) // len(names)
        end = None if number == len(names) - 1 else (number + 1) * share
        (tmp_path / name).write_bytes(content[number * share : end])
    (tmp_path / "other.tar.gzaa").write_bytes(b"another's")
    (tmp_path / f"{names[0]}.md5").write_bytes(b"of the first")
    first = str(tmp_path / names[0])
    with volumes.open_whole(first) as file:
        assert file.read() == content
    assert volumes.size(first) == len(content)
    assert volumes.sha256(first) == hashlib.sha256(content).hexdigest()
    assert volumes.fold([str(tmp_path / name) for name in reversed(names)]) == [first]
    assert volumes.cut_from(volumes.whole_name(first)) == [first]
    assert volumes.was_cut(first)


def test_what_split_writes(tmp_path):
    content = random.Random(2).randbytes(10_000)
    (tmp_path / "whole").write_bytes(content)
    subprocess.run(["split", "-b", "10", "whole", "c.tar.gz"], cwd=tmp_path, check=True)
    assert len(volumes.volumes_of(f"{tmp_path}/c.tar.gzaa")) == 1000
    assert volumes.open_whole(f"{tmp_path}/c.tar.gzaa").read() == content


@given(
    st.lists(st.binary(max_size=9), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 45), st.integers(0, 9)), max_size=9),
)
@settings(max_examples=150, deadline=None)
def test_reads_and_seeks_as_a_file(tmp_path_factory, parts, steps):
    folder = tmp_path_factory.mktemp("v")
    for letter, part in zip("abcde", parts, strict=False):
        (folder / f"c.zipa{letter}").write_bytes(part)
    wanted = io.BytesIO(b"".join(parts))
    with volumes.open_whole(f"{folder}/c.zipaa") as file:
        for place, size in steps:
            assert file.seek(place) == wanted.seek(place)
            assert file.read(size) == wanted.read(size) and file.tell() == wanted.tell()
        assert file.seek(0, io.SEEK_END) == len(wanted.getvalue())


def test_no_more_than_one_is_open(tmp_path, monkeypatch):
    for letter in "abcd":
        (tmp_path / f"c.zipa{letter}").write_bytes(b"0123456789")
    opened = []
    open_raw = files.open_raw
    monkeypatch.setattr(files, "open_raw", lambda path: opened.append(open_raw(path)) or opened[-1])
    monkeypatch.setattr(volumes, "_BUFFER_BYTES", 4)
    with volumes.open_whole(f"{tmp_path}/c.zipaa") as file:
        while file.read(3):
            assert sum(not each.closed for each in opened) <= 1
    assert len(opened) == 4 and all(each.closed for each in opened)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["c.tar.gzaa", "c.tar.gzac"], "c.tar.gzab: this volume is missing, though there is c.tar.gzac"),
        (["c.zip.001", "c.zip.002", "c.zip.004"], "c.zip.003: this volume is missing, though there is c.zip.004"),
        (["c.tar.gzab", "c.tar.gzac"], "c.tar.gzab: is a volume of c.tar.gz, of which the first is missing"),
        (["c.zip.002"], "c.zip.002: is a volume of c.zip, of which the first is missing"),
    ],
)
def test_a_missing_volume_is_named(tmp_path, names, message):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=message):
        for path in volumes.fold([f"{tmp_path}/{name}" for name in names]):
            volumes.open_whole(path)


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "a.txt.gz",
        "a.tar.gz",
        "a.json",
        "a.jsonlines",
        "a.txt.bak",
        "part-00000",
        "part-00001.txt.zst",
        "wiki_00",
        "a.txt.1",
        "a.csv.20200101",
        "baa",
        "x/aa",
    ],
)
def test_no_volume(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"text")
    assert volumes.fold([str(path)]) == [str(path)] and not volumes.was_cut(str(path))
    with volumes.open_whole(str(path)) as file:
        assert file.read() == b"text"
    assert volumes.size(str(path)) == 4 and volumes.sha256(str(path)) == files.sha256(str(path))
