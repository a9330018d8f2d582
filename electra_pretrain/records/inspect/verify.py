"""Read shards record by record: what is damaged or breaks a rule, by file and record, and statistics of the rest."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.batch import RECORD_FEATURES
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.execution.processes import Runner
from electra_pretrain.records.frames import Frame, read_frames
from electra_pretrain.records.inspect.statistics import Statistics
from electra_pretrain.records.inspect.structure import Schema, decoding_problem, structure_problems
from electra_pretrain.records.manifest import Manifest, Shard
from electra_pretrain.tokenization.tokenizer import load_tokenizer

_CHUNK = 1000
# A file of nothing but faults must not fill memory; the others are counted.
FAULTS_KEPT = 20


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
    schema = Schema(manifest.max_seq_length, vocabulary.size, vocabulary.special_ids)
    faults = [*_totals(manifest), *_vocabulary(folder, manifest)]
    present = [shard for shard in shards if files.exists(files.join(folder, shard.name))]
    faults += [f"{files.join(folder, shard.name)}: missing" for shard in shards if shard not in present]
    num_faults, statistics = len(faults), Statistics.none(schema.max_seq_length, schema.vocab_size)
    for shard, found in zip(present, examine([files.join(folder, s.name) for s in present], schema, run), strict=True):
        differing = _differences(files.join(folder, shard.name), shard, found)
        faults += [*differing, *found.faults]
        num_faults += len(differing) + found.num_faults
        statistics = statistics.plus(found.statistics)
    return Verified(len(shards), faults, num_faults, statistics)


def examine(paths: Sequence[str], schema: Schema, run: Runner) -> Iterator[Examined]:
    """Read files of records, in order."""
    with Progress("read records", sum(map(files.size, paths)) / 1e6, "MB") as progress:
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
        file = _Hashed(raw)
        for chunk in _chunks(read_frames(file.read)):
            problems, good = _examine_chunk(chunk, schema)
            faults += [f"{path}, record {read + row + 1}: {problems[row]}" for row in sorted(problems)]
            del faults[FAULTS_KEPT:]
            num_faults += len(problems)
            statistics = statistics.plus(good)
            read += len(chunk)
        size, sha256 = file.finish()
    name = path.replace("\\", "/").rpartition("/")[2]
    return Examined(Shard(name, read, size, sha256), faults, num_faults, statistics)


class _Hashed:
    """A file that hashes what is read of it: shards in a bucket are fetched once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self._bytes = file, hashlib.sha256(), 0

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._digest.update(content)
        self._bytes += len(content)
        return content

    def finish(self) -> tuple[int, str]:
        """Size and hexadecimal SHA-256 of the whole file."""
        while self.read(1 << 20):
            pass
        return self._bytes, self._digest.hexdigest()


def _chunks(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    chunk: list[Frame] = []
    for frame in frames:
        chunk.append(frame)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _examine_chunk(chunk: list[Frame], schema: Schema) -> tuple[dict[int, str], Statistics]:
    """Problems by place in the chunk, and statistics of the records without."""
    problems = {row: frame.problem for row, frame in enumerate(chunk) if frame.payload is None}
    payloads = {row: frame.payload for row, frame in enumerate(chunk) if frame.payload is not None}
    features = decode_records(list(payloads.values()), schema.max_seq_length)
    if features is None:
        for row, payload in list(payloads.items()):
            if decode_records([payload], schema.max_seq_length) is None:
                problems[row] = decoding_problem(payload, schema.max_seq_length)
                del payloads[row]
        features = decode_records(list(payloads.values()), schema.max_seq_length)
        assert features is not None
    broken = structure_problems(features, schema)
    rows = list(payloads)
    problems |= {rows[index]: problem for index, problem in broken.items()}
    kept = np.setdiff1d(np.arange(len(rows)), list(broken))
    return problems, Statistics.of({name: values[kept] for name, values in features.items()}, schema.vocab_size)


def decode_records(payloads: list[bytes], max_seq_length: int) -> dict[str, np.ndarray] | None:
    """int64 [B, S] for each feature; None if one of the records does not decode."""
    import tensorflow as tf

    from electra_pretrain.records.damage import UNDECODABLE
    from electra_pretrain.records.parse import parse_int64

    if not payloads:
        return {name: np.zeros((0, max_seq_length), np.int64) for name in RECORD_FEATURES}
    try:
        parsed = parse_int64(tf.constant(payloads, tf.string), max_seq_length)
    except UNDECODABLE:
        return None
    return {name: values.numpy() for name, values in parsed.items()}


def _differences(path: str, shard: Shard, found: Examined) -> list[str]:
    """What the manifest says otherwise of a file."""
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


def _totals(manifest: Manifest) -> list[str]:
    """Where the manifest contradicts itself."""
    pairs = (
        ("train_examples", manifest.train_examples, manifest.train_shards),
        ("heldout_examples", manifest.heldout_examples, manifest.heldout_shards),
    )
    return [
        f"manifest.json: {name} is {total:,}, its shards hold {held:,}"
        for name, total, shards in pairs
        if total != (held := sum(shard.examples for shard in shards))
    ]


def _vocabulary(folder: str, manifest: Manifest) -> list[str]:
    path = files.join(folder, manifest.vocabulary.file_name)
    try:
        tokenizer = load_tokenizer(path, manifest.vocabulary.do_lower_case)
    except UserError as error:
        return [str(error)]
    if tokenizer.sha256 != manifest.vocabulary.sha256:
        return [f"{path}: is not the vocabulary that the records were built with"]
    return []
