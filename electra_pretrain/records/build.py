"""From a corpus to shuffled TFRecord shards, on one machine or many; the same bytes for any number of processes.

Two steps, a distributed sort by a random key: `blocks.build_raw_block` for every block of documents, then `shards.build_shard`
for every shard. So shards are a seeded shuffle of the whole corpus, and their number may be chosen when the number of examples
is known. Finished blocks and shards leave a marker; a killed run, started again, does not make them again.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import heed
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.blocks import RECORDS_BLOCK_CHARACTERS, BlockReader, RawBlock
from electra_pretrain.corpus.provenance import Step, read_steps
from electra_pretrain.corpus.reader import Corpus, no_text
from electra_pretrain.execution import resume
from electra_pretrain.execution.memory import keep_freed
from electra_pretrain.execution.processes import Runner, map_tasks
from electra_pretrain.execution.resume import Source, WorkFolder
from electra_pretrain.records.blocks import (
    BlockResult,
    BuildSettings,
    BuildWork,
    build_raw_block,
    finished_block,
    total,
)
from electra_pretrain.records.cluster import build_files
from electra_pretrain.records.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    Manifest,
    Vocabulary,
    load_manifest,
    vocabulary_of,
)
from electra_pretrain.records.rows import SPLITS
from electra_pretrain.records.ruin import check_records
from electra_pretrain.records.shards import SHARD_NAMES, build_shard, shard_tasks
from electra_pretrain.tokenization.tokenizer import Tokenizer, load_as_learnt

COMMAND = "build_data"
OWN_NAMES = rf"{SHARD_NAMES}|{re.escape(MANIFEST_NAME)}|vocab\.txt|spm\.model|\.build_data-.*"  # in its output


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
        shared_dir: where finished work is kept that all machines see, if `run` leads to several; each then reads files of its
            own. None: this machine reads and hands out the text.

    Raises:
        UserError: bad input (named with file and line), an output that holds other records or cannot be written, text of which
            nothing can come (`ruin`).
    """
    tokenizer = load_as_learnt(vocab_path, do_lower_case)
    steps = read_steps(corpus.paths)
    identity = _identity(corpus, tokenizer, settings)
    files.make_dirs(output)
    if files.exists(files.join(output, MANIFEST_NAME)):
        return _finished(output, _fingerprint(identity, resume.sources(corpus.paths)), vocabulary_of(tokenizer), settings)
    key = resume.fingerprint({**identity, "output": ""})
    if shared_dir is not None:
        key += "-by-file"  # there a block's file holds all of a text file's blocks
    folder = resume.work_folder(COMMAND, key, output, shared_dir)
    _check_foreign(folder, tokenizer)
    files.make_dirs(folder.path)
    work = BuildWork(vocab_path, do_lower_case, folder.path, output, settings)
    with files.removed_if_empty(output), files.removed_if_empty(folder.path):
        sources, results = (_build_blocks if shared_dir is None else build_files)(corpus, work, run)
        built = total(results)
        if not sum(built.rows):
            files.remove(folder.path)
            raise no_text(corpus.paths)
        fingerprint = _fingerprint(identity, sources)
        manifest = _manifest(fingerprint, tokenizer, settings, built, sources, steps)
        if hopeless := [finding for finding in check_records(output, manifest) if finding.is_failure]:
            files.remove(folder.path)
            heed(hopeless)
        tasks = shard_tasks(built.rows, len(results), fingerprint, settings.max_seq_length)
        shards = map_tasks(run, "write shards", build_shard, [(task, work) for task in tasks], "shards")
    files.write_bytes(files.join(output, tokenizer.file_name), tokenizer.file_content)
    train, heldout = (tuple(shard for shard in shards if shard.name.startswith(f"{split}-")) for split in SPLITS)
    manifest = dataclasses.replace(manifest, train_shards=train, heldout_shards=heldout)
    manifest.save(output)
    folder.remove()
    # Of killed builds, whatever their settings; what else lies there stays.
    files.remove_temporaries(output, OWN_NAMES)
    return manifest


