"""The sizes of the networks: the section `model`, with its rules."""

import dataclasses

from electra_pretrain.config.fields import AT_LEAST_1, LENGTH, POSITIVE, SHARE, WIDTH, Rule, at_least, at_most, ruled

# Rules that look at more than one field; `c` is the whole `Config`.
_GROUPS_DIVIDE = Rule(
    lambda groups, c: groups == 0 or (groups > 0 and c.model.num_hidden_layers % groups == 0),
    "must divide model.num_hidden_layers; 0 gives each block weights of its own",
)
_GROUPS_ARE_ALBERTS = Rule(
    lambda groups, c: groups == 0 or not c.objective.has_discriminator,
    "needs objective.electra_objective = false: shared blocks are ALBERT's, a masked language model",
)
_DISTILBERT_ALONE_HAS_NONE = Rule(
    lambda count, c: (
        count > 0
        or not (c.objective.has_discriminator or c.model.num_hidden_groups or c.model.embedding_size != c.model.hidden_size)
    ),
    "only DistilBERT's kind may do without token types: a masked language model with blocks of their own and "
    "model.embedding_size = model.hidden_size",
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes of the discriminator; the generator's follow from `objective`."""

    num_hidden_layers: int = ruled(12, AT_LEAST_1, at_most(1024, "each is compiled and computed in turn"))
    hidden_size: int = ruled(256, AT_LEAST_1, WIDTH)
    embedding_size: int = ruled(128, AT_LEAST_1, WIDTH)
    intermediate_size: int = ruled(1024, AT_LEAST_1, WIDTH)
    num_attention_heads: int = ruled(
        4, AT_LEAST_1, Rule(lambda heads, c: c.model.hidden_size % heads == 0, "must divide model.hidden_size")
    )
    # blocks in a row that share their weights form a group (ALBERT); 0: no block shares
    num_hidden_groups: int = ruled(0, _GROUPS_DIVIDE, _GROUPS_ARE_ALBERTS)
    max_position_embeddings: int = ruled(512, at_least(8), LENGTH)
    # 2: a row's two segments are told apart; 0: they are not (DistilBERT)
    type_vocab_size: int = ruled(2, Rule(lambda count, _: count in (0, 2), "must be 0 or 2"), _DISTILBERT_ALONE_HAS_NONE)
    hidden_dropout_prob: float = ruled(0.1, SHARE)
    attention_probs_dropout_prob: float = ruled(0.1, SHARE)
    initializer_range: float = ruled(0.02, POSITIVE)
