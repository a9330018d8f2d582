"""The bytes of records, pinned: however they are made, they stay.

Whoever builds the same text again, with another release or on another machine, must get the records that he had.
"""

import hashlib

import pytest

from electra_pretrain.records import build as build_module
from electra_pretrain.records import shards as shards_module
from electra_pretrain.records.manifest import Counts, load_manifest
from tests.conftest import build

WORDS = ["가을", "바람이", "불어", "오는", "언덕", "위에", "작은", "집", "하나", "sea-side", "2024년", "♨온천", "ㅋㅋㅋ"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def invented_text() -> bytes:
    """Line ends, white space and empty lines of every kind; documents of one sentence and of many; one longer than a block."""
    sentences = [" ".join(WORDS[(n * n + 5 * place) % 13] for place in range(1 + n * 7 % 12)) for n in range(600)]
    documents = ["\n".join(sentences[start : start + 1 + start % 9]) for start in range(0, 590, 5)]
    documents[60] = "\n".join(sentences)
    text = "\n\n".join(documents).replace("\n\n가을", "\r\n \r\n\n\u3000가을").replace("집\n", "집 \t\n")
    return f"\ufeff\n{text}".encode()


APART, JOINED, PACKED = (
    ("apart", 8, "821e50aaa28a756a97540f861dd767d969ac4fa77c1285c634df83c651e05c6a", "bfd8527eebfd404d", 14799),
    ("joined", 8, "92e0a37c3c7e3cf386da2dc14f8ce474471efacc11ea37293685dd446a8cfe0d", "8778436074b3214e", 17655),
    ("packed", 8, "a764e42b540f0d46ce3dcc858023ec2f96b23ea360c7b1677fd67f0d0272d999", "4ee31612808cb408", 14799),
)


@pytest.mark.parametrize(("kind", "shards", "sha256", "fingerprint", "overflow_tokens"), [APART, JOINED, PACKED])
def test_records_have_the_bytes_that_they_always_had(tmp_path, monkeypatch, kind, shards, sha256, fingerprint, overflow_tokens):
    """Whoever means to change them raises `FORMAT_VERSION`, too."""
    monkeypatch.setattr(build_module, "RECORDS_BLOCK_CHARACTERS", 4000)
    monkeypatch.setattr(shards_module, "MAX_SHARD_BYTES", 60_000)
    pieces = sorted({piece for word in WORDS for char in word for piece in (char, f"##{char}") if char not in "♨-"})
    fillers = [f"filler{number}" for number in range(16_400)]  # ids of one, two and three bytes
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, *pieces, *fillers, "##을", "가을", "언덕"]) + "\n")
    (tmp_path / "a.txt").write_bytes(invented_text())
    (tmp_path / "b.txt").write_text("바람이 불어\n언덕 위에\n\n작은 집")
    settings = ["--heldout_fraction", "0.1", "--dupe_factor", "2", "--seed", "3", "--short_documents", kind]
    build(f"{tmp_path}/a.txt,{tmp_path}/b.txt", str(tmp_path / "vocab.txt"), str(tmp_path / "out"), *settings)
    manifest = load_manifest(str(tmp_path / "out"))
    names = [shard.name for shard in (*manifest.heldout_shards, *manifest.train_shards)]
    assert len(names) == shards
    content = b"".join((tmp_path / "out" / name).read_bytes() for name in names)
    assert hashlib.sha256(content).hexdigest() == sha256
    assert manifest.fingerprint == fingerprint
    assert manifest.counts == Counts(
        documents=120,
        heldout_documents=13,
        sentences=1185,
        characters=29297,
        tokens=20398,
        unk_tokens=1289,
        overflow_tokens=overflow_tokens,
    )
