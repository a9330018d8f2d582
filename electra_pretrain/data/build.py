"""From a corpus to shuffled TFRecord shards, on one machine; the same bytes for any number of processes.

Two passes, a distributed sort by a random key:
1. `build_block`: a block of documents -> its examples, each with a 32-bit random key, stored sorted by key.
2. `build_shard`: shard s of n takes from every block the examples whose keys lie in the s-th part of the key range.
So shards are a seeded shuffle of the whole corpus, and their number may be chosen when the number of examples is known.
A killed run continues: finished blocks and shards are not made again.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain import files, quiet, rng
from electra_pretrain.data.block import BlockBuilder, read_block, write_block
from electra_pretrain.data.examples import document_examples
from electra_pretrain.data.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Counts,
    Manifest,
    Shard,
    Vocabulary,
    load_manifest,
    max_encoded_bytes,
)
from electra_pretrain.data.processes import Runner, worker_pool
from electra_pretrain.errors import UserError
from electra_pretrain.progress import Progress
from electra_pretrain.text.corpus import BLOCK_CHARACTERS, Corpus, Document
from electra_pretrain.tokenization.tokenizer import Tokenizer, load_tokenizer

MAX_SHARD_BYTES = 100_000_000
SPLITS = ("train", "heldout")
WORK_PREFIX = ".build_data-"


class BuildSettings(NamedTuple):
    """What, besides the text and the vocabulary, the records depend on."""

    max_seq_length: int
    heldout_fraction: float
    seed: int


class Workplace(NamedTuple):
    """What every worker needs to know; small enough to send along with each task."""

    vocab_path: str
    do_lower_case: bool
    work_dir: str
    output: str
    settings: BuildSettings


def build(
    corpus: Corpus, vocab_path: str, do_lower_case: bool, output: str, settings: BuildSettings, num_processes: int
) -> Manifest:
    """Write shards, the vocabulary and, last, `manifest.json` into the folder `output`.

    Raises:
        UserError: bad input (named with file and line), an output that holds other records or cannot be written.
    """
    tokenizer = load_tokenizer(vocab_path, do_lower_case)
    files.make_dirs(output)
    sources = _sources(corpus)
    fingerprint = _fingerprint(corpus, sources, tokenizer, settings)
    if files.exists(files.join(output, MANIFEST_NAME)):
        return _finished(output, fingerprint)
    work_dir = _work_dir(output, fingerprint)
    workplace = Workplace(vocab_path, do_lower_case, work_dir, output, settings)
    with _removed_if_empty(output), _removed_if_empty(work_dir), worker_pool(num_processes) as run:
        results = _build_blocks(corpus, workplace, run)
        examples = [sum(result.examples[split] for result in results) for split in range(len(SPLITS))]
        if not sum(examples):
            files.remove(work_dir)
            raise UserError(f"{', '.join(corpus.paths)}: the corpus is empty; there is no text in it")
        shards = _build_shards(examples, len(results), workplace, run)
    counts = sum((result.counts for result in results), Counts())
    files.write_bytes(files.join(output, tokenizer.file_name), tokenizer.file_content)
    manifest = _manifest(sources, tokenizer, settings, fingerprint, counts, shards)
    manifest.save(output)
    files.remove(work_dir)
    _sweep(output)
    return manifest


class BlockResult(NamedTuple):
    counts: Counts
    examples: list[int]  # per split


def build_block(number: int, documents: list[Document], workplace: Workplace) -> BlockResult:
    """Tokenise a block of documents and store its examples, sorted by their random keys, one file a split."""
    marker = files.join(workplace.work_dir, f"block-{number:06d}.json")
    if files.exists(marker):
        saved = json.loads(files.read_text(marker))
        return BlockResult(Counts(**saved["counts"]), saved["examples"])
    settings = workplace.settings
    tokenizer = _cached_tokenizer(workplace.vocab_path, workplace.do_lower_case)
    ids, row_splits = tokenizer.encode_lines([sentence for document in documents for sentence in document])
    heldout = rng.numpy_uniform(settings.seed, "heldout documents", [number], len(documents))[0] < settings.heldout_fraction
    draws = rng.Stream(settings.seed, "examples", number)
    overflow, line = 0, 0
    blocks = [BlockBuilder() for _ in SPLITS]
    for document, is_heldout in zip(documents, heldout, strict=True):
        document_splits = row_splits[line : line + len(document) + 1]
        line += len(document)
        for example in document_examples(ids, document_splits, settings.max_seq_length, draws):
            blocks[int(is_heldout)].add(example.first, example.second)
            overflow += example.overflow
    for split, block in zip(SPLITS, blocks, strict=True):
        keys = rng.numpy_bits(settings.seed, f"{split} order", [number], len(block))[0]
        write_block(_block_path(workplace, split, number), block.sorted_by(keys))
    counts = Counts(
        documents=len(documents),
        heldout_documents=int(heldout.sum()),
        sentences=len(row_splits) - 1,
        characters=sum(len(sentence) for document in documents for sentence in document),
        tokens=len(ids),
        unk_tokens=int((ids == tokenizer.special_ids.unk).sum()),
        overflow_tokens=overflow,
    )
    result = BlockResult(counts, [len(block) for block in blocks])
    files.write_text(marker, json.dumps({"counts": dataclasses.asdict(counts), "examples": result.examples}))
    return result


class ShardTask(NamedTuple):
    split: str
    number: int
    num_shards: int
    num_blocks: int

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:05d}-of-{self.num_shards:05d}.tfrecord"


def build_shard(task: ShardTask, workplace: Workplace) -> Shard:
    """Collect one shard's examples from all blocks, put them in the order of their keys, write them."""
    quiet.import_tensorflow()
    from electra_pretrain.data.records import encode_example, write_records

    path = files.join(workplace.output, task.name)
    marker = files.join(workplace.work_dir, f"{task.name}.json")
    if files.exists(marker) and files.exists(path):
        return Shard(**json.loads(files.read_text(marker)))
    tokenizer = _cached_tokenizer(workplace.vocab_path, workplace.do_lower_case)
    low, high = (2**32 * bound // task.num_shards for bound in (task.number, task.number + 1))
    parts = [read_block(_block_path(workplace, task.split, number)).key_range(low, high) for number in range(task.num_blocks)]
    block_of = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])
    place_in = np.concatenate([np.arange(len(part)) for part in parts])
    order = np.argsort(np.concatenate([part.keys for part in parts]), kind="stable")
    examples = (parts[block_of[place]].example(place_in[place]) for place in order)
    length = workplace.settings.max_seq_length
    write_records(path, (encode_example(first, second, length, tokenizer.special_ids) for first, second in examples))
    shard = Shard(task.name, len(order), files.size(path), files.sha256(path))
    files.write_text(marker, json.dumps(dataclasses.asdict(shard)))
    return shard


