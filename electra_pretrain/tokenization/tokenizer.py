"""From text to ids: WordPiece as Hugging Face's `tokenizers` computes it, because users fine-tune with its ids.

NFC is part of the tokeniser: decomposed Hangul (as macOS writes it) would otherwise become `[UNK]`. Accents are never
stripped: stripping goes through NFD and breaks every syllable into jamo.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from electra_pretrain import files
from electra_pretrain.batch import SPECIAL_TOKENS, SpecialIds
from electra_pretrain.errors import UserError

if TYPE_CHECKING:
    import tokenizers

MAX_WORD_CHARACTERS = 100  # a longer word is [UNK], as everywhere in the BERT family
CONTINUATION_PREFIX = "##"


class WordPieceTokenizer:
    """A vocabulary and the rules that cut text into its pieces.

    Attributes:
        tokens: the vocabulary in the order of its ids.
        special_ids: ids of [PAD], [UNK], [CLS], [SEP], [MASK].
        do_lower_case: whether text is lower-cased first.
        sha256: hash of the vocabulary's tokens, one a line, which identifies it.
    """

    def __init__(self, tokens: Sequence[str], do_lower_case: bool) -> None:
        self.tokens = list(tokens)
        self.do_lower_case = do_lower_case
        vocab = {token: index for index, token in enumerate(self.tokens)}
        self.special_ids = SpecialIds(*(vocab[token] for token in SPECIAL_TOKENS))
        self.sha256 = hashlib.sha256(vocab_text(self.tokens).encode("utf-8")).hexdigest()
        self._engine = _engine(vocab, do_lower_case)
        # Text that spells a special token stays text: a corpus must not be able to write [MASK] into the records.
        self._engine.encode_special_tokens = True

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def encode_lines(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all lines, without special tokens.

        Returns:
            ids: int32 [total]; row_splits: int64 [len(lines) + 1], line i is ids[row_splits[i]:row_splits[i + 1]].
        """
        encodings = self._engine.encode_batch_fast(lines, add_special_tokens=False)
        rows = [encoding.ids for encoding in encodings]
        row_splits = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=row_splits[1:])
        ids = np.fromiter((index for row in rows for index in row), np.int32, count=int(row_splits[-1]))
        return ids, row_splits

    def to_json(self) -> str:
        """`tokenizer.json` as Hugging Face loads it, with `[CLS] a [SEP] b [SEP]` around text."""
        from tokenizers import Tokenizer
        from tokenizers.processors import TemplateProcessing

        engine = Tokenizer.from_str(self._engine.to_str())
        engine.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", self.special_ids.cls), ("[SEP]", self.special_ids.sep)],
        )
        return engine.to_str(pretty=True)


def load_tokenizer(vocab_path: str, do_lower_case: bool) -> WordPieceTokenizer:
    """Read `vocab.txt`, one token a line.

    Raises:
        UserError: the file is missing, not UTF-8, holds a token twice or an empty line, or lacks a special token.
    """
    return WordPieceTokenizer(read_vocab(vocab_path), do_lower_case)


def read_vocab(path: str) -> list[str]:
    """Tokens of a vocabulary file; raises as `load_tokenizer`."""
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such vocabulary file; make one with train_vocab")
    try:
        tokens = files.read_text(path).removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 ({error.reason} at byte {error.start}); a vocabulary is a UTF-8 text file"
        ) from error
    tokens = [token.removesuffix("\r") for token in tokens]
    seen: dict[str, int] = {}
    for number, token in enumerate(tokens, start=1):
        if not token:
            raise UserError(f"{path}, line {number}: empty line; a vocabulary has one token a line")
        if token in seen:
            raise UserError(f'{path}, line {number}: "{token}" stands on line {seen[token]} already; each token may stand once')
        seen[token] = number
    missing = [token for token in SPECIAL_TOKENS if token not in seen]
    if missing:
        raise UserError(
            f"{path}: the vocabulary lacks {', '.join(missing)}; an ELECTRA vocabulary needs {' '.join(SPECIAL_TOKENS)}"
        )
    return tokens


def vocab_text(tokens: Sequence[str]) -> str:
    """The content of a `vocab.txt`."""
    return "".join(f"{token}\n" for token in tokens)


def normalizer(do_lower_case: bool) -> "tokenizers.normalizers.Normalizer":
    """NFC, control characters removed, Chinese characters set apart, lower-cased if asked, accents kept."""
    from tokenizers import normalizers

    bert = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=do_lower_case)
    return normalizers.Sequence([normalizers.NFC(), bert])


def _engine(vocab: dict[str, int], do_lower_case: bool) -> "tokenizers.Tokenizer":
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    engine = Tokenizer(
        models.WordPiece(
            vocab=vocab,
            unk_token="[UNK]",
            max_input_chars_per_word=MAX_WORD_CHARACTERS,
            continuing_subword_prefix=CONTINUATION_PREFIX,
        )
    )
    engine.normalizer = normalizer(do_lower_case)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece(prefix=CONTINUATION_PREFIX)
    engine.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    return engine
