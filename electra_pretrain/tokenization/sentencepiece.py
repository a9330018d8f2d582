"""SentencePiece (unigram or BPE): a model file of Google's `sentencepiece`, run by Hugging Face's `tokenizers`.

A model of ours normalises nothing itself (rule "identity"); the text is brought to NFC first. Not to NFKC, SentencePiece's
default: that turns the `ㅋㅋ` and `ㅠㅠ` of everyday writing into conjoining jamo, and ％, ①, ㎏ into other signs. A model of
others that was learnt so is run as it was: KoBERT's.
"""

import functools
import hashlib
import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from electra_pretrain.core.batch import SPECIAL_TOKENS, SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization import engine
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX

if TYPE_CHECKING:
    import tokenizers

UNIGRAM, BPE = TYPES = ("sentencepiece_unigram", "sentencepiece_bpe")
FILE_NAME = "spm.model"
SPACE = "▁"  # stands for a space, at the start of a word
# Rules of SentencePiece's own that a model may hold as a table; the last is KoBERT's, whose tokeniser takes accents off before.
NO_ACCENTS = "nmt_nfkc_without_accents"
NORMALIZED = ("nmt_nfkc", "nfkc", NO_ACCENTS)
# Text that spells a special or unused token must not be taken for it: its bracket is set apart from the rest.
_SPELT_TOKEN = r"\[(?=(?:PAD|UNK|CLS|SEP|MASK|unused\d+)\])"


class SentencePieceTokenizer:
    """A SentencePiece model; attributes and methods as `tokenizer.Tokenizer`."""

    file_name = FILE_NAME

    def __init__(self, model: bytes, do_lower_case: bool) -> None:
        proto = parse_model(model)
        self.type = _type(proto)
        self.tokens = [piece.piece for piece in proto.pieces]
        self.do_lower_case, self.strip_accents = do_lower_case, False
        self.unicode_normalization = "NFC" if proto.normalizer_spec.name == "identity" else "NFKC"
        self.file_content = model
        self.sha256 = hashlib.sha256(model).hexdigest()
        self.special_ids = SpecialIds(*(self.tokens.index(token) for token in SPECIAL_TOKENS))
        self._engine = _engine(proto, self.type, do_lower_case)

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def encode_lines(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return engine.encode_lines(self._engine, lines)

    def normalize(self, text: str) -> str:
        normalized: str = self._engine.normalizer.normalize_str(text)
        return normalized

    def unknown(self, line: str) -> list[engine.Unknown]:
        texts = engine.unknown_texts(self._engine, line, self.special_ids.unk)
        return [engine.Unknown(text, text[0]) for text in texts]

    def text_of(self, token: str) -> str:
        return token.removeprefix(SPACE)

    def to_json(self) -> str:
        return engine.to_json(self._engine, self.special_ids)


def looks_like_model(content: bytes) -> bool:
    """Tell whether a file begins as a SentencePiece model does: a first field that holds a short first piece.

    A text file that began so would begin with an empty line, which no vocabulary may hold.
    """
    return content[:1] == b"\n" and content[2:3] == b"\n"


def are_pieces(tokens: Sequence[str]) -> bool:
    """Tell whether the tokens of a `vocab.txt` are a SentencePiece model's, in the order of their ids: KoBERT's layout.

    WordPiece would cut nearly no text into them. One that holds the sign itself has it once or twice.
    """
    return not any(token.startswith(CONTINUATION_PREFIX) for token in tokens) and 10 * sum(map(_begins_word, tokens)) > len(
        tokens
    )


def _begins_word(token: str) -> bool:
    return token.startswith(SPACE)


def parse_model(content: bytes) -> Any:
    """Return the model as a protocol buffer."""
    from sentencepiece import sentencepiece_model_pb2

    return sentencepiece_model_pb2.ModelProto.FromString(content)


def whole_model(path: str, content: bytes) -> Any:
    """Return the model as a protocol buffer, its pieces checked.

    Raises:
        UserError: it is none, or a byte of it has changed.
    """
    from google.protobuf.message import DecodeError

    try:
        proto = parse_model(content)
    except DecodeError as error:
        raise UserError(f"{path}: neither a vocab.txt nor a whole SentencePiece model; copy it again") from error
    _check_pieces(path, proto)
    return proto


def check_model(path: str, content: bytes) -> None:
    """Refuse what is not a model that can be used here.

    Raises:
        UserError: it is none, and why.
    """
    proto = whole_model(path, content)
    tokens = {piece.piece for piece in proto.pieces}
    if missing := [token for token in SPECIAL_TOKENS if token not in tokens]:
        raise UserError(
            f"{path}: the SentencePiece model lacks {', '.join(missing)}; an ELECTRA vocabulary needs "
            f"{' '.join(SPECIAL_TOKENS)}: train one with train_vocab --engine"
        )
    spec = proto.normalizer_spec
    has_table = spec.name in NORMALIZED and bool(spec.precompiled_charsmap)
    if not (spec.name == "identity" or has_table) or not spec.add_dummy_prefix:
        raise UserError(
            f"{path}: the SentencePiece model normalises text by rules of its own ({spec.name}), which would "
            "be lost; train one with train_vocab --engine"
        )
    _type(proto, path)


def _check_pieces(path: str, proto: Any) -> None:
    """Raise as `whole_model` where a byte of the pieces has changed."""
    numbers = dict[str, int]()
    for number, piece in enumerate(proto.pieces):
        token, score = piece.piece, piece.score
        fault = ""
        if isinstance(token, bytes):  # as protocol buffers hand over what is no UTF-8
            fault = f"{token!r} is no UTF-8"
        elif token in numbers:
            fault = f"{token!r} is piece {numbers[token]} too"
        elif not math.isfinite(score):
            fault = f"the score of {token!r} is {score}"
        if fault:
            raise UserError(f"{path}, piece {number}: {fault}; the file is damaged, copy it again")
        numbers[token] = number


def _type(proto: Any, path: str = "model") -> str:
    spec = proto.trainer_spec
    types = {spec.UNIGRAM: UNIGRAM, spec.BPE: BPE}
    if spec.model_type not in types or spec.byte_fallback:
        raise UserError(f"{path}: must be a unigram or BPE model without byte fallback; train one with train_vocab --engine")
    return types[spec.model_type]


def _normalizer_of(proto: Any, do_lower_case: bool) -> "tokenizers.normalizers.Normalizer":
    """Return the normaliser of a model: ours, or the table that it holds, with what KoBERT's tokeniser does before."""
    from tokenizers import Regex, normalizers

    spec = proto.normalizer_spec
    if spec.name == "identity":
        return normalizer(do_lower_case)
    before: list[normalizers.Normalizer] = []
    if spec.name == NO_ACCENTS:
        quotes = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
        before = [*quotes, normalizers.NFKD(), normalizers.Replace(Regex(_combining()), "")]
    lower = [normalizers.Lowercase()] if do_lower_case else []
    after = [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    # Composed first: here the table is looked up cluster by cluster, and syllables of three jamo are too long for it.
    table = [normalizers.NFC(), normalizers.Precompiled(spec.precompiled_charsmap)]
    return normalizers.Sequence([*before, *lower, *table, *after])


@functools.cache
def _combining() -> str:
    """Return a regular expression of the signs that combine with a letter, as Python's `unicodedata.combining` has them.

    `StripAccents` takes more: the selectors within emoji, and vowels of Indian scripts.
    """
    signs = {number for number in range(0x300, 0x20000) if unicodedata.combining(chr(number))}
    starts, ends = (sorted(number for number in signs if number + step not in signs) for step in (-1, 1))
    return "[" + "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True)) + "]"


def normalizer(do_lower_case: bool) -> "tokenizers.normalizers.Normalizer":
    """Return a normaliser: NFC, control characters removed, lower-cased if asked, accents kept, single spaces."""
    from tokenizers import Regex, normalizers

    bert = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=do_lower_case)
    spaces = [normalizers.Replace(SPACE, " "), normalizers.Replace(Regex(" +"), " "), normalizers.Strip()]
    return normalizers.Sequence([normalizers.NFC(), bert, *spaces])


