"""TFRecord files, the format in one place: how records are framed, and what an ELECTRA record holds.

A frame is the payload's length, that length's checksum, the payload, its checksum (tensorflow/core/lib/io/record_writer.h). A
payload is a `tf.train.Example` with the int64 lists `input_ids`, `input_mask` and `segment_ids`, each `max_seq_length` long,
the schema that every ELECTRA tool shares. Frames are read and written here without TensorFlow, which stops at what is damaged
and does not say where; payloads are decoded by TensorFlow, imported by the functions that do so, as builders need none of it.

Shapes: B records, S `max_seq_length`.
"""

import functools
import itertools
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from electra_pretrain.core import files, optional
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, RECORD_FEATURES, SEGMENT_IDS

if TYPE_CHECKING:
    import tensorflow as tf

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
TRUNCATED = "truncated: the file ends within it"
WRONG_LENGTH = "the checksum of its length is wrong, so that nothing after it can be found"
WRONG_CONTENT = "its checksum is wrong: a byte of it has changed"
# Records decoded in one call: enough to be fast, few enough to be decoded again one by one.
_CHUNK = 1000


class Frame(NamedTuple):
    """A record as it lies in its file: its payload, or None and what is wrong with it."""

    payload: bytes | None
    problem: str = ""


class Chunk(NamedTuple):
    """Some records of a file in a row, and those of them that decode.

    Attributes:
        frames: all of them.
        rows: which decode: indices into `frames`, ascending.
        features: int64 [len(rows), S] for each feature of a record.
    """

    frames: list[Frame]
    rows: list[int]
    features: dict[str, np.ndarray]


def framed(payload: bytes) -> bytes:
    """Put a record between its length and its checksum, as it lies in a file."""
    return b"".join((_frame_head(len(payload)), payload, _checksum(payload)))


def write_records(path: str, records: Iterable[bytes]) -> None:
    """Write serialised records as a TFRecord file, atomically."""
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        for record in records:
            file.write(framed(record))


def read_frames(read: Callable[[int], bytes], file_bytes: int) -> Iterator[Frame]:
    """Read the frames of a TFRecord file; one of wrong length, or cut off, is the last.

    Args:
        read: gives the file's next bytes.
        file_bytes: how many it holds: no more is asked for, whatever length a record claims.

    Raises:
        UserError: the package that computes the checksums is missing.
    """
    left = file_bytes
    while head := read(_LENGTH.size + _CHECKSUM.size):
        if len(head) < _LENGTH.size + _CHECKSUM.size:
            yield Frame(None, TRUNCATED)
            return
        length = head[: _LENGTH.size]
        if _checksum(length) != head[_LENGTH.size :]:
            yield Frame(None, WRONG_LENGTH)
            return
        (num_bytes,) = _LENGTH.unpack(length)
        left -= len(head) + num_bytes + _CHECKSUM.size
        if left < 0:
            yield Frame(None, TRUNCATED)
            return
        payload, tail = read(num_bytes), read(_CHECKSUM.size)
        if len(payload) < num_bytes or len(tail) < _CHECKSUM.size:  # it has become shorter
            yield Frame(None, TRUNCATED)
            return
        yield Frame(payload) if _checksum(payload) == tail else Frame(None, WRONG_CONTENT)


@functools.lru_cache(maxsize=1 << 16)
def _frame_head(num_bytes: int) -> bytes:
    """Encode a frame's length and its checksum."""
    length = _LENGTH.pack(num_bytes)
    return length + _checksum(length)


def _checksum(content: bytes) -> bytes:
    """Compute the CRC32C, masked as TFRecord files have it (tensorflow/core/lib/hash/crc32c.h)."""
    crc = _crc32c()(content)
    return _CHECKSUM.pack((crc >> 15 | crc << 17) + _MASK_DELTA & 0xFFFFFFFF)


@functools.cache
def _crc32c() -> Callable[[bytes], int]:
    module = optional.load("google_crc32c", "the checksums of records", package="google-crc32c")
    return cast(Callable[[bytes], int], module.value)


def encode_features(input_ids: np.ndarray, input_mask: np.ndarray, segment_ids: np.ndarray) -> bytes:
    """Serialise one record by TensorFlow's own means, from int64 [S] three times; many are made by `serialize.Framer`."""
    import tensorflow as tf

    values = {INPUT_IDS: input_ids, INPUT_MASK: input_mask, SEGMENT_IDS: segment_ids}
    features = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=value)) for name, value in values.items()}
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True))


def parse_records(serialized: "tf.Tensor", max_seq_length: int) -> "dict[str, tf.Tensor]":
    """Decode a batch of records, in a graph or not: string [B] to int64 [B, S] for each feature."""
    import tensorflow as tf

    features = {name: tf.io.FixedLenFeature([max_seq_length], tf.int64) for name in RECORD_FEATURES}
    parsed: dict[str, tf.Tensor] = tf.io.parse_example(serialized, features)
    return parsed


def undecodable() -> tuple[type[Exception], ...]:
    """Return what `parse_records` raises at a record of another schema; TensorFlow quotes it, whose bytes may not be text."""
    import tensorflow as tf

    return tf.errors.InvalidArgumentError, UnicodeDecodeError


def decode_chunks(frames: Iterable[Frame], max_seq_length: int) -> Iterator[Chunk]:
    """Decode records as far as they can be: many at once and, where that fails, one by one."""
    frames = iter(frames)
    while chunk := list(itertools.islice(frames, _CHUNK)):
        payloads = {row: frame.payload for row, frame in enumerate(chunk) if frame.payload is not None}
        features = _decode(list(payloads.values()), max_seq_length)
        if features is None:
            payloads = {row: record for row, record in payloads.items() if _decode([record], max_seq_length) is not None}
            features = _decode(list(payloads.values()), max_seq_length)
            assert features is not None, "records that decode one by one decode together"
        yield Chunk(chunk, list(payloads), features)


def _decode(payloads: list[bytes], max_seq_length: int) -> dict[str, np.ndarray] | None:
    """Decode to int64 [B, S] for each feature; None if one of the records cannot be."""
    import tensorflow as tf

    try:
        parsed = parse_records(tf.constant(payloads, tf.string, [len(payloads)]), max_seq_length)
    except undecodable():
        return None
    return {name: values.numpy() for name, values in parsed.items()}
