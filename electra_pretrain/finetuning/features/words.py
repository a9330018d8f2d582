"""Features of tagged texts, and back from the model's logits to one tag for each unit.

A unit's tag is learnt at the first token that begins in it. Where several units share a token (KLUE tags characters), the
token has the first one's tag and the others continue its entity. Units behind `max_seq_length` are predicted `O` and counted;
the published codes leave them out of what is right as well (`shown_units`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import TaggedText
from electra_pretrain.finetuning.features.texts import Columns, encode, require_fast, trimmed

MODEL_COLUMNS = ("input_ids", "attention_mask", "token_type_ids", "labels")
IGNORED = -100  # the label that the loss leaves out
# In `unit_tokens`, of units without a token of their own:
_SHARED = -1  # lies in the token of the unit before
_UNSEEN = -2  # no token holds it: a space, or a character that the tokenizer cleans away
_CUT = -3  # behind max_seq_length


def tag_features(texts: Sequence[TaggedText], tokenizer: Any, labels: Sequence[str], max_seq_length: int) -> Columns:
    """Make one row a text: `MODEL_COLUMNS`, `unit_tokens` for `unit_tags`, and `truncated_units`, how many did not fit.

    Raises:
        UserError: the tokenizer is not a fast one, or a tag is none of `labels`.
    """
    require_fast(tokenizer)
    options = {"truncation": True, "max_length": max_seq_length, "return_offsets_mapping": True}
    encoded = encode(tokenizer, [text.text for text in texts], None, **options)
    columns: Columns = {name: encoded[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    columns |= {"labels": [], "unit_tokens": [], "truncated_units": []}
    ids = {label: id for id, label in enumerate(labels)}
    for row, text in enumerate(texts):
        spans = trimmed(text.text, encoded["offset_mapping"][row])
        unit_tokens = _unit_tokens(text, spans, bool(encoded.encodings[row].overflowing))
        token_labels = [IGNORED] * len(spans)
        for token, tag in zip(unit_tokens, text.tags, strict=True):
            if tag not in ids:
                raise UserError(f"tag {tag!r} of {text.text[:40]!r} is none of the task's labels: {', '.join(labels)}")
            if token >= 0:
                token_labels[token] = ids[tag]
        columns["labels"].append(token_labels)
        columns["unit_tokens"].append(unit_tokens)
        columns["truncated_units"].append(unit_tokens.count(_CUT))
    return columns


def unit_tags(texts: Sequence[TaggedText], features: Columns, logits: Sequence[Any], labels: Sequence[str]) -> list[list[str]]:
    """Predict the tag of every unit.

    Args:
        texts: as given to `tag_features`.
        features: what it gave.
        logits: of each text [tokens or more, labels]; what stands behind the tokens is padding.
        labels: as given to `tag_features`.
    """
    tagged = []
    for text, unit_tokens, row in zip(texts, features["unit_tokens"], logits, strict=True):
        best = np.asarray(row).argmax(-1)
        tags: list[str] = []
        for token in unit_tokens:
            if token == _SHARED:
                tags.append(_continued(tags[-1]))
            else:
                tags.append(labels[best[token]] if token >= 0 else "O")
        # What no token holds lies within an entity if the entity goes on behind it.
        for unit in reversed(range(len(text.units) - 1)):
            if unit_tokens[unit] == _UNSEEN and tags[unit + 1].startswith("I-"):
                tags[unit] = tags[unit + 1]
        tagged.append(tags)
    return tagged


def shown_units(tags: Sequence[Sequence[str]], features: Columns) -> list[Sequence[str]]:
    """Leave out the tags of units behind `max_seq_length`, which are a text's last."""
    return [row[: len(row) - cut] for row, cut in zip(tags, features["truncated_units"], strict=True)]


def _continued(tag: str) -> str:
    return "I-" + tag[2:] if tag.startswith("B-") else tag


def _unit_tokens(text: TaggedText, spans: np.ndarray, is_truncated: bool) -> list[int]:
    """Find each unit's token that carries its tag, or why none does; spans: int [tokens, 2], empty for special tokens."""
    real = np.flatnonzero(spans[:, 0] < spans[:, 1])
    starts, ends = spans[real, 0], spans[real, 1]
    seen = int(ends[-1]) if len(ends) else 0
    unit_tokens, previous_end = [], 0
    for start, end in text.units:
        token = int(np.searchsorted(starts, start))
        if token < len(real) and starts[token] < end:
            unit_tokens.append(int(real[token]))
        elif token and ends[token - 1] > start:
            unit_tokens.append(_SHARED if previous_end > starts[token - 1] else int(real[token - 1]))
        else:
            unit_tokens.append(_CUT if is_truncated and start >= seen else _UNSEEN)
        previous_end = end
    return unit_tokens
