"""Records that cannot be read: named, or left empty so that a run goes on without them."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from electra_pretrain.core import files
from electra_pretrain.core.batch import RECORD_FEATURES, SpecialIds
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.progress import Progress
from electra_pretrain.records.frames import Frame, read_frames
from electra_pretrain.records.manifest import Shard
from electra_pretrain.records.parse import encode_features, parse_records, write_records

_log = logging.getLogger(__name__)

EXAMINED_NAME = "examined.json"
_CHUNK = 1000
# Not an example of ours; TensorFlow quotes the record, whose bytes may not be text.
UNDECODABLE = (tf.errors.InvalidArgumentError, UnicodeDecodeError)


def describe_damage(paths: Iterable[str], max_seq_length: int) -> str | None:
    """The first file and record that cannot be read or decoded, in words; None if all can."""
    for path in paths:
        read = 0
        try:
            for record in tf.data.TFRecordDataset(path):
                read += 1
                parse_records(record[tf.newaxis], max_seq_length)
        except tf.errors.DataLossError:
            return f"{path}: damaged after record {read} (truncated, or its checksum is wrong)"
        except UNDECODABLE:
            return f"{path}, record {read}: not an example with {', '.join(RECORD_FEATURES)} of length {max_seq_length}"
    return None


def leave_out_damaged(
    data_dir: str, shards: Sequence[Shard], max_seq_length: int, special_ids: SpecialIds, folder: str
) -> list[str]:
    """Paths to read instead of the shards': of a damaged one, a copy in `folder` whose unreadable records are empty rows.

    An empty row is padding alone and trains nothing. Every other record keeps its place, so that the sequence of batches is
    what it would have been. Shards that an earlier call examined are not read again.

    Raises:
        UserError: a shard is missing.
    """
    files.make_dirs(folder)
    examined_path = files.join(folder, EXAMINED_NAME)
    examined = json.loads(files.read_text(examined_path)) if files.exists(examined_path) else {}
    paths = []
    with Progress("examine records", sum(shard.bytes for shard in shards) / 1e6, "MB") as progress:
        for shard in shards:
            path, mended = files.join(data_dir, shard.name), files.join(folder, shard.name)
            if not files.exists(path):
                raise UserError(f"{path}: missing, though the manifest lists it; copy it again or rebuild the data")
            size = files.size(path)
            if examined.get(shard.name, {}).get("bytes") != size:
                empty = unreadable(path, shard.examples, max_seq_length)
                if empty:
                    write_records(mended, _without(path, set(empty), shard.examples, max_seq_length, special_ids))
                    shown = first_of([str(number) for number in empty], 5)
                    _log.warning(f"{path}: {len(empty)} of {shard.examples} records unreadable, left out: {shown}")
                examined[shard.name] = {"bytes": size, "left_out": empty}
                files.write_text(examined_path, json.dumps(examined) + "\n")
            paths.append(mended if examined[shard.name]["left_out"] else path)
            progress.update(shard.bytes / 1e6)
    return paths


def unreadable(path: str, examples: int, max_seq_length: int) -> list[int]:
    """Numbers, from 1, of the records that are missing of `examples`, fail their checksum, or do not decode."""
    numbers: list[int] = []
    chunk: list[bytes] = []
    read = 0

    def settle() -> None:
        if not _decodable(chunk, max_seq_length):
            first = read - len(chunk) + 1
            numbers.extend(first + i for i, record in enumerate(chunk) if not _decodable([record], max_seq_length))
        chunk.clear()

    with files.open_raw(path) as file:
        for frame in read_frames(file.read):
            if read == examples:
                break
            read += 1
            chunk.append(frame.payload or b"")  # nothing does not decode either
            if len(chunk) == _CHUNK:
                settle()
    settle()
    return [*numbers, *range(read + 1, examples + 1)]


def _decodable(records: list[bytes], max_seq_length: int) -> bool:
    try:
        parse_records(tf.constant(records, tf.string), max_seq_length)
    except UNDECODABLE:
        return False
    return True


def _without(path: str, empty: set[int], examples: int, max_seq_length: int, special_ids: SpecialIds) -> Iterator[bytes]:
    """The records of a shard, an empty row in place of each whose number is in `empty`."""
    zeros = np.zeros(max_seq_length, np.int64)
    empty_row = encode_features(zeros + special_ids.pad, zeros, zeros)
    with files.open_raw(path) as file:
        frames = read_frames(file.read)
        for number in range(1, examples + 1):
            frame = next(frames, Frame(None))
            yield empty_row if frame.payload is None or number in empty else frame.payload
