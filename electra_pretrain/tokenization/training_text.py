"""The text that a vocabulary is learnt from, and the settings: which documents are chosen, how they are normalised and cut.

Memory is bounded by the sample's size, not the corpus's: the chosen text waits in a temporary file, normalised and cut.
"""

import contextlib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.reader import Document
from electra_pretrain.corpus.sample import sampled, threshold, utf8_bytes
from electra_pretrain.tokenization import sentencepiece, wordpiece
from electra_pretrain.tokenization.morphemes import Morphemes

HANGUL_SYLLABLES = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
MIN_FREQUENCY = 2
# Longer words than any language's, such as a line of which the spaces are lost, are cut: Mecab's and SentencePiece's memory and
# time grow faster than a word's length (of 2 MB, words of 50,000 characters take ten times as long as words of 500), and
# SentencePiece counts a word's places in 16 bits, and ends the process where they are not enough.
LONGEST_WORD = 1000
_TOO_LONG = re.compile(rf"(?<!\S)\S{{{LONGEST_WORD + 1},}}")
Documents = Callable[[str], Iterable[Document]]  # given the name of a step, for progress; read anew at each call


class VocabSettings(NamedTuple):
    """What makes a vocabulary.

    Attributes:
        vocab_size: tokens in all, special and unused ones included.
        engine: the vocabulary's type, one of `tokenizer.TYPES`.
        limit_alphabet: characters kept in the alphabet at most, the most frequent first.
        hangul_alphabet: whether all 11,172 syllables belong to the alphabet, seen or not, over and above `limit_alphabet`.
        unused: number of `[unusedN]` tokens appended.
        min_frequency: occurrences that a merged piece needs (WordPiece only).
        do_lower_case: whether text is lower-cased (accents are kept in any case).
        morphs: "mecab": no piece crosses the boundary of two morphemes; "none".
        sample_fraction: share of the documents that is read, chosen by `seed`.
        sample_bytes: text that is learnt from at most; if there is more, documents chosen by `seed`.
        seed: of the sample.
    """

    vocab_size: int
    engine: str = wordpiece.TYPE
    limit_alphabet: int = 6000
    hangul_alphabet: bool = False
    unused: int = 200
    min_frequency: int = MIN_FREQUENCY
    do_lower_case: bool = False
    morphs: str = "none"
    sample_fraction: float = 1.0
    sample_bytes: int = 300 * 10**6
    seed: int = 0


class TrainingText:
    """The sentences that are learnt from, normalised, with morphemes marked if asked; and what was counted on the way.

    Attributes:
        characters: how often each character but white space occurs.
        documents: how many documents were chosen.
        bytes: their size as they stood in the corpus; normalised text may be a little longer.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.characters: Counter[str] = Counter()
        self.documents = 0
        self.bytes = 0

    def add(self, text: str, marked: str) -> None:
        """Add a sentence.

        Args:
            text: the sentence, normalised.
            marked: the same, with morphemes marked.
        """
        self.characters.update(text)
        self._file.write(f"{marked}\n".encode())

    def sentences(self, step: str = "learn pieces") -> Iterator[str]:
        """Yield the sentences again; `step` names, for progress, what they are read for."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        with Progress(step, size / 1e6, "MB") as progress:
            lines = progress.following(self._file, lambda: self._file.tell() / 1e6)
            yield from (line.decode("utf-8").removesuffix("\n") for line in lines)

    def alphabet(self, settings: VocabSettings) -> set[str]:
        """Return the characters that get a token of their own, of those that occur."""
        occurring = [char for char in self.characters if not char.isspace()]
        by_frequency = sorted(occurring, key=lambda char: (-self.characters[char], char))
        frequent = set(by_frequency[: settings.limit_alphabet])
        return frequent.union(set(occurring).intersection(HANGUL_SYLLABLES)) if settings.hangul_alphabet else frequent


@contextlib.contextmanager
def training_text(documents: Documents, settings: VocabSettings) -> Iterator[TrainingText]:
    """Choose documents, normalise them and mark their morphemes; the text lives as long as the block.

    Raises:
        UserError: no text was chosen.
    """
    normalize = (wordpiece if settings.engine == wordpiece.TYPE else sentencepiece).normalizer(settings.do_lower_case)
    mark = Morphemes().mark if settings.morphs == "mecab" else str
    below = threshold(documents("measure text"), settings.sample_fraction, settings.sample_bytes, settings.seed)
    with tempfile.TemporaryFile() as file:
        text = TrainingText(file)
        for document in sampled(documents("read sample"), below, settings.seed):
            text.documents += 1
            text.bytes += utf8_bytes(document)
            for sentence in document:
                normalized = cut_words(normalize.normalize_str(sentence))
                text.add(normalized, mark(normalized))
        if not any(not char.isspace() for char in text.characters):
            raise UserError(
                f"--sample_fraction {settings.sample_fraction} with --sample_bytes {settings.sample_bytes}: the sample of the "
                "corpus holds no text; raise them (documents are taken whole: a sample smaller than one is empty)"
            )
        yield text


def cut_words(text: str) -> str:
    """Set a space after every `LONGEST_WORD` characters of a word that has more."""

    def cut(match: re.Match[str]) -> str:
        word = match[0]
        return " ".join(word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD))

    return _TOO_LONG.sub(cut, text)


def too_small(settings: VocabSettings, fixed: int) -> UserError:
    """Return the error for a vocabulary without room for `fixed` tokens that it must hold."""
    way_out = "leave out --hangul_alphabet" if settings.hangul_alphabet else "lower --limit_alphabet"
    return UserError(
        f"--vocab_size {settings.vocab_size} with --unused {settings.unused}: too small for {fixed} special tokens and single "
        f"characters; raise it or {way_out}"
    )
