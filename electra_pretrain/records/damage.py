"""Records that cannot be trained on: named, or left empty so that a run goes on without them."""

import contextlib
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import Damaged, UserError, first_of
from electra_pretrain.core.progress import Progress
from electra_pretrain.core.typed import Count, Size
from electra_pretrain.records.manifest import Shard, check_shard
from electra_pretrain.records.tfrecord import (
    Frame,
    decode_chunks,
    encode_features,
    read_frames,
    undecodable,
    write_records,
)
from electra_pretrain.records.values import decoding_problem, value_problems

_log = logging.getLogger(__name__)

EXAMINED_NAME = "examined.json"
# What TensorFlow raises at a record that is damaged, of another schema, or holds what `assert_values` does not let pass; at a
# shard that is gone, and at one that holds more or fewer records than were expected.
_RECORD_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.NotFoundError,
    tf.errors.FailedPreconditionError,
    tf.errors.OutOfRangeError,
    *undecodable(),
)


class _Examined(NamedTuple):
    """What was found in a shard of so many bytes: the numbers of the records that are left out."""

    bytes: Count
    left_out: list[Size]


@contextlib.contextmanager
def located_damage(
    paths: Sequence[str], shards: Sequence[Shard], max_seq_length: int, vocab_size: int, way_out: str
) -> Iterator[None]:
    """Name file and record where TensorFlow, which reads them in the block, only says that there is something wrong.

    Args:
        paths: the files that it reads.
        shards: what the manifest says of each.
        max_seq_length: tokens in an example.
        vocab_size: ids are below.
        way_out: ends the message.

    Raises:
        Damaged: a record cannot be trained on, or a file is gone.
    """
    try:
        yield
    except _RECORD_ERRORS as error:
        damage = describe_damage(paths, shards, max_seq_length, vocab_size)
        if damage is None:
            raise
        raise Damaged(f"{damage}; {way_out}") from error


def describe_damage(paths: Sequence[str], shards: Sequence[Shard], max_seq_length: int, vocab_size: int) -> str | None:
    """Name the first file, and its first record, that cannot be trained on; None if all can."""
    sizes = files.sizes(paths)
    if None in sizes:
        return f"{paths[sizes.index(None)]}: missing; it is gone since the command began"
    found = sorted(zip(paths, shards, sizes, strict=True), key=lambda each: each[1].bytes == each[2])  # the likeliest first
    with Progress("look for the damage", sum(size or 0 for size in sizes) / 1e6, "MB") as progress:
        for path, shard, size in found:
            problems = record_problems(path, shard.examples, max_seq_length, vocab_size)
            if problems:
                number = min(problems)
                return f"{path}, record {number}: {problems[number]}"
            progress.update((size or 0) / 1e6)
    return None


def leave_out_damaged(
    data_dir: str, shards: Sequence[Shard], max_seq_length: int, special_ids: SpecialIds, vocab_size: int, folder: str
) -> list[str]:
    """Return paths to read instead of the shards': of a damaged one, a copy in `folder` with empty rows for unreadable records.

    An empty row is padding alone and trains nothing. Every other record keeps its position, so that the sequence of batches is
    what it would have been. Shards that an earlier call examined are not read again.

    Raises:
        UserError: a shard is missing, or no file of records.
    """
    files.make_dirs(folder)
    examined_path = files.join(folder, EXAMINED_NAME)
    examined = _read_examined(examined_path) if files.exists(examined_path) else {}
    originals = [files.join(data_dir, shard.name) for shard in shards]
    sizes = []
    for path, shard, found in zip(originals, shards, files.sizes(originals), strict=True):
        check_shard(path, shard, found)
        sizes.append(found or 0)
    paths = []
    with Progress("examine records", sum(shard.bytes for shard in shards) / 1e6, "MB") as progress:
        for shard, path, size in zip(shards, originals, sizes, strict=True):
            mended = files.join(folder, shard.name)
            if shard.name not in examined or examined[shard.name].bytes != size:
                empty = sorted(record_problems(path, shard.examples, max_seq_length, vocab_size))
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


def record_problems(path: str, examples: int, max_seq_length: int, vocab_size: int) -> dict[int, str]:
    """Tell what is wrong with which record, by its number from 1: missing of `examples` or one too many, damaged, of another
    schema, or of values that no model takes.
    """
    problems: dict[int, str] = {}
    read = 0
    with files.open_raw(path) as file:
        frames = read_frames(file.read, files.size(path))
        for chunk in decode_chunks(itertools.islice(frames, examples), max_seq_length):
            for row in set(range(len(chunk.frames))).difference(chunk.rows):
                payload, problem = chunk.frames[row]
                problems[read + row + 1] = problem if payload is None else decoding_problem(payload, max_seq_length)
            for index, problem in value_problems(chunk.features, vocab_size).items():
                problems[read + chunk.rows[index] + 1] = problem
            read += len(chunk.frames)
        if read == examples and next(frames, None) is not None:
            problems[examples + 1] = f"one more than the {examples:,} that the manifest tells of"
    missing = f"missing: {read:,} of {examples:,} records are there"
    return {**problems, **dict.fromkeys(range(read + 1, examples + 1), missing)}


def _without(path: str, empty: set[int], examples: int, max_seq_length: int, special_ids: SpecialIds) -> Iterator[bytes]:
    """Read the records of a shard, an empty row instead of each whose number is in `empty`."""
    zeros = np.zeros(max_seq_length, np.int64)
    empty_row = encode_features(zeros + special_ids.pad, zeros, zeros)
    with files.open_raw(path) as file:
        frames = read_frames(file.read, files.size(path))
        for number in range(1, examples + 1):
            frame = next(frames, Frame(None))
            yield empty_row if frame.payload is None or number in empty else frame.payload
