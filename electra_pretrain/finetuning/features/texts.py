"""Features of texts and pairs of texts, and what those of all kinds of examples share."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import TextExample

# Column -> one entry an example (or window); rows are not padded, that is the collator's work.
Columns = dict[str, list[Any]]


def require_fast(tokenizer: Any) -> None:
    """Refuse a tokenizer that does not know which characters a token stands for: only those of `tokenizers` do.

    Raises:
        UserError: it is not a fast one.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"{type(tokenizer).__name__} is not a fast tokenizer and cannot say where its tokens stand in a text; "
            "give the model folder a tokenizer.json"
        )


def trimmed(text: str, offsets: list[tuple[int, int]]) -> np.ndarray:
    """Return offsets without the space before a word that SentencePiece counts to the word, int32 [tokens, 2]."""
    spans = np.array(offsets, np.int32).reshape(-1, 2)
    for row, (start, end) in enumerate(offsets):
        while start < end and text[start].isspace():
            start += 1
        spans[row, 0] = start
    return spans


def text_features(examples: Sequence[TextExample], tokenizer: Any, max_seq_length: int) -> Columns:
    """Make one row an example: `input_ids`, `attention_mask`, `token_type_ids` and `labels`.

    Of a pair that is too long, the longer text loses tokens first.

    Raises:
        UserError: the tokenizer is not a fast one.
    """
    require_fast(tokenizer)
    pairs = [example.text_pair for example in examples]
    encoded = tokenizer(
        [example.text for example in examples],
        None if None in pairs else pairs,
        truncation="longest_first",
        max_length=max_seq_length,
        return_token_type_ids=True,
        return_attention_mask=True,
    )
    columns: Columns = {name: encoded[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    return columns | {"labels": [example.label for example in examples]}