def _build_blocks(corpus: Corpus, workplace: Workplace, run: Runner) -> list[BlockResult]:
    results = []
    shown = 0.0
    with Progress("tokenise", corpus.stored_bytes / 1e6, "MB") as progress:
        tasks = ((number, documents, workplace) for number, documents in enumerate(corpus.blocks()))
        for result in run(build_block, tasks):
            results.append(result)
            done = corpus.stored_bytes_read / 1e6
            progress.update(done - shown, f"{sum(part.counts.tokens for part in results):,} tokens")
            shown = done
    return results


def _build_shards(examples: list[int], num_blocks: int, workplace: Workplace, run: Runner) -> dict[str, list[Shard]]:
    # Keys are random, so that shards differ a little in size; the margin keeps the largest under the limit.
    per_shard = MAX_SHARD_BYTES // max_encoded_bytes(workplace.settings.max_seq_length) * 0.98
    tasks = []
    for split, count in zip(SPLITS, examples, strict=True):
        num_shards = math.ceil(count / per_shard)
        tasks += [ShardTask(split, number, num_shards, num_blocks) for number in range(num_shards)]
    shards: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    with Progress("write shards", len(tasks), "shards") as progress:
        for task, shard in zip(tasks, run(build_shard, ((task, workplace) for task in tasks)), strict=True):
            shards[task.split].append(shard)
            progress.update(1)
    return shards


