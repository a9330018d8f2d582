"""What a student learns from its teacher: the section `distillation`, with its rules (Sanh et al., *DistilBERT*, 2019)."""

import dataclasses
from itertools import pairwise

from electra_pretrain.config.fields import NOT_NEGATIVE, POSITIVE, Rule, ruled

_A_STUDENT = Rule(
    lambda _, c: not (c.objective.electric_objective or c.objective.two_tower_generator or c.objective.uniform_generator),
    "a student is a masked language model or an ELECTRA discriminator; needs objective.electric_objective, "
    "two_tower_generator and uniform_generator = false",
)
_AS_MANY_AS_LAYERS = Rule(
    lambda layers, c: not layers or len(layers) == c.model.num_hidden_layers,
    "must name as many as model.num_hidden_layers; [] spreads them evenly over the teacher's",
)
_ASCENDING = Rule(
    lambda layers, _: all(number >= 0 for number in layers) and all(a < b for a, b in pairwise(layers)),
    "must be ascending, the teacher's first layer being 0",
)
_HAS_A_LOSS = Rule(
    lambda _, c: any(getattr(c.distillation, alpha) > 0 for alpha in ("alpha_ce", "alpha_mlm", "alpha_cos", "alpha_disc")),
    "one of alpha_ce, alpha_mlm, alpha_cos and alpha_disc must be above 0: nothing would be learnt",
)
_OF_A_MASKED_LM = Rule(
    lambda weight, c: not weight or not c.objective.has_discriminator,
    "needs objective.electra_objective = false; an ELECTRA student learns from its own labels by alpha_disc",
)
_OF_A_DISCRIMINATOR = Rule(
    lambda weight, c: not weight or c.objective.has_discriminator,
    "needs objective.electra_objective = true; a masked language model learns from the text by alpha_mlm",
)
_OF_TOKENS = Rule(
    lambda power, c: not power or c.objective.masking == "token",
    'draws token by token; needs objective.masking = "token"',
)


@dataclasses.dataclass(frozen=True)
class DistillationConfig:
    """The teacher, what the student begins with, and the weights of its losses."""

    # a run's folder, or one of Hugging Face's form: BERT or ALBERT with its masked-LM head, discriminator/ and generator/
    teacher: str = ruled("", _A_STUDENT)
    # of the teacher, whose weights the student's layers begin with; []: the middle one of each of as many equal stretches
    layers: tuple[int, ...] = ruled((), _AS_MANY_AS_LAYERS, _ASCENDING)
    alpha_ce: float = ruled(0.33, NOT_NEGATIVE, _HAS_A_LOSS)  # the teacher's probabilities, at all real positions
    alpha_mlm: float = ruled(0.33, NOT_NEGATIVE, _OF_A_MASKED_LM)  # the true tokens at masked positions
    alpha_cos: float = ruled(0.33, NOT_NEGATIVE)  # the direction of the last hidden states
    alpha_disc: float = ruled(0.0, NOT_NEGATIVE, _OF_A_DISCRIMINATOR)  # which tokens were replaced in truth
    temperature: float = ruled(2.0, POSITIVE)  # of both networks' logits in alpha_ce's loss
    # tokens are masked in proportion to their count in the records to the power of minus this; 0: all alike
    mlm_smoothing: float = ruled(0.0, NOT_NEGATIVE, _OF_TOKENS)
    freeze_position_embeddings: bool = False  # True: they stay what the teacher's were
