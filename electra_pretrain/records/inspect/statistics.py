"""How long examples are and how often each token occurs, added up over shards; what there is to say of it, in words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, SpecialIds
from electra_pretrain.plot.data_page import Frequency
from electra_pretrain.records.manifest import Manifest, Shard


class Statistics(NamedTuple):
    """Counts over examples; `S` is max_seq_length, `V` the vocabulary's size."""

    lengths: np.ndarray  # int64 [S + 1]: examples of so many tokens, the special ones included
    pairs: int  # documents of two segments
    document_lengths: np.ndarray  # int64 [S + 1]: documents of so many tokens; but where rows are packed, as `lengths`
    token_counts: np.ndarray  # int64 [V]: occurrences, padding not counted

    @classmethod
    def none(cls, max_seq_length: int, vocab_size: int) -> "Statistics":
        """Begin to count."""
        lengths = np.zeros(max_seq_length + 1, np.int64)
        return cls(lengths, 0, lengths, np.zeros(vocab_size, np.int64))

    @classmethod
    def of(cls, features: dict[str, np.ndarray], starts: np.ndarray, vocab_size: int) -> "Statistics":
        """Count examples that keep the rules.

        Args:
            features: int64 [B, S] for each of them.
            starts: bool [B, S], where documents begin.
            vocab_size: V.
        """
        mask, real = features[INPUT_MASK], features[INPUT_MASK] > 0
        number = np.cumsum(starts[real])  # of the document that each token is of, all rows' in a row
        in_second = np.bincount(number, features[SEGMENT_IDS][real])
        return cls(
            lengths=np.bincount(mask.sum(1), minlength=mask.shape[1] + 1),
            pairs=int((in_second > 0).sum()),
            document_lengths=np.bincount(np.bincount(number)[1:], minlength=mask.shape[1] + 1),
            token_counts=np.bincount(features[INPUT_IDS][real], minlength=vocab_size),
        )

    def plus(self, other: "Statistics") -> "Statistics":
        return Statistics(
            self.lengths + other.lengths,
            self.pairs + other.pairs,
            self.document_lengths + other.document_lengths,
            self.token_counts + other.token_counts,
        )

    @property
    def examples(self) -> int:
        return int(self.lengths.sum())

    @property
    def tokens(self) -> int:
        """Return how many tokens there are, special ones included, padding not."""
        return int(self.lengths @ np.arange(len(self.lengths)))

    @property
    def padding(self) -> float:
        """Return the share of the positions that hold padding."""
        positions = self.examples * (len(self.lengths) - 1)
        return 1 - self.tokens / positions if positions else 0.0

    @property
    def documents(self) -> int:
        """Return how many there are; stretches of one, if it was too long, count apart."""
        return int(self.document_lengths.sum())

    def length_quantile(self, share: float) -> int:
        """Return the length that this share of the documents stays within."""
        return int(np.searchsorted(np.cumsum(self.document_lengths), share * self.documents))

    def text_counts(self, special_ids: SpecialIds) -> np.ndarray:
        """Return occurrences of what came from text, [UNK] included, other special tokens not: int64 [V]."""
        counts: np.ndarray = self.token_counts.copy()
        counts[[special_ids.pad, special_ids.cls, special_ids.sep, special_ids.mask]] = 0
        return counts


def summary(manifest: Manifest, shards: Sequence[Shard], num_faults: int, statistics: Statistics) -> list[tuple[str, str]]:
    """Tell of a folder in names and values.

    Args:
        manifest: the folder's.
        shards: those of its shards that were read.
        num_faults: what was found to be wrong.
        statistics: of the records read without fault.
    """
    vocabulary = manifest.vocabulary
    counts = statistics.text_counts(vocabulary.special_ids)
    special = set(vocabulary.special_ids)
    occurring = sum(1 for index in np.nonzero(counts)[0].tolist() if index not in special)
    all_shards = len(manifest.train_shards) + len(manifest.heldout_shards)
    mean = statistics.tokens / max(statistics.documents, 1)
    single = 1 - statistics.pairs / max(statistics.documents, 1)
    unit = "documents" if manifest.short_documents == "packed" else "rows"
    unk = counts[vocabulary.special_ids.unk] / max(counts.sum(), 1)
    return [
        ("rows", f"{manifest.train_examples:,} training, {manifest.heldout_examples:,} held-out"),
        ("files", f"{len(manifest.train_shards):,} training, {len(manifest.heldout_shards):,} held-out"),
        (
            "vocabulary",
            f"{vocabulary.size:,} tokens, {vocabulary.type}, {'lower case' if vocabulary.do_lower_case else 'cased'}"
            + (", without accents" if vocabulary.strip_accents else ""),
        ),
        (
            "read",
            f"{len(shards):,} of {all_shards:,} files, {sum(shard.bytes for shard in shards) / 1e6:,.1f} MB: "
            + (f"{num_faults:,} faults" if num_faults else "checksums, hashes and structure are right"),
        ),
        *_of_rows(manifest, statistics),
        (
            "length",
            f"mean {mean:.1f} of {manifest.max_seq_length} tokens; 5% of the {unit} have at most "
            f"{statistics.length_quantile(0.05)}, half at most {statistics.length_quantile(0.5)}",
        ),
        ("padding", f"{statistics.padding:.2%} of the places"),
        ("segments", f"{single:.1%} of the {unit} have one, the others two"),
        ("[UNK]", f"{unk:.3%} of the tokens of text"),
        ("tokens in use", f"{occurring:,} of {vocabulary.size - len(special):,}, special ones aside"),
    ]


def _of_rows(manifest: Manifest, statistics: Statistics) -> list[tuple[str, str]]:
    """Tell how several documents came into a row; nothing where they did not."""
    if manifest.short_documents == "apart":
        return []
    mean = statistics.documents / max(statistics.examples, 1)
    of_packed = f": {mean:.1f} documents a row, each attending to itself alone"
    return [("short documents", manifest.short_documents + (of_packed if manifest.short_documents == "packed" else ""))]


def spelt(index: int, tokens: Sequence[str]) -> str:
    """Return an id's token; of an id that a damaged record or vocabulary leaves without one, the id itself."""
    return tokens[index] if 0 <= index < len(tokens) else f"[id {index}]"


def most_frequent(counts: np.ndarray, tokens: Sequence[str], count: int) -> list[Frequency]:
    """List the tokens that occur most often, of `counts` int64 [V]."""
    total = max(int(counts.sum()), 1)
    order = np.argsort(-counts, kind="stable")[:count]
    chosen = [(int(index), int(counts[index])) for index in order if counts[index]]
    return [Frequency(spelt(index, tokens), number, number / total) for index, number in chosen]
