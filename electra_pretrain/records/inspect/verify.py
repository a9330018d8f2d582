"""Read shards record by record: what is damaged or breaks a rule, by file and record, and statistics of the rest."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.hashing import HashedFile
from electra_pretrain.core.progress import Progress
from electra_pretrain.execution.processes import Runner
from electra_pretrain.records.inspect.statistics import Statistics
from electra_pretrain.records.manifest import MANIFEST_NAME, Manifest, Shard, check_shard
from electra_pretrain.records.tfrecord import Chunk, decode_chunks, read_frames
from electra_pretrain.records.values import decoding_problem
from electra_pretrain.tokenization.identity import check_vocabulary

# A file of nothing but faults must not fill memory; the others are counted.
MAX_FAULTS = 20


class Schema(NamedTuple):
    """What every record of a folder has in common."""

    max_seq_length: int
    vocab_size: int
    special_ids: SpecialIds
    is_packed: bool  # a record may hold several documents


class Examined(NamedTuple):
    """A file of records as it was found."""

    shard: Shard
    faults: list[str]  # the first of them, each with file and record
    num_faults: int
    statistics: Statistics  # of the records without fault


class Verified(NamedTuple):
    """What a look at a folder found."""

    shards: int
    faults: list[str]
    num_faults: int
    statistics: Statistics


def verify(folder: str, manifest: Manifest, shards: Sequence[Shard], run: Runner) -> Verified:
    """Compare shards, and the vocabulary beside them, with the manifest.

    Args:
        folder: made by build_data, or adopted.
        manifest: the folder's.
        shards: which to read: all of the manifest's, or some.
        run: maps over shards.
    """
    vocabulary = manifest.vocabulary
    is_packed = manifest.short_documents == "packed"
    schema = Schema(manifest.max_seq_length, vocabulary.size, vocabulary.special_ids, is_packed)
    faults = [*_total_faults(manifest), *_vocabulary_faults(folder, manifest)]
    present: list[Shard] = []
    paths = [files.join(folder, shard.name) for shard in shards]
    for shard, path, size in zip(shards, paths, files.sizes(paths), strict=True):
        try:
            check_shard(path, shard, size)
        except UserError as error:
            faults.append(str(error))
        else:
            present.append(shard)
    num_faults, statistics = len(faults), Statistics.none(schema.max_seq_length, schema.vocab_size)
    for shard, found in zip(present, examine([files.join(folder, s.name) for s in present], schema, run), strict=True):
        differing = _differences(files.join(folder, shard.name), shard, found)
        faults += [*differing, *found.faults]
        num_faults += len(differing) + found.num_faults
        statistics = statistics.plus(found.statistics)
    return Verified(len(shards), faults, num_faults, statistics)


def _total_faults(manifest: Manifest) -> list[str]:
    """Say where the manifest contradicts itself."""
    pairs = (
        ("train_examples", manifest.train_examples, manifest.train_shards),
        ("heldout_examples", manifest.heldout_examples, manifest.heldout_shards),
    )
    return [
        f"manifest.json: {name} is {total:,}, its shards hold {held:,}"
        for name, total, shards in pairs
        if total != (held := sum(shard.examples for shard in shards))
    ]


def _vocabulary_faults(folder: str, manifest: Manifest) -> list[str]:
    path = files.join(folder, manifest.vocabulary.file_name)
    try:
        check_vocabulary(path, manifest.vocabulary.sha256, files.join(folder, MANIFEST_NAME))
    except UserError as error:
        return [str(error)]
    return []


def _differences(path: str, shard: Shard, found: Examined) -> list[str]:
    """Say what the manifest says otherwise of a file."""
    size, expected = found.shard.bytes, shard.bytes
    if size != expected:
        kind = "truncated" if size < expected else "longer"
        return [
            f"{path}: {kind}: {size:,} bytes, {found.shard.examples:,} records; {expected:,} and {shard.examples:,} expected"
        ]
    if found.shard.sha256 != shard.sha256:
        why = "see its records below" if found.num_faults else "though every record reads: another file under this name?"
        return [f"{path}: its SHA-256 is not the manifest's, {why}"]
    if found.shard.examples != shard.examples:
        return [f"{path}: {found.shard.examples:,} records; the manifest says {shard.examples:,}"]
    return []


def examine(paths: Sequence[str], schema: Schema, run: Runner) -> Iterator[Examined]:
    """Read files of records, in order."""
    with Progress("read records", sum(size or 0 for size in files.sizes(paths)) / 1e6, "MB") as progress:
        for found in run(examine_shard, ((path, schema) for path in paths)):
            progress.update(found.shard.bytes / 1e6)
            yield found


def examine_shard(path: str, schema: Schema) -> Examined:
    """Read one file to its end, whatever is in it."""
    tensorflow_startup.start_tensorflow()
    faults: list[str] = []
    read = num_faults = 0
    statistics = Statistics.none(schema.max_seq_length, schema.vocab_size)
    with files.open_raw(path) as raw:
        file = HashedFile(raw)
        for chunk in decode_chunks(read_frames(file.read, files.size(path)), schema.max_seq_length):
            problems, good = _examine_chunk(chunk, schema)
            faults += [f"{path}, record {read + row + 1}: {problems[row]}" for row in sorted(problems)]
            del faults[MAX_FAULTS:]
            num_faults += len(problems)
            statistics = statistics.plus(good)
            read += len(chunk.frames)
        file.read_rest()
    name = path.replace("\\", "/").rpartition("/")[2]
    return Examined(Shard(name, read, file.bytes_read, file.sha256()), faults, num_faults, statistics)


def _examine_chunk(chunk: Chunk, schema: Schema) -> tuple[dict[int, str], Statistics]:
    """Find the problems, by row of the chunk, and the statistics of the records without."""
    problems: dict[int, str] = {}
    for row in set(range(len(chunk.frames))).difference(chunk.rows):
        payload, problem = chunk.frames[row]
        problems[row] = problem if payload is None else decoding_problem(payload, schema.max_seq_length)
    broken = structure_problems(chunk.features, schema)
    problems |= {chunk.rows[index]: problem for index, problem in broken.items()}
    good = np.setdiff1d(np.arange(len(chunk.rows)), list(broken))
    features = {name: values[good] for name, values in chunk.features.items()}
    return problems, Statistics.of(features, document_starts(features, schema), schema.vocab_size)


def structure_problems(features: dict[str, np.ndarray], schema: Schema) -> dict[int, str]:
    """Find the rows that the trainer cannot take, and the first rule that each breaks.

    A record is `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, then padding; where they are packed, it is several of these.

    Args:
        features: int64 [B, S] for each feature of a record.
        schema: what they must be.
    """
    ids, mask, segments = (features[name] for name in (INPUT_IDS, INPUT_MASK, SEGMENT_IDS))
    special = schema.special_ids
    rows, position = np.arange(len(ids)), np.arange(schema.max_seq_length)
    lengths = np.clip(mask.sum(1), 0, schema.max_seq_length)
    real = position < lengths[:, None]
    outside = (ids < 0) | (ids >= schema.vocab_size)
    last = ids[rows, lengths - 1]
    starts = document_starts(features, schema)
    separators = real & (ids == special.sep)
    # How many [SEP] the document has had before each place.
    gone_by = np.cumsum(separators, axis=1) - separators
    gone_by -= np.maximum.accumulate(np.where(starts, gone_by, 0), axis=1)
    excess = real & (gone_by > 1)
    count = separators.sum(1)
    unparted = starts[:, 1:] & ~separators[:, :-1]
    rules: tuple[tuple[Any, Callable[[int], str]], ...] = (
        ((mask != real).any(1), lambda row: "input_mask is not ones followed by zeros"),
        (lengths < 2, lambda row: f"{lengths[row]} tokens; there must be [CLS] and [SEP] at least"),
        (
            outside.any(1),
            lambda row: f"id {ids[row, outside[row].argmax()]} is not in the vocabulary, 0 to {schema.vocab_size - 1}",
        ),
        (ids[:, 0] != special.cls, lambda row: f"begins with id {ids[row, 0]}; [CLS] is {special.cls}"),
        (last != special.sep, lambda row: f"ends with id {last[row]}; [SEP] is {special.sep}"),
        (unparted.any(1), lambda row: f"[CLS] at place {unparted[row].argmax() + 2} stands behind no [SEP]"),
        (excess.any(1), lambda row: _excess(schema, int(count[row]), int(excess[row].argmax()))),
        (
            (segments != (real & (gone_by > 0))).any(1),
            lambda row: "segment_ids are not 0 up to the first [SEP], 1 after it, 0 in the padding",
        ),
        (((ids != special.pad) & ~real).any(1), lambda row: f"padding holds other ids than [PAD], which is {special.pad}"),
    )
    problems: dict[int, str] = {}
    for broken, words in rules:
        for row in np.nonzero(broken)[0].tolist():
            problems.setdefault(row, words(row))
    return problems


def document_starts(features: dict[str, np.ndarray], schema: Schema) -> np.ndarray:
    """Tell where in a record documents begin, bool [B, S]: at its first place, and where packed ones have a [CLS]."""
    ids = features[INPUT_IDS]
    starts = np.zeros(ids.shape, np.bool_)
    if schema.is_packed:
        starts |= (features[INPUT_MASK] > 0) & (ids == schema.special_ids.cls)
    starts[:, :1] = True
    return starts


def _excess(schema: Schema, count: int, place: int) -> str:
    """Say that a document goes on behind its second [SEP], from this place, counted from 0."""
    if schema.is_packed:
        return f"place {place + 1} stands behind a document's second [SEP] and is no [CLS]"
    return f"{count} [SEP]; there must be one or two"
