"""What is learnt: the section `objective`, with its rules."""

import dataclasses

from electra_pretrain.config.fields import FRACTION, NOT_NEGATIVE, POSITIVE, SHARE, Rule, one_of, ruled

EMBEDDING_SHARING = ("tied", "untied", "gradient_disentangled")
MASKING = ("token", "whole_word")
TWO_NETWORKS = "needs two networks that learn: electra_objective, untied_generator and no uniform_generator"

# Rules that look at more than one field; `c` is the whole `Config`.
_NEEDS_TWO_TOWERS = Rule(
    lambda value, c: not value or c.objective.two_tower_generator,
    "needs objective.two_tower_generator = true: the odds of every token given the rest",
)
_NEEDS_A_DISCRIMINATOR = Rule(
    lambda value, c: not value or c.objective.has_discriminator,
    "needs electra_objective or electric_objective; a masked language model alone has no generator",
)
_NEEDS_A_MASKED_LM = Rule(
    lambda value, c: not value or not c.objective.has_discriminator,
    "needs electra_objective = false: ELECTRA's masking has no random tokens",
)
_TOWERS_ARE_UNTIED = Rule(
    lambda value, c: not value or (c.objective.untied_generator and not c.objective.uniform_generator),
    "needs untied_generator = true and uniform_generator = false",
)
_MASK_PROB_END = Rule(lambda value, _: 0 <= value < 1, "must be at least 0 and below 1; 0 leaves mask_prob as it is")
_KEEPS_ITS_NOISE = Rule(
    lambda value, c: not value or not c.objective.electric_objective,
    "Electric's energies are those of one share of noise; needs electric_objective = false",
)
_SHARES_OF_ONE = Rule(
    lambda share, c: share + c.objective.mask_token_prob <= 1, "mask_token_prob and random_token_prob must add up to at most 1"
)
_HAS_TWO_SETS_OF_TABLES = Rule(lambda value, c: value == "tied" or c.objective.has_two_networks, TWO_NETWORKS)
_GENERATOR_HEADS = Rule(
    lambda value, c: (hidden := round(c.model.hidden_size * value)) >= 1 and hidden % max(1, hidden // 64) == 0,
    "model.hidden_size times this must be divisible by the generator's heads (one per 64); 1/3 of 768 is 0.33333",
)


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """Masking, the generator's shape, and the weights of the two losses."""

    electra_objective: bool = True  # False, and not Electric: a masked language model only (BERT without next sentences)
    # True: Electric; the discriminator scores tokens against the generator's own odds
    electric_objective: bool = ruled(False, _NEEDS_TWO_TOWERS)
    mask_prob: float = ruled(0.15, Rule(lambda value, _: 0 < value < 1, "must be above 0 and below 1"))
    # what mask_prob has become, step by step, at the run's end; 0: it stays
    mask_prob_end: float = ruled(0.0, _MASK_PROB_END, _KEEPS_ITS_NOISE)
    masking: str = ruled("token", one_of(MASKING))  # whole_word: a word's pieces are masked together
    # what is written over a token that was drawn: [MASK], or a random token; else it stays as it is
    mask_token_prob: float = ruled(0.85, Rule(lambda value, _: 0 < value <= 1, "must be above 0 and at most 1"))
    random_token_prob: float = ruled(0.0, SHARE, _SHARES_OF_ONE, _NEEDS_A_MASKED_LM)
    gen_weight: float = ruled(1.0, NOT_NEGATIVE)
    disc_weight: float = ruled(50.0, NOT_NEGATIVE)
    generator_hidden_size: float = ruled(0.25, FRACTION, _GENERATOR_HEADS)  # fraction of the discriminator's hidden size
    generator_layers: float = ruled(1.0, FRACTION)  # fraction of the discriminator's layers
    untied_generator: bool = True  # False: generator and discriminator are one encoder
    # tied: the networks share their tables; untied: the generator has embeddings of its own, as wide as it is;
    # gradient_disentangled: the discriminator's tables are the generator's plus a difference, and its loss moves that alone
    embedding_sharing: str = ruled("tied", one_of(EMBEDDING_SHARING), _HAS_TWO_SETS_OF_TABLES)
    # True: replacements are drawn uniformly, no generator is trained
    uniform_generator: bool = ruled(False, _NEEDS_A_DISCRIMINATOR)
    # True: left-to-right and right-to-left encoders, which see the text unmasked
    two_tower_generator: bool = ruled(False, _NEEDS_A_DISCRIMINATOR, _TOWERS_ARE_UNTIED)
    temperature: float = ruled(1.0, POSITIVE)
    disallow_correct: bool = False  # True: a sample never equals the original token

    @property
    def has_discriminator(self) -> bool:
        """Whether a second network is trained on the generator's samples."""
        return self.electra_objective or self.electric_objective

    @property
    def has_two_networks(self) -> bool:
        """Whether generator and discriminator are two, and both learn."""
        return self.has_discriminator and self.untied_generator and not self.uniform_generator

    @property
    def last_mask_prob(self) -> float:
        """The share of tokens that is masked when the run ends, and in held-out records all along."""
        return self.mask_prob_end or self.mask_prob

    @property
    def largest_mask_prob(self) -> float:
        """The largest share of tokens that is masked in any step, for which a step has slots."""
        return max(self.mask_prob, self.mask_prob_end)
