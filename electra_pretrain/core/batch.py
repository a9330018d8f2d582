"""What passes from the data to the model: the batch, and the names of a record's features.

Shape legend, used throughout the package:
    B batch    S sequence    N masked slots    H hidden    E embedding    V vocabulary    D attention head
"""

from typing import TYPE_CHECKING, NamedTuple

from electra_pretrain.core.typed import Count

if TYPE_CHECKING:
    import tensorflow as tf

# The TFRecord schema shared by every ELECTRA tool: int64 lists of length max_seq_length.
INPUT_IDS, INPUT_MASK, SEGMENT_IDS = RECORD_FEATURES = ("input_ids", "input_mask", "segment_ids")


class Batch(NamedTuple):
    """Examples as the builder wrote them, and each one's place in the global batch."""

    input_ids: "tf.Tensor"  # [B, S] int32
    input_mask: "tf.Tensor"  # [B, S] int32, 0 at padding
    segment_ids: "tf.Tensor"  # [B, S] int32
    rows: "tf.Tensor"  # [B] int32, index in the global batch: the row that random bits are drawn for


class MaskedBatch(NamedTuple):
    """A batch with some positions masked; slots that a short row does not use have weight 0 and position 0."""

    input_ids: "tf.Tensor"  # [B, S] int32, with [MASK] written in
    input_mask: "tf.Tensor"  # [B, S] int32
    segment_ids: "tf.Tensor"  # [B, S] int32
    masked_lm_positions: "tf.Tensor"  # [B, N] int32
    masked_lm_ids: "tf.Tensor"  # [B, N] int32, the original tokens
    masked_lm_weights: "tf.Tensor"  # [B, N] float32, 1 or 0
    maskable: "tf.Tensor"  # [B, S] float32, 1 where a token may be masked, drawn or not
    documents: "tf.Tensor | None" = None  # [B, S] int32, of rows of several: the document's number, from 1; 0 at padding


class SpecialIds(NamedTuple):
    """Vocabulary ids of the special tokens."""

    pad: Count
    unk: Count
    cls: Count
    sep: Count
    mask: Count


# In the order of the fields of SpecialIds.
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
