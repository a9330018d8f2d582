"""What the makers of features share: fast tokenizers, and where their tokens stand in a text."""

from typing import Any

import numpy as np

from electra_pretrain.core.errors import UserError

# Column -> one entry an example (or window); rows are not padded, that is the collator's work.
Columns = dict[str, list[Any]]


def require_fast(tokenizer: Any) -> None:
    """Only tokenizers of the `tokenizers` library know which characters a token stands for.

    Raises:
        UserError: for any other.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"{type(tokenizer).__name__} is not a fast tokenizer and cannot say where its tokens stand in a text; "
            "give the model folder a tokenizer.json"
        )


def trimmed(text: str, offsets: list[tuple[int, int]]) -> np.ndarray:
    """Offsets without the space before a word that SentencePiece counts to the word, int32 [tokens, 2]."""
    spans = np.array(offsets, np.int32).reshape(-1, 2)
    for row, (start, end) in enumerate(offsets):
        while start < end and text[start].isspace():
            start += 1
        spans[row, 0] = start
    return spans
