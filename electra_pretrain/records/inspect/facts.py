"""Look into a folder of records and tell what is in it: what is wrong, numbers, and some examples to read."""

import itertools
import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files, rng
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS
from electra_pretrain.core.errors import UserError
from electra_pretrain.execution.processes import Runner
from electra_pretrain.plot.data_page import DataFacts, ShownExample
from electra_pretrain.records.inspect.adopt import adopt
from electra_pretrain.records.inspect.statistics import most_frequent, spelt, summary
from electra_pretrain.records.inspect.verify import Verified, verify
from electra_pretrain.records.manifest import Manifest, Shard, load_manifest
from electra_pretrain.records.tfrecord import decode_chunks, read_frames
from electra_pretrain.tokenization.provenance import resolve_lower_case
from electra_pretrain.tokenization.tokenizer import find_vocab, group_into_words, load_tokenizer

_log = logging.getLogger(__name__)


class Adoption(NamedTuple):
    """How records that another builder made are taken in; as `adopt` takes it.

    Attributes:
        vocab: path of the vocabulary that they were built with, or its name if it ships with the package.
        lower_case: whether their text was lower-cased; None: as the vocabulary was learnt.
        heldout_fraction: share of the files that are held out.
    """

    vocab: str
    lower_case: bool | None
    heldout_fraction: float


class Shown(NamedTuple):
    """What is looked at and shown.

    Attributes:
        num_shards: how many shards are read; None: all.
        num_examples: how many examples are shown.
        num_tokens: how many of the most frequent tokens.
        seed: of what is chosen.
    """

    num_shards: int | None
    num_examples: int
    num_tokens: int
    seed: int


class Inspected(NamedTuple):
    """What was found, and how many faults there are, of which the first are named in the facts."""

    facts: DataFacts
    num_faults: int


def inspect_folder(folder: str, shown: Shown, adoption: Adoption | None, run: Runner) -> Inspected:
    """Verify a folder of records, or adopt it, and collect what there is to say of it; each fault is logged.

    Args:
        folder: made by build_data, or with an adoption by another builder.
        shown: what to look at.
        adoption: how to make a folder of ours of another builder's; None where it is one.
        run: maps over shards.

    Raises:
        UserError: the folder cannot be read, or records to be adopted are at fault.
    """
    if adoption is not None:
        manifest, verified = _adopted(folder, adoption, shown.seed, run)
        shards = [*manifest.train_shards, *manifest.heldout_shards]
    else:
        manifest = load_manifest(folder)
        shards = _chosen_shards(manifest, shown)
        verified = verify(folder, manifest, shards, run)
        _log_faults(verified)
    vocabulary, statistics = manifest.vocabulary, verified.statistics
    tokens = load_tokenizer(files.join(folder, vocabulary.file_name), vocabulary.do_lower_case).tokens
    token_counts = statistics.text_counts(vocabulary.special_ids)
    facts = DataFacts(
        folder=folder,
        summary=summary(manifest, shards, verified.num_faults, statistics),
        faults=verified.faults,
        lengths=statistics.document_lengths,
        token_counts=token_counts,
        frequent=most_frequent(token_counts, tokens, shown.num_tokens),
        examples=[
            _shown_example(folder, shard, number, manifest, tokens)
            for shard, number in _chosen_examples(shards, shown.num_examples, shown.seed)
        ],
    )
    return Inspected(facts, verified.num_faults)


def _adopted(folder: str, adoption: Adoption, seed: int, run: Runner) -> tuple[Manifest, Verified]:
    vocab = find_vocab(adoption.vocab)
    tokenizer = load_tokenizer(vocab, resolve_lower_case(adoption.lower_case, vocab))
    manifest, verified = adopt(folder, tokenizer, adoption.heldout_fraction, seed, run)
    _log_faults(verified)
    if manifest is None:
        raise UserError(
            f"{folder}: faults, named above: {verified.num_faults:,}; nothing was written. Were the records built with "
            f"{adoption.vocab}? If so, copy or build the files named again"
        )
    return manifest, verified


def _log_faults(verified: Verified) -> None:
    for fault in verified.faults:
        _log.error("%s", fault)
    if more := verified.num_faults - len(verified.faults):
        _log.error("and %s more faults", f"{more:,}")


def _chosen_shards(manifest: Manifest, shown: Shown) -> list[Shard]:
    shards = [*manifest.train_shards, *manifest.heldout_shards]
    if shown.num_shards is None:
        return shards
    chosen = rng.permutation(shown.seed, "shards to look at", 0, len(shards))[: shown.num_shards]
    return [shards[index] for index in sorted(chosen.tolist())]


def _chosen_examples(shards: Sequence[Shard], count: int, seed: int) -> list[tuple[Shard, int]]:
    """Choose records, none twice, in the order of the shards: shard and number, from 1, of each."""
    ends = np.cumsum([shard.examples for shard in shards])
    total = int(ends[-1]) if len(ends) else 0
    draws = rng.Stream(seed, "examples to look at", 0)
    chosen: set[int] = set()
    while len(chosen) < min(count, total):
        chosen.add(draws.integer(0, total - 1))
    located = [(index, int(np.searchsorted(ends, index, side="right"))) for index in sorted(chosen)]
    return [(shards[shard], index - int(ends[shard]) + shards[shard].examples + 1) for index, shard in located]


def _shown_example(folder: str, shard: Shard, number: int, manifest: Manifest, tokens: Sequence[str]) -> ShownExample:
    """Read a record; it has no segments where it cannot be read."""
    title = f"{shard.name}, record {number}"
    features = _read_record(files.join(folder, shard.name), number, manifest.max_seq_length)
    if features is None:
        return ShownExample(f"{title}: cannot be read", [])
    ids, mask, segments = (features[feature][0] for feature in (INPUT_IDS, INPUT_MASK, SEGMENT_IDS))
    is_start = (ids == manifest.vocabulary.special_ids.cls) & (manifest.short_documents == "packed")
    is_start[0] = True
    document = np.cumsum(is_start)
    texts = []
    for number in range(1, document[-1] + 1):
        of_document = (mask > 0) & (document == number)
        shown = [_spelt(ids[of_document & (segments == segment)], tokens) for segment in (0, 1)]
        texts.append([group_into_words(segment, manifest.vocabulary.type) for segment in shown if segment])
    several = f", {len(texts)} document{'s' if len(texts) > 1 else ''}" if manifest.short_documents == "packed" else ""
    return ShownExample(f"{title}: {int(mask.sum())} tokens, {int((mask == 0).sum())} padding{several}", texts)


def _read_record(path: str, number: int, max_seq_length: int) -> dict[str, np.ndarray] | None:
    """Read the record of this number, from 1: int64 [1, S] for each feature; None if it cannot be."""
    if not files.exists(path):
        return None
    with files.open_raw(path) as file:
        frames = itertools.islice(read_frames(file.read, files.size(path)), number - 1, number)
        for chunk in decode_chunks(frames, max_seq_length):
            return chunk.features if chunk.rows else None
    return None


def _spelt(ids: np.ndarray, tokens: Sequence[str]) -> list[str]:
    """Spell a segment's tokens; [CLS] and [SEP], which are its frame, are left out."""
    return [token for index in ids.tolist() if (token := spelt(index, tokens)) not in ("[CLS]", "[SEP]")]
