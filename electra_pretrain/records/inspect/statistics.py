"""How long examples are and how often each token occurs, added up over shards."""

from typing import NamedTuple

import numpy as np

from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, SpecialIds


class Statistics(NamedTuple):
    """Counts over examples; `S` is max_seq_length, `V` the vocabulary's size."""

    lengths: np.ndarray  # int64 [S + 1]: examples of so many tokens, the special ones included
    pairs: int  # examples of two segments
    token_counts: np.ndarray  # int64 [V]: occurrences, padding not counted

    @classmethod
    def none(cls, max_seq_length: int, vocab_size: int) -> "Statistics":
        return cls(np.zeros(max_seq_length + 1, np.int64), 0, np.zeros(vocab_size, np.int64))

    @classmethod
    def of(cls, features: dict[str, np.ndarray], vocab_size: int) -> "Statistics":
        """Of examples that keep the rules: int64 [B, S] for each feature."""
        mask = features[INPUT_MASK]
        return cls(
            lengths=np.bincount(mask.sum(1), minlength=mask.shape[1] + 1),
            pairs=int(features[SEGMENT_IDS].any(1).sum()),
            token_counts=np.bincount(features[INPUT_IDS][mask > 0], minlength=vocab_size),
        )

    def plus(self, other: "Statistics") -> "Statistics":
        return Statistics(self.lengths + other.lengths, self.pairs + other.pairs, self.token_counts + other.token_counts)

    @property
    def examples(self) -> int:
        return int(self.lengths.sum())

    @property
    def tokens(self) -> int:
        """Tokens in all, special ones included, padding not."""
        return int(self.lengths @ np.arange(len(self.lengths)))

    @property
    def padding(self) -> float:
        """Share of the places that hold padding."""
        places = self.examples * (len(self.lengths) - 1)
        return 1 - self.tokens / places if places else 0.0

    def length_quantile(self, share: float) -> int:
        """The length that this share of the examples stays within."""
        return int(np.searchsorted(np.cumsum(self.lengths), share * self.examples))

    def text_counts(self, special_ids: SpecialIds) -> np.ndarray:
        """int64 [V]: occurrences of what came from text, [UNK] included, other special tokens not."""
        counts: np.ndarray = self.token_counts.copy()
        counts[[special_ids.pad, special_ids.cls, special_ids.sep, special_ids.mask]] = 0
        return counts
