"""The vocabulary in a `tokenizer.json` of Hugging Face's `tokenizers`: all that `transformers` 5 writes of a tokeniser."""

from typing import Annotated, Any, NamedTuple

from electra_pretrain.core import json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.json_files import shown
from electra_pretrain.core.typed import Check, Place
from electra_pretrain.tokenization import sentencepiece, wordpiece

FILE_NAME = "tokenizer.json"
_TYPES = {"WordPiece": wordpiece.TYPE, "Unigram": sentencepiece.UNIGRAM, "BPE": sentencepiece.BPE, "WordLevel": "word level"}
# An id is a place in a list that is made as long as the largest one asks for.
_Id = Annotated[int, Check(lambda value: 0 <= value < 2**24, "must lie in 0..16777215")]
_Type = Annotated[str, Check(lambda name: name in _TYPES, f"must be one of {', '.join(_TYPES)}")]


class HuggingFaceFile(NamedTuple):
    """What a `tokenizer.json` says of ids and case.

    Attributes:
        tokens: in the order of their ids; "" where none has the id, as of a token that stood twice in a `vocab.txt`.
        added: the ids of those that were added behind the vocabulary.
        type: "wordpiece", "sentencepiece_unigram", "sentencepiece_bpe" or "word level".
        prefix: the mark of what continues a word.
        do_lower_case: whether text is lower-cased first; None where it does not say.
        strip_accents: whether text loses its accents, too; None where it does not say.
    """

    tokens: tuple[str, ...]
    added: frozenset[int]
    type: str
    prefix: str | None
    do_lower_case: bool | None
    strip_accents: bool | None


class _File(NamedTuple):
    model: dict[str, Any]
    added_tokens: list[dict[str, Any]] | None = None
    normalizer: dict[str, Any] | None = None


class _Model(NamedTuple):
    vocab: Any
    type: _Type | None = None
    merges: Any = None
    continuing_subword_prefix: str | None = None


class _Added(NamedTuple):
    id: _Id
    content: str


class _Normalizer(NamedTuple):
    type: str | None = None
    lowercase: bool | None = None
    strip_accents: bool | None = None
    normalizers: list[dict[str, Any]] | None = None


def read_tokenizer_json(path: str) -> HuggingFaceFile:
    """Read a `tokenizer.json`.

    Raises:
        UserError: it is damaged.
    """
    place = Place(path)
    file = typed.read_known(_File, json_files.read(path), place)
    model = typed.read_known(_Model, file.model, place.field("model"))
    own = _own_ids(model.vocab, place.field("model").field("vocab"))
    where = place.field("added_tokens")
    added = [typed.read_known(_Added, each, where.item(number)) for number, each in enumerate(file.added_tokens or [])]
    behind = {token.id: token.content for token in added if token.id not in own}
    lower, strip = _case(file.normalizer, place.field("normalizer"))
    type = _TYPES[model.type or _guessed(model)]
    return HuggingFaceFile(_listed({**own, **behind}), frozenset(behind), type, model.continuing_subword_prefix, lower, strip)


def _guessed(model: _Model) -> str:
    """Tell the kind of a model from files that were written before it was named."""
    if isinstance(model.vocab, list):
        return "Unigram"
    return "WordPiece" if model.merges is None else "BPE"


def _own_ids(vocab: Any, place: Place) -> dict[int, str]:
    """Return id -> token, of a list of tokens and scores or of a dict of ids."""
    if isinstance(vocab, list):
        return {index: token for index, (token, _) in enumerate(typed.read(list[tuple[str, float]], vocab, place))}
    ids: dict[str, int] = typed.read(dict[str, _Id], vocab, place)
    tokens = {index: token for token, index in ids.items()}
    if len(tokens) < len(ids):
        first, index = next((token, index) for token, index in ids.items() if tokens[index] != token)
        raise UserError(f"{place.field(first)} = {index}: is the id of {shown(tokens[index])}, too; fetch the file again")
    return tokens


def _listed(tokens: dict[int, str]) -> tuple[str, ...]:
    return tuple(tokens.get(index, "") for index in range(max(tokens, default=-1) + 1))


def _case(normalizer: dict[str, Any] | None, place: Place) -> tuple[bool | None, bool | None]:
    """Return whether BERT's normaliser lower-cases and strips accents, which go with the case where it does not say."""
    stated = typed.read_known(_Normalizer, normalizer or {}, place)
    if stated.type == "BertNormalizer" and stated.lowercase is not None:
        return stated.lowercase, stated.lowercase if stated.strip_accents is None else stated.strip_accents
    for number, inner in enumerate(stated.normalizers or []):
        found = _case(inner, place.field("normalizers").item(number))
        if found[0] is not None:
            return found
    return None, None
