"""A vocabulary extended by a domain's terms, and weights for it: each new row starts at the mean of the pieces it replaces."""

from collections.abc import Mapping, Sequence

import numpy as np

from electra_pretrain.checkpoint.pretrained import Pretrained, is_optimizer_value
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.edit import UNUSED
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX

# Their rows are the vocabulary's tokens.
_BY_TOKEN = ("embeddings/word_embeddings", "_predictions/output_bias")


def extend(pretrained: Pretrained, tokens: Sequence[str]) -> Pretrained:
    """Weights for a vocabulary that extends the source's; those of old tokens stay as they are, bit for bit.

    Args:
        pretrained: the source, with its vocabulary; its moments are left out.
        tokens: its vocabulary, with other tokens in place of `[unusedN]` or behind the end.

    Raises:
        UserError: the new vocabulary does not extend the source's.
    """
    old = pretrained.tokens
    assert old is not None
    changed = [index for index, token in enumerate(tokens) if index >= len(old) or token != old[index]]
    wrong = [index for index in changed if index < len(old) and not UNUSED.fullmatch(old[index])]
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
