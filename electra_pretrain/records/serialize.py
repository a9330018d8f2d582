"""Examples to the bytes of a TFRecord file, with NumPy alone: byte for byte what TensorFlow writes.

What a record is stands in `tfrecord`; its features come in the order of their names. The tokens of a block are encoded
together, so that an example is a few slices of bytes.

Shapes: N examples, R rows, S `max_seq_length`.
"""

import functools
from collections.abc import Iterator

import numpy as np

from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, SpecialIds
from electra_pretrain.records.tfrecord import framed

_VARINT_BYTES = 4  # of which an id, below 2**28, takes as many as it needs
# Wire format: Example.features, Features.feature (a map: key 1, value 2), Feature.int64_list, Int64List.value, all of them
# length-delimited (protobuf.dev/programming-guides/encoding).
_FEATURES, _ENTRY, _KEY, _VALUE, _INT64_LIST, _VALUES = 0x0A, 0x0A, 0x0A, 0x12, 0x1A, 0x0A


class Framer:
    """Makes records of stretches of some tokens.

    Args:
        ids: int32 [tokens].
        max_seq_length: S.
        special_ids: of [CLS], [SEP] and padding.
    """

    def __init__(self, ids: np.ndarray, max_seq_length: int, special_ids: SpecialIds) -> None:
        self._max_seq_length = max_seq_length
        self._encoded, self._bounds = _varints(ids)
        self._cls, self._sep, pad = map(_varint, (special_ids.cls, special_ids.sep, special_ids.pad))
        self._padding, self._pad_bytes = pad * max_seq_length, len(pad)
        self._mask_head, self._segments_head = (_feature_head(name, max_seq_length) for name in (INPUT_MASK, SEGMENT_IDS))
        zeros, ones = bytes(max_seq_length), b"\1" * max_seq_length
        self._zeros, self._ones_zeros, self._zeros_ones = zeros, ones + zeros, zeros + ones

    def frames(self, spans: np.ndarray) -> Iterator[bytes]:
        """Frame a record for each span: `[CLS] first [SEP] second [SEP]`, padded; an empty second segment has no [SEP].

        Args:
            spans: int64 [N, 3]: start, middle and stop of each example within the tokens.
        """
        # A list for each column, not for each span: Python's garbage collector would look through them all.
        bounds, lengths = self._bounds[spans].T.tolist(), np.diff(spans).T.tolist()
        for first, middle, last, in_first, in_second in zip(*bounds, *lengths, strict=True):
            text = self._cls + self._encoded[first:middle] + self._sep
            if in_second:
                text += self._encoded[middle:last] + self._sep
            in_second += 1 if in_second else 0
            segment_ids = self._zeros_ones[self._max_seq_length - in_first - 2 :][: in_first + 2 + in_second]
            yield framed(self._payload(text, segment_ids))

    def rows(self, bounds: np.ndarray, segment_ids: np.ndarray, order: np.ndarray) -> Iterator[bytes]:
        """Frame a record for each row, padded; the tokens are those of all rows, one after the other, special ones included.

        Args:
            bounds: int64 [R + 1], where each row begins within the tokens, and where the last one ends.
            segment_ids: uint8 [tokens].
            order: int64 [R], the rows' numbers.
        """
        segments, places = segment_ids.tobytes(), bounds.tolist()
        encoded = self._bounds[bounds].tolist()
        for row in order.tolist():
            text = self._encoded[encoded[row] : encoded[row + 1]]
            yield framed(self._payload(text, segments[places[row] : places[row + 1]]))

    def _payload(self, text: bytes, segment_ids: bytes) -> bytes:
        """Make an example's message of its encoded tokens and their segment ids, special tokens included."""
        length, used = self._max_seq_length, len(segment_ids)
        unused = length - used
        assert unused >= 0, f"{used} tokens do not fit into {length}"
        padding = self._padding[: unused * self._pad_bytes]
        return b"".join(
            (
                _features_head(len(text) + len(padding), length),
                text,
                padding,
                self._mask_head,
                self._ones_zeros[unused : unused + length],
                self._segments_head,
                segment_ids,
                self._zeros[:unused],
            )
        )


def _varints(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Encode non-negative integers [n] one after the other; also where each begins, int64 [n + 1] with the end of all."""
    words, used, lengths = _varint_table(int(values.max(initial=0)) + 1 + 0xFFF & ~0xFFF)
    # np.compress takes a fourth of the time that a mask in brackets does.
    encoded = np.compress(used.take(values).view(np.bool_), words.take(values).view(np.uint8))
    bounds = np.zeros(len(values) + 1, np.int64)
    np.cumsum(lengths.take(values), out=bounds[1:])
    return encoded.tobytes(), bounds


@functools.cache
def _varint_table(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tabulate 0..size-1: the varint's bytes in a little-endian uint32, 1 in another's for each that is used, their number."""
    values = np.arange(size, dtype=np.int64)
    lengths = 1 + (values >= 1 << 7).astype(np.uint8) + (values >= 1 << 14) + (values >= 1 << 21)
    words, used = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for number in range(_VARINT_BYTES):
        more = (lengths > number + 1).astype(np.int64) << 7
        words |= ((values >> 7 * number & 0x7F) | more) << 8 * number
        used |= (lengths > number).astype(np.int64) << 8 * number
    return words.astype("<u4"), used.astype("<u4"), lengths.astype(np.uint8)


def _feature_head(name: str, num_bytes: int) -> bytes:
    """Encode what stands before a feature's `num_bytes` of values."""
    values = bytes([_VALUES]) + _varint(num_bytes)
    int64_list = bytes([_INT64_LIST]) + _varint(len(values) + num_bytes)
    value = bytes([_VALUE]) + _varint(len(int64_list) + len(values) + num_bytes)
    key = bytes([_KEY]) + _varint(len(name)) + name.encode("ascii")
    inner = key + value + int64_list + values
    return bytes([_ENTRY]) + _varint(len(inner) + num_bytes) + inner


@functools.lru_cache(maxsize=1 << 16)
def _features_head(num_bytes: int, max_seq_length: int) -> bytes:
    """Encode what stands before `num_bytes` of input_ids."""
    feature = _feature_head(INPUT_IDS, num_bytes)
    others = sum(len(_feature_head(name, max_seq_length)) + max_seq_length for name in (INPUT_MASK, SEGMENT_IDS))
    return bytes([_FEATURES]) + _varint(len(feature) + num_bytes + others) + feature


def _varint(value: int) -> bytes:
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    content.append(value)
    return bytes(content)
