"""Examples to the bytes of a TFRecord file, many at a time, with NumPy alone: byte for byte what TensorFlow writes.

A record is a `tf.train.Example` with the int64 lists `input_ids`, `input_mask` and `segment_ids`, each `max_seq_length` long,
its features in the order of their names; in the file it is framed by its length and CRC32C checksums.

Shapes: N examples, S `max_seq_length`.
"""

import functools
import struct
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np

from electra_pretrain.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, SpecialIds
from electra_pretrain.errors import UserError

_CHUNK = 256  # examples at a time: their arrays stay in the processor's cache
_VARINT_BYTES = 4  # of which an id, below 2**28, takes as many as it needs
# Wire format: Example.features, Features.feature (a map: key 1, value 2), Feature.int64_list, Int64List.value, all of them
# length-delimited (protobuf.dev/programming-guides/encoding).
_FEATURES, _ENTRY, _KEY, _VALUE, _INT64_LIST, _VALUES = 0x0A, 0x0A, 0x0A, 0x12, 0x1A, 0x0A
_MASK_DELTA = 0xA282EAD8


def frames(ids: np.ndarray, spans: np.ndarray, max_seq_length: int, special_ids: SpecialIds) -> Iterator[bytes]:
    """One framed record for each span: `[CLS] first [SEP] second [SEP]`, padded; an empty second segment has no [SEP].

    Args:
        ids: int32 [tokens].
        spans: int64 [N, 3]: start, middle and stop of each example within `ids`.
        max_seq_length: S.
        special_ids: of [CLS], [SEP] and padding.
    """
    for first in range(0, len(spans), _CHUNK):
        input_ids, input_mask, segment_ids = _rows(ids, spans[first : first + _CHUNK], max_seq_length, special_ids)
        encoded, ends = _varints(input_ids)
        masks, segments = _feature_rows(INPUT_MASK, input_mask), _feature_rows(SEGMENT_IDS, segment_ids)
        begin = 0
        for row, end in enumerate(ends):
            yield _frame(_head(end - begin, max_seq_length), encoded[begin:end], masks[row], segments[row])
            begin = end


def _rows(
    ids: np.ndarray, spans: np.ndarray, max_seq_length: int, special_ids: SpecialIds
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """input_ids int32 [N, S]; input_mask and segment_ids uint8 [N, S]."""
    starts, middles, stops = (spans[:, column, None].astype(np.int32) for column in range(3))
    first_sep = middles - starts + 1
    is_pair = stops > middles
    length = stops - starts + 2 + is_pair
    assert length.max() <= max_seq_length, f"{length.max()} tokens do not fit into {max_seq_length}"
    places = np.arange(max_seq_length, dtype=np.int32)[None]
    in_second = places > first_sep
    tokens = starts + places - 1 - in_second
    input_ids = ids[np.clip(tokens, 0, len(ids) - 1, out=tokens)]
    mask = places < length
    input_ids[~mask] = special_ids.pad
    rows = np.arange(len(spans))
    input_ids[:, 0] = special_ids.cls
    input_ids[rows, first_sep[:, 0]] = special_ids.sep
    input_ids[rows, length[:, 0] - 1] = special_ids.sep
    return input_ids, mask.view(np.uint8), (in_second & mask).view(np.uint8)


def _varints(values: np.ndarray) -> tuple[bytes, list[int]]:
    """Rows of non-negative integers as varints one after the other, and where each row ends."""
    words, used, lengths = _varint_table(int(values.max()) + 1 + 0xFFF & ~0xFFF)
    encoded = words[values].view(np.uint8)[used[values].view(np.bool_)]
    return encoded.tobytes(), np.cumsum(lengths[values].sum(axis=1, dtype=np.int64)).tolist()


@functools.cache
def _varint_table(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For 0..size-1: the varint's bytes in a little-endian uint32, 1 in another's for each that is used, how many they are."""
    values = np.arange(size, dtype=np.int64)
    lengths = 1 + (values >= 1 << 7).astype(np.uint8) + (values >= 1 << 14) + (values >= 1 << 21)
    words, used = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for place in range(_VARINT_BYTES):
        more = (lengths > place + 1).astype(np.int64) << 7
        words |= ((values >> 7 * place & 0x7F) | more) << 8 * place
        used |= (lengths > place).astype(np.int64) << 8 * place
    return words.astype("<u4"), used.astype("<u4"), lengths.astype(np.uint8)


def _feature_rows(name: str, bits: np.ndarray) -> list[bytes]:
    """Each row of uint8 [N, S], all 0 or 1 and so a byte each, as a whole feature of that name."""
    head = _feature_head(name, bits.shape[1])
    content = bits.tobytes()
    return [head + content[first : first + bits.shape[1]] for first in range(0, len(content), bits.shape[1])]


def _feature_head(name: str, num_bytes: int) -> bytes:
    """What stands before a feature's `num_bytes` of values."""
    values = bytes([_VALUES]) + _varint(num_bytes)
    int64_list = bytes([_INT64_LIST]) + _varint(len(values) + num_bytes)
    value = bytes([_VALUE]) + _varint(len(int64_list) + len(values) + num_bytes)
    key = bytes([_KEY]) + _varint(len(name)) + name.encode("ascii")
    inner = key + value + int64_list + values
    return bytes([_ENTRY]) + _varint(len(inner) + num_bytes) + inner


@functools.lru_cache(maxsize=1 << 16)
def _head(num_bytes: int, max_seq_length: int) -> tuple[bytes, bytes]:
    """The frame's length and its checksum; what stands before `num_bytes` of input_ids."""
    feature = _feature_head(INPUT_IDS, num_bytes)
    others = sum(len(_feature_head(name, max_seq_length)) + max_seq_length for name in (INPUT_MASK, SEGMENT_IDS))
    content = len(feature) + num_bytes + others
    features = bytes([_FEATURES]) + _varint(content)
    length = struct.pack("<Q", len(features) + content)
    return length + _checksum(length), features + feature


def _frame(head: tuple[bytes, bytes], input_ids: bytes, mask: bytes, segments: bytes) -> bytes:
    payload = b"".join((head[1], input_ids, mask, segments))
    return b"".join((head[0], payload, _checksum(payload)))


def _varint(value: int) -> bytes:
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    content.append(value)
    return bytes(content)


def _checksum(content: bytes) -> bytes:
    """CRC32C, masked as TFRecord files have it (tensorflow/core/lib/hash/crc32c.h)."""
    crc = _crc32c()(content)
    return struct.pack("<I", (crc >> 15 | crc << 17) + _MASK_DELTA & 0xFFFFFFFF)


@functools.cache
def _crc32c() -> Callable[[bytes], int]:
    try:
        from google_crc32c import value
    except ImportError as error:
        raise UserError("writing records needs a package that is missing; run: pip install google-crc32c") from error
    return cast(Callable[[bytes], int], value)
