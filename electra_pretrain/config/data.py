"""What records a run reads: the section `data`, with its rules."""

import dataclasses

from electra_pretrain.config.fields import AT_LEAST_1, HELD, TOKENS, Rule, one_of, ruled

SHORT_DOCUMENTS = ("apart", "joined", "packed")

# Rules that look at more than one field; `c` is the whole `Config`.
_SEES_BOTH_WAYS = Rule(
    lambda value, c: value != "packed" or not c.objective.two_tower_generator,
    "two towers see all that stands before and after, whichever document it is of; needs two_tower_generator = false",
)
_FITS_THE_POSITIONS = Rule(
    lambda value, c: 8 <= value <= c.model.max_position_embeddings,
    "must be at least 8 and at most model.max_position_embeddings",
)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What the records must be; checked against their manifest."""

    max_seq_length: int = ruled(512, _FITS_THE_POSITIONS)
    vocab_size: int = ruled(32200, AT_LEAST_1, TOKENS)
    do_lower_case: bool = False
    # how build_data put documents into rows; packed: several in a row, each attending to itself alone
    short_documents: str = ruled("apart", one_of(SHORT_DOCUMENTS), _SEES_BOTH_WAYS)
    shuffle_examples: int = ruled(100000, AT_LEAST_1, HELD)  # examples shuffled together; twice as many are held
