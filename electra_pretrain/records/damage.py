"""Records that cannot be read: named, or left empty so that a run goes on without them."""

import itertools
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.batch import RECORD_FEATURES, SpecialIds
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.progress import Progress
from electra_pretrain.core.typed import Count, Size
from electra_pretrain.records.manifest import Shard, missing_shard
from electra_pretrain.records.tfrecord import (
    Frame,
    decode_chunks,
    encode_features,
    parse_records,
    read_frames,
    undecodable,
    write_records,
)

_log = logging.getLogger(__name__)

EXAMINED_NAME = "examined.json"
UNDECODABLE = undecodable()


class _Examined(NamedTuple):
    """What was found in a shard of so many bytes: the numbers of the records that are left out."""

    bytes: Count
    left_out: list[Size]


def describe_damage(paths: Iterable[str], max_seq_length: int) -> str | None:
    """Name the first file and record that cannot be read or decoded; None if all can."""
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
    """Return paths to read instead of the shards': of a damaged one, a copy in `folder` with empty rows for unreadable records.

    An empty row is padding alone and trains nothing. Every other record keeps its position, so that the sequence of batches is
    what it would have been. Shards that an earlier call examined are not read again.

    Raises:
        UserError: a shard is missing.
    """
    files.make_dirs(folder)
    examined_path = files.join(folder, EXAMINED_NAME)
    examined = _read_examined(examined_path) if files.exists(examined_path) else {}
    originals = [files.join(data_dir, shard.name) for shard in shards]
    sizes = []
    for path, found in zip(originals, files.sizes(originals), strict=True):
        if found is None:
            raise missing_shard(path)
        sizes.append(found)
    paths = []
    with Progress("examine records", sum(shard.bytes for shard in shards) / 1e6, "MB") as progress:
        for shard, path, size in zip(shards, originals, sizes, strict=True):
            mended = files.join(folder, shard.name)
            if shard.name not in examined or examined[shard.name].bytes != size:
                empty = unreadable(path, shard.examples, max_seq_length)
                if empty:
                    write_records(mended, _without(path, set(empty), shard.examples, max_seq_length, special_ids))
                    shown = first_of([str(number) for number in empty], 5)
                    _log.warning("%s: %d of %d records unreadable, left out: %s", path, len(empty), shard.examples, shown)
                examined[shard.name] = _Examined(size, empty)
                values = {name: each._asdict() for name, each in examined.items()}
                files.write_text(examined_path, json.dumps(values) + "\n")
            paths.append(mended if examined[shard.name].left_out else path)
            progress.update(shard.bytes / 1e6)
    return paths


def _read_examined(path: str) -> dict[str, _Examined]:
    try:
        return typed.read(dict[str, _Examined], json_files.read(path), typed.Place(path))
    except UserError as error:
        raise UserError(f"{error}; delete it, and the records are examined again") from error


def unreadable(path: str, examples: int, max_seq_length: int) -> list[int]:
    """List the numbers, from 1, of the records that are missing of `examples`, fail their checksum, or do not decode."""
    numbers: list[int] = []
    read = 0
    with files.open_raw(path) as file:
        for chunk in decode_chunks(itertools.islice(read_frames(file.read), examples), max_seq_length):
            decoded = set(chunk.rows)
            numbers += [read + row + 1 for row in range(len(chunk.frames)) if row not in decoded]
            read += len(chunk.frames)
    return [*numbers, *range(read + 1, examples + 1)]


def _without(path: str, empty: set[int], examples: int, max_seq_length: int, special_ids: SpecialIds) -> Iterator[bytes]:
    """Read the records of a shard, an empty row instead of each whose number is in `empty`."""
    zeros = np.zeros(max_seq_length, np.int64)
    empty_row = encode_features(zeros + special_ids.pad, zeros, zeros)
    with files.open_raw(path) as file:
        frames = read_frames(file.read)
        for number in range(1, examples + 1):
            frame = next(frames, Frame(None))
            yield empty_row if frame.payload is None or number in empty else frame.payload