def _engine(proto: Any, type: str, do_lower_case: bool) -> "tokenizers.Tokenizer":
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    if type == UNIGRAM:
        scores = [(piece.piece, piece.score) for piece in proto.pieces]
        built = Tokenizer(models.Unigram(scores, unk_id=proto.trainer_spec.unk_id, byte_fallback=False))
    else:
        vocab = {piece.piece: index for index, piece in enumerate(proto.pieces)}
        built = Tokenizer(models.BPE(vocab=vocab, merges=_merges(proto, vocab), unk_token="[UNK]", fuse_unk=True))
    built.normalizer = _normalizer_of(proto, do_lower_case)
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(_SPELT_TOKEN), "isolated"),
        ]
    )
    built.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    engine.add_special_tokens(built)
    return built


def _merges(proto: Any, vocab: dict[str, int]) -> list[tuple[str, str]]:
    """List pairs in the order in which BPE merges them: the better a piece's score, the earlier each pair that makes it up.

    SentencePiece keeps the pieces only; a pair may be merged if what it gives is a piece.
    """
    merges: list[tuple[str, str]] = []
    normal = proto.SentencePiece.NORMAL
    for piece in sorted((piece for piece in proto.pieces if piece.type == normal), key=lambda piece: -piece.score):
        text = piece.piece
        pairs = [(text[:cut], text[cut:]) for cut in range(1, len(text))]
        known = [pair for pair in pairs if pair[0] in vocab and pair[1] in vocab]
        merges += sorted(known, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    return merges
