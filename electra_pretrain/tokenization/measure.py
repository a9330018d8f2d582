"""How a vocabulary fares on text: what it does not know, how finely it cuts, which of its pieces it uses."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.tokenization.tokenizer import Tokenizer


class Text(NamedTuple):
    """What does not depend on the vocabulary.

    Attributes:
        lines: sentences.
        words: between white space.
        characters: white space aside, in normalised text.
    """

    lines: int = 0
    words: int = 0
    characters: int = 0


class Measures:
    """Counts over text, for one vocabulary; memory does not grow with the text.

    Attributes:
        label: what the vocabulary is called beside the others.
        tokenizer: the vocabulary.
        text: the size of what was measured.
        pieces: int64 [V], how often each token occurs.
        unknown: for each character behind an `[UNK]`, how often.
        unknown_characters: characters that are lost within `[UNK]`.
        line_lengths: for each number of tokens, how many lines have it.
    """

    def __init__(self, label: str, tokenizer: Tokenizer) -> None:
        self.label, self.tokenizer = label, tokenizer
        self.text = Text()
        self.pieces = np.zeros(tokenizer.vocab_size, np.int64)
        self.unknown: Counter[str] = Counter()
        self.unknown_characters = 0
        self.line_lengths: Counter[int] = Counter()

    def add(self, lines: Sequence[str]) -> None:
        """Count some lines in."""
        ids, row_splits = self.tokenizer.encode_lines(lines)
        normalized = [self.tokenizer.normalize(line).split() for line in lines]
        words, characters = sum(len(line.split()) for line in lines), sum(len(word) for line in normalized for word in line)
        self.text = Text(*(a + b for a, b in zip(self.text, (len(lines), words, characters), strict=True)))
        self.pieces += np.bincount(ids, minlength=len(self.pieces))
        self.line_lengths.update(np.diff(row_splits).tolist())
        rows = np.searchsorted(row_splits, np.flatnonzero(ids == self.tokenizer.special_ids.unk), side="right") - 1
        for row in dict.fromkeys(rows.tolist()):
            for unknown in self.tokenizer.unknown(lines[row]):
                self.unknown[unknown.character] += 1
                self.unknown_characters += len(unknown.text)

    @property
    def tokens(self) -> int:
        return int(self.pieces.sum())

    @property
    def unk_rate(self) -> float:
        """Share of the tokens that are `[UNK]`."""
        return self._share(int(self.pieces[self.tokenizer.special_ids.unk]))

    @property
    def lost_characters(self) -> float:
        """Share of the characters that lie within an `[UNK]`: one may swallow a whole word, or one character."""
        return self.unknown_characters / max(1, self.text.characters)

    @property
    def tokens_per_word(self) -> float:
        return self.tokens / max(1, self.text.words)

    @property
    def tokens_per_character(self) -> float:
        return self.tokens / max(1, self.text.characters)

    @property
    def single_syllables(self) -> float:
        """Share of the tokens that are one Hangul syllable."""
        return self._share(sum(count for text, count in self._known() if len(text) == 1 and "가" <= text <= "힣"))

    @property
    def used(self) -> float:
        """Share of the vocabulary that occurs at all."""
        return float(np.count_nonzero(self.pieces) / len(self.pieces))

    def piece_lengths(self, longest: int) -> list[float]:
        """Return shares of the tokens of 0, 1, 2, … characters; the last also longer. A space alone has 0; no `[UNK]`."""
        shares = [0.0] * (longest + 1)
        for text, count in self._known():
            shares[min(len(text), longest)] += self._share(count)
        return shares

    def line_length(self, quantile: float) -> int:
        """Return the number of tokens that this share of the lines does not exceed."""
        lengths = sorted(self.line_lengths)
        below = np.cumsum([self.line_lengths[length] for length in lengths])
        return lengths[int(np.searchsorted(below, quantile * below[-1]))] if lengths else 0

    def _known(self) -> list[tuple[str, int]]:
        """List the texts of the tokens that occur, and how often."""
        occurring = [index for index in np.flatnonzero(self.pieces).tolist() if index != self.tokenizer.special_ids.unk]
        return [(self.tokenizer.text_of(self.tokenizer.tokens[index]), int(self.pieces[index])) for index in occurring]

    def _share(self, count: int) -> float:
        return count / max(1, self.tokens)
