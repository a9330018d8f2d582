"""A vocabulary extended by a domain's terms, and weights for it: each new row starts at the mean of the pieces it replaces."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from electra_pretrain.errors import UserError
from electra_pretrain.model.pretrained import Pretrained, is_optimizer_value
from electra_pretrain.tokenization.tokenizer import CONTINUATION_PREFIX, normalizer

_UNUSED = re.compile(r"\[unused\d+\]$")
# Their rows are the vocabulary's tokens.
_BY_TOKEN = ("embeddings/word_embeddings", "_predictions/output_bias")


def add_terms(tokens: Sequence[str], terms: Sequence[str], do_lower_case: bool) -> list[str]:
    """The vocabulary with terms in place of its `[unusedN]` tokens, in their order, and behind its end when those are used up.

    Args:
        tokens: the vocabulary.
        terms: words, or pieces that continue one (`##…`); those that it has already are left out.
        do_lower_case: as the tokeniser has it.

    Raises:
        UserError: a term that the tokeniser would never look up: it is no single word, or not normalised.
    """
    known, added = set(tokens), []
    for term in terms:
        _check_term(term, do_lower_case)
        if term not in known:
            known.add(term)
            added.append(term)
    extended, waiting = list(tokens), iter(added)
    for index, token in enumerate(tokens):
        if _UNUSED.match(token):
            extended[index] = next(waiting, token)
    return extended + list(waiting)


def _check_term(term: str, do_lower_case: bool) -> None:
    from tokenizers.pre_tokenizers import BertPreTokenizer

    word = term.removeprefix(CONTINUATION_PREFIX)
    normal = normalizer(do_lower_case).normalize_str(word)
    if normal != word:
        raise UserError(f'term "{term}": the tokeniser turns it into "{normal}" first; write it so')
    if len(BertPreTokenizer().pre_tokenize_str(word)) != 1:
        raise UserError(f'term "{term}": the tokeniser cuts words at spaces and punctuation; a term must be one word')


def extend(pretrained: Pretrained, tokens: Sequence[str]) -> Pretrained:
    """Weights for a vocabulary that extends the source's; those of old tokens stay as they are, bit for bit.

    Args:
        pretrained: the source; its moments are left out.
        tokens: its vocabulary, with other tokens in place of `[unusedN]` or behind the end.

    Raises:
        UserError: the source has no vocabulary, or the new one does not extend it.
    """
    old = pretrained.tokens
    if old is None:
        raise UserError(
            f"{pretrained.origin}: has no vocab.txt; without it no new vocabulary can be told to extend the old one"
        )
    changed = [index for index, token in enumerate(tokens) if index >= len(old) or token != old[index]]
    wrong = [index for index in changed if index < len(old) and not _UNUSED.match(old[index])]
    if wrong or len(tokens) < len(old):
        what = f'"{old[wrong[0]]}" became "{tokens[wrong[0]]}"' if wrong else f"{len(tokens)} tokens instead of {len(old)}"
        raise UserError(
            f"the new vocabulary does not extend that of {pretrained.origin}: {what} "
            f"({len(wrong)} such lines); only [unusedN] may be replaced, and lines added at the end"
        )
    ids = {token: index for index, token in enumerate(old)}
    pieces = {index: split(tokens[index], ids) for index in changed}
    values = {
        name: _extended(value, len(tokens), pieces) if name.endswith(_BY_TOKEN) else value
        for name, value in pretrained.values.items()
        if not is_optimizer_value(name)
    }
    fields = {**pretrained.fields, "data.vocab_size": len(tokens)}
    return pretrained._replace(values=values, fields=fields, tokens=tuple(tokens))


def split(token: str, ids: Mapping[str, int]) -> list[int]:
    """Ids of the pieces that a vocabulary cuts a token into: always the longest that fits; [UNK] where none does."""
    prefix = CONTINUATION_PREFIX if token.startswith(CONTINUATION_PREFIX) else ""
    rest, found = token.removeprefix(prefix), []
    while rest:
        end = next((end for end in range(len(rest), 0, -1) if prefix + rest[:end] in ids), None)
        if end is None:
            return [ids["[UNK]"]]
        found.append(ids[prefix + rest[:end]])
        prefix, rest = CONTINUATION_PREFIX, rest[end:]
    return found


def _extended(rows: np.ndarray, count: int, pieces: dict[int, list[int]]) -> np.ndarray:
    """`rows` with `count` rows; each index in `pieces` has the mean of the old rows named there."""
    extended = np.zeros((count, *rows.shape[1:]), rows.dtype)
    extended[: len(rows)] = rows
    for index, old in pieces.items():
        extended[index] = rows[old].mean(axis=0)
    return extended
