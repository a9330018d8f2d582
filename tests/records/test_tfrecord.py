"""TFRecord files are TensorFlow's, written and read; what decodes is told from what does not."""

import io
import os
import sys

import numpy as np
import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.records import tfrecord
from electra_pretrain.records.tfrecord import Frame, decode_chunks, encode_features, read_frames, write_records
from tests.support.tensorflow_records import read, write

SEQ = 8


def record(number):
    row = np.full(SEQ, number, np.int64)
    return encode_features(row, row + 1, row + 2)


def test_frames_are_what_tensorflow_reads(records):
    path = f"{records}/train-00000-of-00001.tfrecord"
    with open(path, "rb") as file:
        ours = [frame.payload for frame in read_frames(file.read, os.path.getsize(path))]
    assert ours == read(path)


@pytest.mark.parametrize("payloads", [[], [b""], [b"a", b"", bytes(range(256)) * 300, record(2**40)]])
def test_files_are_what_tensorflow_writes(tmp_path, payloads):
    write_records(str(tmp_path / "ours"), iter(payloads))
    write(tmp_path / "theirs", payloads)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["ours", "theirs"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_every_record_that_decodes_does_whatever_stands_beside_it(monkeypatch, chunk):
    monkeypatch.setattr(tfrecord, "_CHUNK", chunk)
    good = [1, 2, 5, 6]
    frames = [Frame(record(number)) if number in good else Frame(None, "lost") for number in range(8)]
    frames[0], frames[7] = Frame(b""), Frame(b"no example")
    chunks = list(decode_chunks(iter(frames), SEQ))
    assert [frame for each in chunks for frame in each.frames] == frames
    assert [len(each.frames) for each in chunks[:-1]] == [chunk] * (len(chunks) - 1)
    assert [number * chunk + row for number, each in enumerate(chunks) for row in each.rows] == good
    for offset, name in enumerate(("input_ids", "input_mask", "segment_ids")):
        values = np.concatenate([each.features[name] for each in chunks])
        assert values.dtype == np.int64
        np.testing.assert_array_equal(values, np.repeat(np.array(good)[:, None] + offset, SEQ, 1))


def test_a_missing_package_is_named(monkeypatch):
    tfrecord._crc32c.cache_clear()
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    with pytest.raises(UserError, match="pip install google-crc32c"):
        tfrecord.framed(b"a payload of a length that no other test has: so its head is in no cache")
    monkeypatch.undo()
    tfrecord._crc32c.cache_clear()


@pytest.mark.parametrize("claimed", [1, 100, 2**38, 2**64 - 1])
def test_a_length_beyond_the_file_asks_for_no_memory(claimed):
    """Though its checksum is right."""
    content = tfrecord.framed(b"whole") + tfrecord._frame_head(claimed) + bytes(4)
    asked = []

    def read(size):
        asked.append(size)
        return file.read(size)

    file = io.BytesIO(content)
    assert list(read_frames(read, len(content))) == [Frame(b"whole"), Frame(None, tfrecord.TRUNCATED)]
    assert max(asked) <= 12


def test_every_cut_is_noticed_but_between_two_records():
    content = tfrecord.framed(b"one") + tfrecord.framed(b"two")
    for length in range(len(content) + 1):
        found = list(read_frames(io.BytesIO(content[:length]).read, length))
        assert all(frame.payload for frame in found) == (length in (0, 19, 38)), length