def _manifest(
    fingerprint: str,
    tokenizer: Tokenizer,
    settings: BuildSettings,
    built: BlockResult,
    sources: Sequence[Source],
    steps: Sequence[Step],
) -> Manifest:
    """Tell what the shards, which are not there yet, will hold and how they are made."""
    counts, (train_examples, heldout_examples) = built.counts, built.rows
    return Manifest(
        format_version=FORMAT_VERSION,
        fingerprint=fingerprint,
        vocabulary=vocabulary_of(tokenizer),
        **settings._asdict(),
        counts=counts,
        contents=built.contents,
        unk_rate=counts.unk_tokens / counts.tokens,
        overflow_rate=counts.overflow_tokens / (counts.tokens * settings.dupe_factor),
        train_examples=train_examples,
        heldout_examples=heldout_examples,
        train_shards=(),
        heldout_shards=(),
        sources=tuple(sources),
        corpus_steps=tuple(steps),
    )


def _build_blocks(corpus: Corpus, work: BuildWork, run: Runner) -> tuple[list[Source], list[BlockResult]]:
    """Read the corpus here and hand it out block by block; return its sources too."""
    keep_freed()
    reader = BlockReader(corpus)
    results: dict[int, BlockResult] = {}
    unfinished: list[int] = []

    def tasks() -> Iterator[tuple[RawBlock, BuildWork]]:
        for block in reader.blocks(RECORDS_BLOCK_CHARACTERS):
            finished = finished_block(block, work)
            if finished is None:
                unfinished.append(block.number)
                yield block, work
            else:
                results[block.number] = finished

    tokens = 0
    with Progress("tokenise", corpus.stored_bytes / 1e6, "MB") as progress:
        built = run(build_raw_block, tasks())
        shown = progress.following(built, lambda: reader.bytes_read / 1e6, lambda: f"{tokens:,} tokens")
        for index, result in enumerate(shown):
            results[unfinished[index]] = result
            tokens += result.counts.tokens
    return reader.sources, [results[number] for number in range(len(results))]


def _check_foreign(folder: WorkFolder, tokenizer: Tokenizer) -> None:
    """Refuse an output in which something lies that the build would write over, and that no build has made.

    Raises:
        UserError: another vocabulary lies there, or a shard though no build was begun.
    """
    vocab = files.join(folder.output, tokenizer.file_name)
    if files.exists(vocab) and files.read_bytes(vocab) != tokenizer.file_content:
        raise UserError(f"{vocab}: is another vocabulary than --vocab and would be lost; choose another --output or move it")
    shards = [name for name in files.list_dir(folder.output) if re.fullmatch(SHARD_NAMES, name)]
    folder.check_foreign(shards, "of which no manifest tells; choose another --output or move them away")


def _identity(corpus: Corpus, tokenizer: Tokenizer, settings: BuildSettings) -> dict[str, Any]:
    """Return all that the records depend on besides the text."""
    return {
        "format_version": FORMAT_VERSION,
        "block_characters": RECORDS_BLOCK_CHARACTERS,
        "text_field": corpus.reading.text_field,
        **corpus.reading.departures(),
        "vocabulary": tokenizer.sha256,
        "do_lower_case": tokenizer.do_lower_case,
        **({"strip_accents": True} if tokenizer.strip_accents else {}),
        # Of rows of the first kind fingerprints are older than the others.
        **{name: value for name, value in settings._asdict().items() if (name, value) != ("short_documents", "apart")},
    }


def _fingerprint(identity: dict[str, Any], sources: Sequence[Source]) -> str:
    return resume.fingerprint({**identity, "sources": [(source["bytes"], source["sha256"]) for source in sources]})


def _finished(output: str, fingerprint: str, vocabulary: Vocabulary, settings: BuildSettings) -> Manifest:
    """Return the manifest of a finished folder, if it holds what is wanted."""
    manifest = load_manifest(output)
    differing = _differing(manifest, vocabulary, settings)
    resume.check_fingerprint(output, manifest.fingerprint, fingerprint, "records", differing)
    return manifest


def _differing(manifest: Manifest, vocabulary: Vocabulary, settings: BuildSettings) -> list[str]:
    """Name the settings that a manifest tells of, and tells otherwise."""
    found = manifest.vocabulary
    texts = ["another --vocab"] if found.sha256 != vocabulary.sha256 else []
    texts += ["another --lower_case"] if found.do_lower_case != vocabulary.do_lower_case else []
    for name, here in settings._asdict().items():
        there = getattr(manifest, name)
        if there is not None and there != here:  # adopted records do not tell of all
            texts.append(f"--{name} {there} there, {here} here")
    return texts
