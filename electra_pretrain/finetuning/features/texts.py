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


def encode(tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, **options: Any) -> Any:
    """Tokenise texts, or pairs of them, so that what spells a special token stays text, as in the records.

    Args:
        tokenizer: a fast one of Hugging Face.
        texts: of each row the first.
        pairs: of each row the second, if there is one.
        **options: the tokenizer's own, for cutting and offsets.

    Returns:
        The tokenizer's encoding, with `input_ids`, `attention_mask` and `token_type_ids`.
    """
    encoded = tokenizer(
        list(texts),
        None if pairs is None else list(pairs),
        return_token_type_ids=True,
        return_attention_mask=True,
        return_special_tokens_mask=True,
        split_special_tokens=True,
        **options,
    )
    encoded["input_ids"] = without_special(tokenizer, encoded["input_ids"], encoded["special_tokens_mask"])
    return encoded


def without_special(
    tokenizer: Any, rows: Sequence[Sequence[int]], frames: Sequence[Sequence[int]] | None = None
) -> list[list[int]]:
    """Return rows of ids with `[UNK]` for special ones that text was cut into.

    WordPiece never cuts text into one. A unigram model may, whose vocabulary lists `</s>` as a piece (XLM-R's).

    Args:
        tokenizer: whose ids they are.
        rows: of ids.
        frames: 1 for each id that the tokenizer put around the text; None: it put none.
    """
    special, unknown = {*tokenizer.all_special_ids}, tokenizer.unk_token_id
    frames = frames or [[0] * len(ids) for ids in rows]
    return [
        [unknown if index in special and not framed else index for index, framed in zip(ids, frame, strict=True)]
        for ids, frame in zip(rows, frames, strict=True)
    ]


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
    firsts = [example.text for example in examples]
    seconds = [example.text_pair for example in examples if example.text_pair is not None]
    pairs = seconds if len(seconds) == len(firsts) else None
    encoded = encode(tokenizer, firsts, pairs, truncation="longest_first", max_length=max_seq_length)
    columns: Columns = {name: encoded[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    return columns | {"labels": [example.label for example in examples]}
