"""WordPiece: a `vocab.txt`, one token a line, and the longest piece that fits, from a word's start to its end.

A token's id is its line. Published vocabularies hold an empty line (KoELECTRA v2) or a token twice; such a line keeps its id,
which no text is ever cut into: of a token that stands twice the last line counts, as for Hugging Face.
"""

import functools
import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from electra_pretrain.core import files, plain_text
from electra_pretrain.core.batch import SPECIAL_TOKENS, SpecialIds
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.tokenization import engine

if TYPE_CHECKING:
    import tokenizers

_log = logging.getLogger(__name__)
TYPE = "wordpiece"
FILE_NAME = "vocab.txt"
MAX_WORD_CHARACTERS = 100  # a longer word is [UNK], as everywhere in the BERT family
CONTINUATION_PREFIX = "##"


class WordPieceTokenizer:
    """WordPiece as Hugging Face's `tokenizers` computes it; attributes and methods as `tokenizer.Tokenizer`."""

    type = TYPE
    file_name = FILE_NAME

    def __init__(self, tokens: Sequence[str], do_lower_case: bool, strip_accents: bool = False) -> None:
        self.tokens = list(tokens)
        self.do_lower_case, self.strip_accents = do_lower_case, strip_accents
        self.unicode_normalization = "NFD" if strip_accents else "NFC"
        self.file_content = vocab_text(self.tokens).encode("utf-8")
        self.sha256 = hashlib.sha256(self.file_content).hexdigest()
        self._vocab = {token: index for index, token in enumerate(self.tokens)}
        self.special_ids = SpecialIds(*(self._vocab[token] for token in SPECIAL_TOKENS))
        self._engine = _engine(self._vocab, do_lower_case, strip_accents)

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def encode_lines(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return engine.encode_lines(self._engine, lines)

    def normalize(self, text: str) -> str:
        normalized: str = self._engine.normalizer.normalize_str(text)
        return normalized

    def words(self, text: str) -> list[str]:
        """Cut the text as it is cut before pieces are looked for: at white space, punctuation and Hanja."""
        return [word for word, _ in self._engine.pre_tokenizer.pre_tokenize_str(self.normalize(text))]

    def unknown(self, line: str) -> list[engine.Unknown]:
        words = engine.unknown_texts(self._engine, line, self.special_ids.unk)
        return [engine.Unknown(word, self._stumbling_block(word)) for word in words]

    def _stumbling_block(self, word: str) -> str:
        """Find the character of an unknown word at which no piece fits; tell of too long a word its length."""
        if len(word) > MAX_WORD_CHARACTERS:
            return f"a word of more than {MAX_WORD_CHARACTERS} characters"
        _, rest = longest_match(word, self._vocab)
        assert rest, f"{word} is not unknown"
        return rest[0]

    def text_of(self, token: str) -> str:
        return token.removeprefix(CONTINUATION_PREFIX)

    def to_json(self) -> str:
        return engine.to_json(self._engine, self.special_ids)


def longest_match(word: str, vocab: Mapping[str, int], continues: bool = False) -> tuple[list[int], str]:
    """Cut a word into pieces as WordPiece does: always the longest that fits.

    Args:
        word: without white space and marks.
        vocab: token -> id.
        continues: whether it continues a word, so that its first piece needs the mark too.

    Returns:
        The pieces' ids, and the rest of the word, at whose start no piece fits; "" where all of it was cut.
    """
    ids: list[int] = []
    start = 0
    while start < len(word):
        prefix = CONTINUATION_PREFIX if continues or start else ""
        end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in vocab), None)
        if end is None:
            break
        ids.append(vocab[prefix + word[start:end]])
        start = end
    return ids, word[start:]


def read_vocab(path: str) -> list[str]:
    """Read the tokens of a `vocab.txt`, and warn of lines that no text is cut into.

    Raises:
        UserError: the file is missing, not UTF-8, or lacks a special token.
    """
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such vocabulary file; make one with train_vocab")
    return parse_vocab(path, files.read_bytes(path))


def split_vocab(path: str, content: bytes) -> list[str]:
    """Return what stands on each line of a `vocab.txt`: a byte order mark is no part of the first token, nor a CR of any.

    Raises:
        UserError: it is not UTF-8.
    """
    tokens = plain_text.decoded(content, path, "a vocabulary is a UTF-8 text file").removesuffix("\n").split("\n")
    return [token.removesuffix("\r") for token in tokens]


def parse_vocab(path: str, content: bytes, say: bool = True) -> list[str]:
    """Return the tokens in the content of a `vocab.txt`, raising as `read_vocab`; `say`: warn as it does."""
    tokens = split_vocab(path, content)
    missing = sorted({*SPECIAL_TOKENS} - {*tokens}, key=SPECIAL_TOKENS.index)
    if missing and content.lstrip().startswith(b"{"):
        raise UserError(f"{path}: is JSON, no vocabulary; give a vocab.txt, one token a line, or a SentencePiece model")
    if missing:
        raise UserError(
            f"{path}: the vocabulary lacks {', '.join(missing)}; an ELECTRA vocabulary needs {' '.join(SPECIAL_TOKENS)}"
        )
    if say and (idle := idle_lines(tokens)):
        lines = (
            f'{index + 1} ("{tokens[index]}", again on {last + 1})' if tokens[index] else f"{index + 1} (empty)"
            for index, last in idle.items()
        )
        _warn_once(path, len(idle), first_of([*lines], 3))
    return tokens


def idle_lines(tokens: Sequence[str]) -> dict[int, int]:
    """Find what no text is cut into: the index of each empty token, and of each that stands again -> where it stands last."""
    last = {token: index for index, token in enumerate(tokens)}
    return {index: last[token] for index, token in enumerate(tokens) if not token or last[token] != index}


@functools.cache
def _warn_once(path: str, count: int, lines: str) -> None:
    named = f"line {lines} holds" if count == 1 else f"{count:,} lines hold"
    which = "" if count == 1 else f": {lines}"
    _log.warning(
        f"{path}: {named} no token of {'its' if count == 1 else 'their'} own{which}; kept, with ids that no text is cut into"
    )


def vocab_text(tokens: Sequence[str]) -> str:
    """Return the content of a `vocab.txt`."""
    return "".join(f"{token}\n" for token in tokens)


def normalizer(do_lower_case: bool, strip_accents: bool = False) -> "tokenizers.normalizers.Normalizer":
    """Return a normaliser: NFC, control characters removed, Hanja set apart, lower-cased and without accents if asked."""
    from tokenizers import normalizers

    bert = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=strip_accents, lowercase=do_lower_case
    )
    return normalizers.Sequence([normalizers.NFC(), bert])


def _engine(vocab: dict[str, int], do_lower_case: bool, strip_accents: bool) -> "tokenizers.Tokenizer":
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    built = Tokenizer(
        models.WordPiece(
            vocab=vocab,
            unk_token="[UNK]",
            max_input_chars_per_word=MAX_WORD_CHARACTERS,
            continuing_subword_prefix=CONTINUATION_PREFIX,
        )
    )
    built.normalizer = normalizer(do_lower_case, strip_accents)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.decoder = decoders.WordPiece(prefix=CONTINUATION_PREFIX)
    engine.add_special_tokens(built)
    return built
