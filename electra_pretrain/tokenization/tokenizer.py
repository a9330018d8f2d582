"""What every tokeniser offers, and which one a vocabulary's file asks for: WordPiece or SentencePiece.

NFC is part of both: decomposed Hangul (as macOS writes it) would otherwise become `[UNK]`. Accents are not stripped:
stripping goes through NFD and breaks every syllable into jamo. Only the vocabulary of a model or of records made by others, who
did strip them, is used as it was there.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from electra_pretrain.core import files, shipped
from electra_pretrain.core.batch import SPECIAL_TOKENS, SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization import provenance, reorder, sentencepiece, wordpiece
from electra_pretrain.tokenization.engine import Unknown
from electra_pretrain.tokenization.sentencepiece import SentencePieceTokenizer
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX, WordPieceTokenizer

TYPES = (wordpiece.TYPE, *sentencepiece.TYPES)


class Tokenizer(Protocol):
    """A vocabulary and the rules that cut text into its pieces.

    Attributes:
        type: one of `TYPES`.
        file_name: what the vocabulary's file is called beside records and checkpoints.
        file_content: that file's bytes.
        sha256: hash of those bytes, which identifies the vocabulary.
        tokens: the vocabulary in the order of its ids.
        special_ids: ids of [PAD], [UNK], [CLS], [SEP], [MASK].
        do_lower_case: whether text is lower-cased first.
        strip_accents: whether accents are taken off it, as the released code does where it lower-cases.
        unicode_normalization: the form that text is brought to, as manifests call it.
    """

    type: str
    file_name: str
    file_content: bytes
    sha256: str
    tokens: list[str]
    special_ids: SpecialIds
    do_lower_case: bool
    strip_accents: bool
    unicode_normalization: str

    @property
    def vocab_size(self) -> int: ...

    def encode_lines(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Cut all lines into pieces, without special tokens.

        Returns:
            ids: int32 [total]; row_splits: int64 [len(lines) + 1], line i is ids[row_splits[i]:row_splits[i + 1]].
        """

    def normalize(self, text: str) -> str:
        """Return the text as it is before it is cut."""

    def unknown(self, line: str) -> list[Unknown]:
        """Find what each `[UNK]` of a line stands for."""

    def text_of(self, token: str) -> str:
        """Return a token without the mark that says where in a word it stands."""

    def to_json(self) -> str:
        """Write `tokenizer.json` as Hugging Face loads it, with `[CLS] a [SEP] b [SEP]` around text."""


def find_vocab(name_or_path: str) -> str:
    """Find a vocabulary by its path or, if it ships with the package, by its name.

    Raises:
        UserError: there is no such vocabulary.
    """
    return shipped.find(name_or_path, "vocab", ".txt", "vocabulary file")


def load_tokenizer(path: str, do_lower_case: bool, *, strip_accents: bool = False, say: bool = True) -> Tokenizer:
    """Read a vocabulary: `vocab.txt`, one token a line, or a SentencePiece model; told apart by their content.

    Args:
        path: of the file.
        do_lower_case: whether text is lower-cased first.
        strip_accents: whether it loses its accents too.
        say: warn of lines that no text is cut into.

    Raises:
        UserError: the file is missing, or neither, or damaged, or lacks a special token; or accents cannot be stripped.
    """
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such vocabulary file; make one with train_vocab")
    content = files.read_bytes(path)
    if sentencepiece.looks_like_model(content):
        sentencepiece.check_model(path, content)
        if strip_accents:
            raise UserError(
                f"{path}: is a SentencePiece model, with which accents are never stripped; use a WordPiece vocab.txt"
            )
        return SentencePieceTokenizer(content, do_lower_case)
    return WordPieceTokenizer(wordpiece.parse_vocab(path, content, say), do_lower_case, strip_accents)


def load_as_learnt(path: str, do_lower_case: bool, *, say: bool = True) -> Tokenizer:
    """Read a vocabulary for text to come: lower-cased, it loses its accents too where what lies beside the file says so.

    Raises:
        UserError: as `load_tokenizer`, or what lies beside the file is damaged or gives its pieces other ids.
    """
    strip_accents = do_lower_case and provenance.saved_strip_accents(path)
    tokenizer = load_tokenizer(path, do_lower_case, strip_accents=strip_accents, say=say)
    reorder.check_one_file(path, tokenizer.tokens, is_wordpiece=tokenizer.type == wordpiece.TYPE)
    return tokenizer


def file_name(type: str) -> str:
    """Name the file of a vocabulary of this type as it is called beside records and checkpoints."""
    return wordpiece.FILE_NAME if type == wordpiece.TYPE else sentencepiece.FILE_NAME


def continuations(tokens: Sequence[str], type: str) -> np.ndarray:
    """Return bool [V]: which tokens of a vocabulary go on with the word before them; special tokens never do.

    WordPiece's words end at spaces and at punctuation, SentencePiece's at spaces.
    """
    return np.array([token not in SPECIAL_TOKENS and _continues(token, type) for token in tokens])


def _continues(token: str, type: str) -> bool:
    return token.startswith(CONTINUATION_PREFIX) if type == wordpiece.TYPE else not token.startswith(sentencepiece.SPACE)


def group_into_words(tokens: Sequence[str], type: str) -> list[list[str]]:
    """Put tokens back together, for people to read: word by word, without the marks that join or part pieces.

    Args:
        tokens: of a vocabulary; a first one that continues a word keeps its mark.
        type: the vocabulary's, one of `TYPES`.
    """
    is_wordpiece = type == wordpiece.TYPE
    words: list[list[str]] = []
    for token in tokens:
        if _continues(token, type) and words:
            words[-1].append(token.removeprefix(CONTINUATION_PREFIX) if is_wordpiece else token)
        else:
            words.append([token if is_wordpiece else token.removeprefix(sentencepiece.SPACE)])
    return words
