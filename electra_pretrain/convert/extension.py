"""A vocabulary extended by a domain's terms, and weights for it: each new row starts at the mean of the pieces it replaces."""

import logging
from collections.abc import Sequence

import numpy as np

from electra_pretrain.checkpoint.names import is_optimizer_value
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.edit import UNUSED, with_terms
from electra_pretrain.tokenization.model_folder import of_wordpiece
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX, TYPE, WordPieceTokenizer, longest_match, read_vocab

_log = logging.getLogger(__name__)
# Their rows are the vocabulary's tokens.
_BY_TOKEN = ("embeddings/word_embeddings", "embeddings_difference/word_embeddings", "_predictions/output_bias")


def extend_by_terms(pretrained: Pretrained, path: str) -> Pretrained:
    """Put the terms of a file into the source's `[unusedN]` places and behind its vocabulary's end.

    Raises:
        UserError: the source has no vocabulary, or a term will not do.
    """
    tokenizer = WordPieceTokenizer(
        _tokens(pretrained), pretrained.fields.get("data.do_lower_case", False), bool(pretrained.strip_accents)
    )
    return extend(pretrained, with_terms(tokenizer, path, grow=True))


def extend_to_vocab(pretrained: Pretrained, path: str) -> Pretrained:
    """Give the source another vocabulary, which extends its own.

    Raises:
        UserError: the source has no vocabulary, or the other one is damaged or does not extend it.
    """
    _tokens(pretrained)
    return extend(pretrained, read_vocab(path))


def extend(pretrained: Pretrained, tokens: Sequence[str]) -> Pretrained:
    """Return weights for a vocabulary that extends the source's; those of old tokens stay as they are, bit for bit.

    Args:
        pretrained: the source, with its vocabulary; its moments are left out.
        tokens: its vocabulary, with other tokens in place of `[unusedN]` or behind the end.

    Raises:
        UserError: the source has no vocabulary, or the new one does not extend it.
    """
    old = _tokens(pretrained)
    changed = [index for index, token in enumerate(tokens) if index >= len(old) or token != old[index]]
    wrong = [index for index in changed if index < len(old) and not UNUSED.fullmatch(old[index])]
    if wrong or len(tokens) < len(old):
        what = f'"{old[wrong[0]]}" became "{tokens[wrong[0]]}"' if wrong else f"{len(tokens)} tokens instead of {len(old)}"
        raise UserError(
            f"the new vocabulary does not extend that of {pretrained.origin}: {what} "
            f"({len(wrong)} such lines); only [unusedN] may be replaced, and lines added at the end"
        )
    ids = {token: index for index, token in enumerate(old)}
    pieces = {index: _pieces(tokens[index], ids) for index in changed}
    values = {
        name: _extended(value, len(tokens), pieces) if name.endswith(_BY_TOKEN) else value
        for name, value in pretrained.values.items()
        if not is_optimizer_value(name)
    }
    fields = {**pretrained.fields, "data.vocab_size": len(tokens)}
    added = len(tokens) - len(old)
    replaced = len(changed) - added
    _log.info("%d [unusedN] became terms, %d rows were added; each starts at the mean of its old pieces", replaced, added)
    origin = f"{pretrained.origin}, its vocabulary extended"
    return pretrained._replace(origin=origin, values=values, fields=fields, vocabulary=of_wordpiece(origin, tokens))


def _tokens(pretrained: Pretrained) -> tuple[str, ...]:
    vocabulary = pretrained.vocabulary
    if vocabulary is None:
        raise UserError(
            f"{pretrained.origin}: has neither vocab.txt nor tokenizer.json; without one no new vocabulary can be told to "
            "extend the old one"
        )
    if vocabulary.type != TYPE:
        raise UserError(f"{vocabulary.path}: is {vocabulary.type}; only WordPiece takes tokens that have no score")
    return vocabulary.tokens


def _pieces(token: str, ids: dict[str, int]) -> list[int]:
    """Cut a token as the old vocabulary did; [UNK] where it could not."""
    found, rest = longest_match(token.removeprefix(CONTINUATION_PREFIX), ids, token.startswith(CONTINUATION_PREFIX))
    return [ids["[UNK]"]] if rest else found


def _extended(rows: np.ndarray, count: int, pieces: dict[int, list[int]]) -> np.ndarray:
    """Return `rows` with `count` rows; each index in `pieces` has the mean of the old rows named there."""
    extended = np.zeros((count, *rows.shape[1:]), rows.dtype)
    extended[: len(rows)] = rows
    for index, old in pieces.items():
        extended[index] = rows[old].mean(axis=0)
    return extended
