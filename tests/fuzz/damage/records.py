"""Damage to TFRecord files: their checksums, and records that are whole and yet wrong."""

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from electra_pretrain.records.tfrecord import framed
from tests.fuzz.damage import Damage, NotApplicable

HEAD_BYTES, TAIL_BYTES = 12, 4


def checksum_of_length(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: frame[:8] + bytes([frame[8] ^ 1]) + frame[9:])


def checksum_of_content(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]))


def endless_length(path: Path, chance: random.Random) -> None:
    """Say 2^38 bytes, with a checksum that agrees."""
    _change_frame(path, chance, lambda frame: _head(1 << 38) + frame[HEAD_BYTES:])


def longest_length(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: _head((1 << 64) - 1) + frame[HEAD_BYTES:])


def ids_beyond_the_vocabulary(path: Path, chance: random.Random) -> None:
    """Of as many bytes as the right id has, so that the file's size tells nothing."""
    _change_feature(path, chance, "input_ids", lambda value: 16_000 if value > 127 else None)


def negative_ids(path: Path, chance: random.Random) -> None:
    _change_feature(path, chance, "input_ids", lambda value: -1)


def mask_of_sevens(path: Path, chance: random.Random) -> None:
    _change_feature(path, chance, "input_mask", lambda value: 7)


def ninth_segment(path: Path, chance: random.Random) -> None:
    _change_feature(path, chance, "segment_ids", lambda value: 9)


def feature_lost(path: Path, chance: random.Random) -> None:
    _change_example(path, chance, lambda example: example.features.feature.pop("segment_ids"))


def feature_too_short(path: Path, chance: random.Random) -> None:
    _change_example(path, chance, lambda example: example.features.feature["input_mask"].int64_list.value.pop())


def feature_of_floats(path: Path, chance: random.Random) -> None:
    def change(example: Any) -> None:
        feature = example.features.feature["input_ids"]
        values = list(feature.int64_list.value)
        feature.float_list.value.extend(values)

    _change_example(path, chance, change)


def record_lost(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: b"")


def record_doubled(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: frame * 2)


def empty_record(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: framed(b""))


def record_of_junk(path: Path, chance: random.Random) -> None:
    _change_frame(path, chance, lambda frame: framed(chance.randbytes(len(frame) - HEAD_BYTES - TAIL_BYTES)))


def _head(length: int) -> bytes:
    """Make a frame's head, as `framed` does, of a length that no frame could have."""
    from electra_pretrain.records import tfrecord

    packed = struct.pack("<Q", length)
    return packed + tfrecord._checksum(packed)


def _frames(path: Path) -> list[bytes]:
    content, frames = path.read_bytes(), list[bytes]()
    while content:
        size = HEAD_BYTES + struct.unpack_from("<Q", content)[0] + TAIL_BYTES
        frames.append(content[:size])
        content = content[size:]
    if not frames:
        raise NotApplicable("holds no record")
    return frames


def _change_frame(path: Path, chance: random.Random, change: Callable[[bytes], bytes]) -> None:
    frames = _frames(path)
    at = chance.randrange(len(frames))
    frames[at] = change(frames[at])
    path.write_bytes(b"".join(frames))


def _change_example(path: Path, chance: random.Random, change: Callable[[Any], Any]) -> None:
    import tensorflow as tf

    def rewritten(frame: bytes) -> bytes:
        example = tf.train.Example.FromString(frame[HEAD_BYTES:-TAIL_BYTES])
        change(example)
        return framed(example.SerializeToString(deterministic=True))

    _change_frame(path, chance, rewritten)


def _change_feature(path: Path, chance: random.Random, name: str, change: Callable[[int], int | None]) -> None:
    """Change one value of a feature of a record; `change` gives None for a value that it leaves alone."""

    def at_one_place(example: Any) -> None:
        values = example.features.feature[name].int64_list.value
        places = [place for place, value in enumerate(values) if change(value) is not None]
        if not places:
            raise NotApplicable(f"no value of {name} can be changed so")
        place = chance.choice(places)
        values[place] = change(values[place])

    _change_example(path, chance, at_one_place)


RECORDS: list[Damage] = [
    checksum_of_length, checksum_of_content, endless_length, longest_length, ids_beyond_the_vocabulary, negative_ids,
    mask_of_sevens, ninth_segment, feature_lost, feature_too_short, feature_of_floats, record_lost, record_doubled,
    empty_record, record_of_junk,
]  # fmt: skip