def _sweep(output: str) -> None:
    """Remove what killed builds, of other settings too, left behind."""
    files.remove_temporaries(output)
    for name in files.list_dir(output):
        if name.startswith(WORK_PREFIX):
            files.remove(files.join(output, name))


@contextlib.contextmanager
def _removed_if_empty(folder: str) -> Iterator[None]:
    """Leave no empty folder behind when the block fails; finished work stays, for the next try."""
    try:
        yield
    except BaseException:
        if not files.is_remote(folder) and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
        raise


_tokenizers: dict[tuple[str, bool], Tokenizer] = {}


def _cached_tokenizer(vocab_path: str, do_lower_case: bool) -> Tokenizer:
    key = (vocab_path, do_lower_case)
    if key not in _tokenizers:
        _tokenizers[key] = load_tokenizer(vocab_path, do_lower_case)
    return _tokenizers[key]


def _block_path(workplace: Workplace, split: str, number: int) -> str:
    return files.join(workplace.work_dir, f"block-{number:06d}-{split}.npy")


def _sources(corpus: Corpus) -> list[dict[str, Any]]:
    """What the records are made of; the hash tells an edited file of the same size."""
    with Progress("check sources", corpus.stored_bytes / 1e6, "MB") as progress:
        return [{"path": path, "bytes": files.size(path), "sha256": files.sha256(path, progress)} for path in corpus.paths]


def _fingerprint(corpus: Corpus, sources: list[dict[str, Any]], tokenizer: Tokenizer, settings: BuildSettings) -> str:
    identity = {
        "format_version": FORMAT_VERSION,
        "block_characters": BLOCK_CHARACTERS,
        "sources": [(source["bytes"], source["sha256"]) for source in sources],
        "text_field": corpus.text_field,
        "vocabulary": tokenizer.sha256,
        "do_lower_case": tokenizer.do_lower_case,
        **settings._asdict(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def _finished(output: str, fingerprint: str) -> Manifest:
    manifest = load_manifest(output)
    if manifest.fingerprint != fingerprint:
        raise UserError(f"{output}: holds records of other input or settings; choose another --output or delete the folder")
    return manifest


def _work_dir(output: str, fingerprint: str) -> str:
    """Where blocks wait for their shards: beside the output, or for a remote output in the local temporary folder."""
    parent = tempfile.gettempdir() if files.is_remote(output) else output
    work_dir = files.join(parent, WORK_PREFIX + fingerprint)
    files.make_dirs(work_dir)
    return work_dir


def _manifest(
    sources: list[dict[str, Any]],
    tokenizer: Tokenizer,
    settings: BuildSettings,
    fingerprint: str,
    counts: Counts,
    shards: dict[str, list[Shard]],
) -> Manifest:
    vocabulary = Vocabulary(
        type=tokenizer.type,
        sha256=tokenizer.sha256,
        size=tokenizer.vocab_size,
        do_lower_case=tokenizer.do_lower_case,
        strip_accents=False,
        unicode_normalization="NFC",
        special_ids=tokenizer.special_ids,
    )
    train, heldout = (tuple(shards[split]) for split in SPLITS)
    return Manifest(
        format_version=FORMAT_VERSION,
        fingerprint=fingerprint,
        max_seq_length=settings.max_seq_length,
        vocabulary=vocabulary,
        seed=settings.seed,
        heldout_fraction=settings.heldout_fraction,
        counts=counts,
        unk_rate=counts.unk_tokens / counts.tokens,
        overflow_rate=counts.overflow_tokens / counts.tokens,
        train_examples=sum(shard.examples for shard in train),
        heldout_examples=sum(shard.examples for shard in heldout),
        train_shards=train,
        heldout_shards=heldout,
        sources=tuple(sources),
    )
