"""Two gigabytes in each layout that streams, and in each container: every document, in bounded memory."""

import gzip
import json
import random
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.conftest import ROOT

BYTES = 2_000_000_000
CHUNK_DOCUMENTS = 500
MOST_GROWTH = 200_000_000  # of memory, beyond what the same program takes for a file of one chunk
DRAWS = random.Random(0)  # what repeats itself, an archive would shrink like a bomb
LINES = [
    ["".join(chr(DRAWS.randrange(ord("가"), ord("힣"))) + " " * (place % 4 == 3) for place in range(60)) for _ in range(20)]
    for _ in range(CHUNK_DOCUMENTS)
]
TEXTS = list(map("\n".join, LINES))
FLAT = list(map(" ".join, LINES))

READ = """
import json, re, sys
from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
path, told, how = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
corpus = Corpus([path], Reading(**told))
if how == "documents":
    found = sum(1 for _ in corpus.documents())
else:
    found = sum(len(block.cut().document_ends) for block in BlockReader(corpus).blocks(1_000_000))
with open("/proc/self/status") as status:
    print(found, 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1]))
"""


def objects(make, values):
    return [json.dumps(make(value), ensure_ascii=False) for value in values]


OBJECTS = objects(lambda text: {"id": "1", "text": text}, TEXTS)
MODU = objects(lambda lines: {"id": "N.1", "paragraph": [{"id": "N.1.1", "form": line} for line in lines]}, LINES)
NESTED = objects(lambda text: {"body": {"text": text}}, TEXTS)
# What stands before all, documents of a chunk, what stands between two, what stands behind all; how it is read.
LAYOUTS = {
    "a.txt": ("", TEXTS, "\n\n", "\n", {}),
    "a.jsonl": ("", OBJECTS, "\n", "\n", {}),
    "a.json": ("[", OBJECTS, ",\n", "]", {}),
    "m.json": ('{"id": "N", "document": [', MODU, ", ", "]}", {}),
    "p.json": ('{"data": [', NESTED, ", ", "]}", {"text_field": "data[].body.text"}),
    "a.csv": ("id,text\n", [f'1,"{text}"' for text in TEXTS], "\n", "\n", {}),
    "a.tsv": ("id\ttext\n", [f"1\t{text}" for text in FLAT], "\n", "\n", {}),
    "c.txt": ("", FLAT, "\n", "\n", {"layout": "comments"}),
    "a.train": ("", [f" = 제목 = \n\n{text}" for text in TEXTS], "\n\n", "\n", {}),
    "wiki_00": ("", [f'<doc id="1" url="u" title="제목">\n제목\n\n{text}\n\n</doc>' for text in TEXTS], "\n", "\n", {}),
}


def write(path, layout, chunks):
    before, documents, between, behind, _ = LAYOUTS[layout]
    chunk = between.join(documents).encode()
    with open(path, "wb") as file:
        file.write(before.encode())
        for number in range(chunks):
            file.write((between.encode() if number else b"") + chunk)
        file.write(behind.encode())


def chunks_of(layout):
    return BYTES // len(LAYOUTS[layout][2].join(LAYOUTS[layout][1]).encode())


def read(path, told, how):
    arguments = [sys.executable, "-c", READ, str(path), json.dumps(told), how]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, check=True)
    return tuple(map(int, done.stdout.split()))


def check(path, small, chunks, told):
    for how in ("documents", "blocks"):
        one, least = read(small, told, how)
        found, memory = read(path, told, how)
        assert (one, found) == (CHUNK_DOCUMENTS, CHUNK_DOCUMENTS * chunks)
        assert memory < least + MOST_GROWTH


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_gigabytes_of_a_layout(tmp_path, layout):
    (tmp_path / "small").mkdir()
    write(tmp_path / "small" / layout, layout, 1)
    write(tmp_path / layout, layout, chunks_of(layout))
    check(tmp_path / layout, tmp_path / "small" / layout, chunks_of(layout), LAYOUTS[layout][-1])


def packed(folder, chunks, container):
    """Write text into a container, which is cut into volumes where that is named."""
    folder.mkdir(exist_ok=True)
    write(folder / "a.txt", "a.txt", chunks)
    if container == "a.zip":
        with zipfile.ZipFile(folder / container, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(folder / "a.txt", "글/a.txt")
    else:
        with gzip.open(folder / "a.tar.gz", "wb", compresslevel=1) as file, tarfile.open(fileobj=file, mode="w|") as archive:
            archive.add(folder / "a.txt", "글/a.txt")
    (folder / "a.txt").unlink()
    if container == "a.tar.gzaa":
        content = (folder / "a.tar.gz").read_bytes()
        (folder / "a.tar.gz").unlink()
        third = len(content) // 3 + 1
        for letter, start in zip("abc", range(0, len(content), third), strict=True):
            (folder / f"a.tar.gza{letter}").write_bytes(content[start : start + third])
    return folder / container


@pytest.mark.slow
@pytest.mark.parametrize("container", ["a.zip", "a.tar.gz", "a.tar.gzaa"])
def test_two_gigabytes_in_a_container(tmp_path, container):
    chunks = chunks_of("a.txt")
    check(packed(tmp_path / "large", chunks, container), packed(tmp_path / "small", 1, container), chunks, {})
