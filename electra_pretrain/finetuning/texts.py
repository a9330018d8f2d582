"""Features of texts and pairs of texts: what classification and regression learn from."""

from collections.abc import Sequence
from typing import Any

from electra_pretrain.finetuning.examples import TextExample
from electra_pretrain.finetuning.fast_tokens import Columns, require_fast


def text_features(examples: Sequence[TextExample], tokenizer: Any, max_seq_length: int) -> Columns:
    """One row an example: `input_ids`, `attention_mask`, `token_type_ids` and `labels`.

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
