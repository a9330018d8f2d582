"""From a corpus to shuffled TFRecord shards, on one machine; the same bytes for any number of processes.

Two phases, a distributed sort by a random key: `blocks.build_raw_block` for every block of documents, then `shards.build_shard`
for every shard. So shards are a seeded shuffle of the whole corpus, and their number may be chosen when the number of examples
is known. Finished blocks and shards leave a marker; a killed run, started again, does not make them again.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.blocks import BLOCK_CHARACTERS, BlockReader, RawBlock
from electra_pretrain.corpus.provenance import read_steps
from electra_pretrain.corpus.reader import Corpus, no_text
from electra_pretrain.execution.processes import Runner
from electra_pretrain.records.blocks import SPLITS, BlockResult, BuildSettings, Workplace, build_raw_block, finished_block
from electra_pretrain.records.file_tasks import build_files
from electra_pretrain.records.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Counts,
    Manifest,
    Shard,
    load_manifest,
    vocabulary_of,
)
from electra_pretrain.records.shards import SHARD_NAMES, build_shard, shard_tasks
from electra_pretrain.tokenization.tokenizer import Tokenizer, load_tokenizer

WORK_PREFIX = ".build_data-"


def build(
    corpus: Corpus,
    vocab_path: str,
    do_lower_case: bool,
    output: str,
    settings: BuildSettings,
    run: Runner,
    shared_dir: str | None = None,
) -> Manifest:
    """Write shards, the vocabulary and, last, `manifest.json` into the folder `output`.

    Args:
        corpus: the text.
        vocab_path: the vocabulary.
        do_lower_case: whether text is lower-cased.
        output: the folder.
        settings: what else the records depend on.
        run: maps over blocks, then over shards.
        shared_dir: where finished work is kept that all machines see, if `run` leads to several; each then reads its own part
            of the corpus. None: this machine reads and hands out the text.

    Raises:
        UserError: bad input (named with file and line), an output that holds other records or cannot be written.
    """
    tokenizer = load_tokenizer(vocab_path, do_lower_case)
    steps = read_steps(corpus.paths)
    recipe = _recipe(corpus, tokenizer, settings)
    files.make_dirs(output)
    if files.exists(files.join(output, MANIFEST_NAME)):
        return _finished(output, _fingerprint(recipe, _sources(corpus)))
    work_dir = _work_dir(output, recipe, shared_dir)
    _check_foreign(output, tokenizer, work_dir)
    files.make_dirs(work_dir)
    workplace = Workplace(vocab_path, do_lower_case, work_dir, output, settings)
    with files.removed_if_empty(output), files.removed_if_empty(work_dir):
        sources, results = (_build_blocks if shared_dir is None else build_files)(corpus, workplace, run)
        examples = [sum(result.examples[split] for result in results) for split in range(len(SPLITS))]
        if not sum(examples):
            files.remove(work_dir)
            raise no_text(corpus.paths)
        fingerprint = _fingerprint(recipe, sources)
        shards = _build_shards(examples, len(results), fingerprint, workplace, run)
    counts = sum((result.counts for result in results), Counts())
    files.write_bytes(files.join(output, tokenizer.file_name), tokenizer.file_content)
    train, heldout = ([shard for shard in shards if shard.name.startswith(f"{split}-")] for split in SPLITS)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        fingerprint=fingerprint,
        vocabulary=vocabulary_of(tokenizer),
        **settings._asdict(),
        counts=counts,
        unk_rate=counts.unk_tokens / counts.tokens,
        overflow_rate=counts.overflow_tokens / (counts.tokens * settings.dupe_factor),
        train_examples=sum(shard.examples for shard in train),
        heldout_examples=sum(shard.examples for shard in heldout),
        train_shards=tuple(train),
        heldout_shards=tuple(heldout),
        sources=tuple(sources),
        corpus_steps=tuple(steps),
    )
    manifest.save(output)
    files.remove(work_dir)
    _sweep(output, tokenizer)
    return manifest


def _build_blocks(corpus: Corpus, workplace: Workplace, run: Runner) -> tuple[list[dict[str, Any]], list[BlockResult]]:
    """Read the corpus here and hand it out block by block; gives its sources too."""
    reader = BlockReader(corpus)
    results: dict[int, BlockResult] = {}
    unfinished: list[int] = []

    def tasks() -> Iterator[tuple[RawBlock, Workplace]]:
        for block in reader.blocks():
            finished = finished_block(block, workplace)
            if finished is None:
                unfinished.append(block.number)
                yield block, workplace
            else:
                results[block.number] = finished

    tokens, shown = 0, 0.0
    with Progress("tokenise", corpus.stored_bytes / 1e6, "MB") as progress:
        for place, result in enumerate(run(build_raw_block, tasks())):
            results[unfinished[place]] = result
            tokens += result.counts.tokens
            done = reader.bytes_read / 1e6
            progress.update(done - shown, f"{tokens:,} tokens")
            shown = done
        progress.update(reader.bytes_read / 1e6 - shown)
    return reader.sources, [results[number] for number in range(len(results))]


def _build_shards(examples: list[int], num_blocks: int, fingerprint: str, workplace: Workplace, run: Runner) -> list[Shard]:
    tasks = shard_tasks(examples, num_blocks, fingerprint, workplace.settings.max_seq_length)
    shards: list[Shard] = []
    with Progress("write shards", len(tasks), "shards") as progress:
        for shard in run(build_shard, ((task, workplace) for task in tasks)):
            shards.append(shard)
            progress.update(1)
    return shards


def _check_foreign(output: str, tokenizer: Tokenizer, work_dir: str) -> None:
    """Refuse a folder in which something lies that the build would write over, and that no build has made.

    Raises:
        UserError: another vocabulary lies there, or a shard though no build was begun.
    """
    vocab = files.join(output, tokenizer.file_name)
    if files.exists(vocab) and files.read_bytes(vocab) != tokenizer.file_content:
        raise UserError(f"{vocab}: is another vocabulary than --vocab and would be lost; choose another --output or move it")
    names = files.list_dir(output)
    if files.exists(work_dir) or any(name.startswith(WORK_PREFIX) for name in names):
        return
    if shards := [name for name in names if re.fullmatch(SHARD_NAMES, name)]:
        raise UserError(
            f"{output}: holds {first_of(shards)}, of which no manifest tells; choose another --output or move them away"
        )


def _sweep(output: str, tokenizer: Tokenizer) -> None:
    """Remove what killed builds, of other settings too, left behind; what else lies there stays."""
    own = "|".join([re.escape(tokenizer.file_name), re.escape(MANIFEST_NAME), SHARD_NAMES])
    files.remove_temporaries(output, own)
    for name in files.list_dir(output):
        if name.startswith(WORK_PREFIX):
            files.remove(files.join(output, name))


def _recipe(corpus: Corpus, tokenizer: Tokenizer, settings: BuildSettings) -> dict[str, Any]:
    """All that the records depend on besides the text."""
    return {
        "format_version": FORMAT_VERSION,
        "block_characters": BLOCK_CHARACTERS,
        "text_field": corpus.text_field,
        "vocabulary": tokenizer.sha256,
        "do_lower_case": tokenizer.do_lower_case,
        **settings._asdict(),
    }


def _fingerprint(recipe: dict[str, Any], sources: Sequence[dict[str, Any]]) -> str:
    return _hash({**recipe, "sources": [(source["bytes"], source["sha256"]) for source in sources]})


def _hash(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def _sources(corpus: Corpus) -> list[dict[str, Any]]:
    """What finished records must be made of; the hash tells an edited file of the same size."""
    with Progress("check sources", corpus.stored_bytes / 1e6, "MB") as progress:
        return [{"path": path, "bytes": files.size(path), "sha256": files.sha256(path, progress)} for path in corpus.paths]


def _finished(output: str, fingerprint: str) -> Manifest:
    manifest = load_manifest(output)
    if manifest.fingerprint != fingerprint:
        raise UserError(f"{output}: holds records of other input or settings; choose another --output or delete the folder")
    return manifest


def _work_dir(output: str, recipe: dict[str, Any], shared_dir: str | None) -> str:
    """Where blocks wait for their shards: beside the output, for a remote one in the local temporary folder, or where told."""
    remote = files.is_remote(output)
    parent = shared_dir or (tempfile.gettempdir() if remote else output)
    # In a folder that others use too, the name tells whose blocks they are.
    name = WORK_PREFIX + _hash({**recipe, "output": "" if parent == output else output})
    return files.join(parent, name)
