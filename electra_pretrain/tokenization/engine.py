"""What WordPiece and SentencePiece share: both are run by Hugging Face's `tokenizers`, because users fine-tune with its ids."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from electra_pretrain.core.batch import SPECIAL_TOKENS, SpecialIds

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Unknown(NamedTuple):
    """What an `[UNK]` stands for: a stretch of normalised text, and the character in it for which there is no piece."""

    text: str
    character: str


def add_special_tokens(engine: "Tokenizer") -> None:
    """Make the special tokens known, and let text that spells one stay text.

    A corpus must not be able to write [MASK] into the records.
    """
    from tokenizers import AddedToken

    engine.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    engine.encode_special_tokens = True


def encode_lines(engine: "Tokenizer", lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and row splits of all lines, as `Tokenizer.encode_lines`."""
    rows = [encoding.ids for encoding in engine.encode_batch_fast(lines, add_special_tokens=False)]
    row_splits = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=row_splits[1:])
    ids = np.fromiter((index for row in rows for index in row), np.int32, count=int(row_splits[-1]))
    return ids, row_splits


def unknown_texts(engine: "Tokenizer", line: str, unk: int) -> list[str]:
    """Find the stretch of a line that each of its `[UNK]` stands for, normalised."""
    assert engine.normalizer is not None
    text = engine.normalizer.normalize_str(line)
    encoding = engine.encode(text, add_special_tokens=False)
    return [text[start:stop] for index, (start, stop) in zip(encoding.ids, encoding.offsets, strict=True) if index == unk]


def to_json(engine: "Tokenizer", special_ids: SpecialIds) -> str:
    """Write `tokenizer.json`, with `[CLS] a [SEP] b [SEP]` around text."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    copy = Tokenizer.from_str(engine.to_str())
    copy.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", special_ids.cls), ("[SEP]", special_ids.sep)],
    )
    return copy.to_str(pretty=True)
