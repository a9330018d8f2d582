"""What every tokeniser offers, and which one a vocabulary's file asks for: WordPiece or SentencePiece.

NFC is part of both: decomposed Hangul (as macOS writes it) would otherwise become `[UNK]`. Accents are never stripped:
stripping goes through NFD and breaks every syllable into jamo.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization import sentencepiece, wordpiece
from electra_pretrain.tokenization.engine import Unknown
from electra_pretrain.tokenization.sentencepiece import SentencePieceTokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer

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
    """

    type: str
    file_name: str
    file_content: bytes
    sha256: str
    tokens: list[str]
    special_ids: SpecialIds
    do_lower_case: bool

    @property
    def vocab_size(self) -> int: ...

    def encode_lines(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all lines, without special tokens.

        Returns:
            ids: int32 [total]; row_splits: int64 [len(lines) + 1], line i is ids[row_splits[i]:row_splits[i + 1]].
        """

    def normalize(self, text: str) -> str:
        """The text as it is before it is cut."""

    def unknown(self, line: str) -> list[Unknown]:
        """What each `[UNK]` of a line stands for."""

    def text_of(self, token: str) -> str:
        """A token without the mark that says where in a word it stands."""

    def to_json(self) -> str:
        """`tokenizer.json` as Hugging Face loads it, with `[CLS] a [SEP] b [SEP]` around text."""


def load_tokenizer(path: str, do_lower_case: bool) -> Tokenizer:
    """Read a vocabulary: `vocab.txt`, one token a line, or a SentencePiece model; told apart by their content.

    Raises:
        UserError: the file is missing, or neither, or damaged, or lacks a special token.
    """
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such vocabulary file; make one with train_vocab")
    content = files.read_bytes(path)
    if sentencepiece.looks_like_model(content):
        return SentencePieceTokenizer(sentencepiece.checked(path, content), do_lower_case)
    return WordPieceTokenizer(wordpiece.parse_vocab(path, content), do_lower_case)


def file_name(type: str) -> str:
    """What the file of a vocabulary of this type is called beside records and checkpoints."""
    return wordpiece.FILE_NAME if type == wordpiece.TYPE else sentencepiece.FILE_NAME
