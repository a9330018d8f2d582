"""Facts that ruin a run and show in its config alone: the table, and the sentences.

A value that breaks a rule of its section means nothing; one that is told of here is possible, and hardly meant. Facts of
records are in `records/ruin.py`, of both together in `train/ruin.py`. Of a config that ships nothing is told.
"""

import math
import operator
from collections.abc import Mapping

from electra_pretrain.config.schema import Config
from electra_pretrain.core.finding import Fact, Level

BASE_RATE, SMALL_RATE = 2e-4, 5e-4  # peaks of the released configs
SMALL_HIDDEN_SIZE = 256  # at most so many units have the second
MAX_RATE, HOPELESS_RATE, MIN_RATE = 0.01, 0.1, 1e-7
MIN_WARMUP, MAX_WARMUP = 100, 0.5
MAX_UNSAVED_STEPS = 50_000
LOSS_RATIOS = (1.0, 2500.0)  # of the discriminator's weight to the generator's; 50 in all that was published
# Field -> what it is at least and at most.
RANGES = {
    "objective.mask_prob": (0.05, 0.5),
    "objective.mask_prob_end": (0.05, 0.5),
    "objective.temperature": (0.1, 10.0),
    "model.hidden_dropout_prob": (0.0, 0.5),
    "model.attention_probs_dropout_prob": (0.0, 0.5),
    "model.initializer_range": (0.001, 0.2),
    "optimizer.weight_decay_rate": (0.0, 0.3),
    "optimizer.adam_beta_1": (0.5, 0.99),
    "optimizer.adam_beta_2": (0.9, 0.99999),
    "optimizer.adam_epsilon": (1e-12, 1e-3),
    "optimizer.max_grad_norm": (0.01, 100.0),
}


def _nothing_learns(config: Config) -> str | None:
    objective = config.objective
    generator = 0 if objective.uniform_generator else objective.gen_weight
    if generator or (objective.has_discriminator and objective.disc_weight):
        return None
    return (
        f"objective.gen_weight = {objective.gen_weight:g}, objective.disc_weight = {objective.disc_weight:g}: no network "
        "that is trained has a loss; published models had 1 and 50"
    )


def _odd_loss_weights(config: Config) -> str | None:
    objective = config.objective
    generator, discriminator = objective.gen_weight, objective.disc_weight
    if not objective.has_discriminator or objective.uniform_generator or not generator + discriminator:
        return None
    least, most = LOSS_RATIOS
    if least * generator <= discriminator <= most * generator:
        return None
    return (
        f"objective.gen_weight = {generator:g}, objective.disc_weight = {discriminator:g}: one of the two networks learns "
        "little or nothing; published models had 1 and 50; a masked language model alone is objective.electra_objective = false"
    )


def peak_rates(config: Config) -> dict[str, float]:
    """Return field -> peak, of the rates that some weight learns with."""
    optimizer = config.optimizer
    networks = ("optimizer.generator_learning_rate", "optimizer.discriminator_learning_rate")
    own = {field: rate for field in networks if (rate := operator.attrgetter(field)(config))}
    shares_nothing = config.objective.embedding_sharing == "untied"
    return own if len(own) == len(networks) and shares_nothing else {"optimizer.learning_rate": optimizer.learning_rate, **own}


def told_rates(rates: Mapping[str, float]) -> str:
    """Return fields with their rates, as sentences name them."""
    return ", ".join(f"{field} = {rate:g}" for field, rate in rates.items())


def _rates_within(config: Config, least: float, most: float) -> dict[str, float]:
    """Return the peaks of at least the one, and below the other."""
    return {field: rate for field, rate in peak_rates(config).items() if least <= rate < most}


def _rate_too_high(rates: Mapping[str, float]) -> str | None:
    if not rates:
        return None
    return (
        f"{told_rates(rates)}: Adam moves each weight by about so much at every step, and weights are about "
        f"0.02 large; lower it: published models had {BASE_RATE:g} (base) and {SMALL_RATE:g} (small)"
    )


def _hopeless_rate(config: Config) -> str | None:
    return _rate_too_high(_rates_within(config, HOPELESS_RATE, math.inf))


def _high_rate(config: Config) -> str | None:
    return _rate_too_high(_rates_within(config, math.nextafter(MAX_RATE, math.inf), HOPELESS_RATE))


def _low_rate(config: Config) -> str | None:
    if not (rates := _rates_within(config, 0, MIN_RATE)):
        return None
    return (
        f"{told_rates(rates)}: weights hardly move; raise it: published models had {BASE_RATE:g} (base) and "
        f"{SMALL_RATE:g} (small)"
    )


def _short_warmup(config: Config) -> str | None:
    warmup, num_steps = config.optimizer.num_warmup_steps, config.training.num_train_steps
    if warmup >= min(MIN_WARMUP, num_steps // 10) or config.training.init_moments:
        return None
    return (
        f"optimizer.num_warmup_steps = {warmup}: Adam's moments begin at zero, so that the first steps are up to six times too "
        "large: they destroy what weights have learnt, and fresh ones may not recover; warm up over 2,000 steps or a tenth of "
        "the run"
    )


def _share_from_its_start(config: Config) -> str | None:
    objective = config.objective
    if not config.training.init_moments or not objective.mask_prob_end or objective.mask_prob_end == objective.mask_prob:
        return None
    return (
        f"objective.mask_prob_end = {objective.mask_prob_end:g} with training.init_moments: the share of masks begins at "
        f"objective.mask_prob = {objective.mask_prob:g} again; to go on with a run whose share changes, set mask_prob to what "
        "it had reached, and mask_prob_end to where it was to end"
    )


def _long_warmup(config: Config) -> str | None:
    warmup, num_steps = config.optimizer.num_warmup_steps, config.training.num_train_steps
    if warmup <= MAX_WARMUP * num_steps:
        return None
    return (
        f"optimizer.num_warmup_steps = {warmup:,} of training.num_train_steps = {num_steps:,}: the learning rate never comes "
        "near its peak; warm up over a tenth of the run"
    )


def _odd_values(config: Config) -> str | None:
    odd = [
        f"{field} = {value:g} (released: {released:g})"
        for field, (least, most) in RANGES.items()
        if (value := operator.attrgetter(field)(config)) != (released := operator.attrgetter(field)(Config()))
        and not least <= value <= most
    ]
    return (
        f"{'; '.join(odd)}: far from all that was published; if it is no slip, try it on a small model first" if odd else None
    )


def _seldom_saved(config: Config) -> str | None:
    saved = config.training.save_checkpoints_steps
    lost = min(saved, config.training.num_train_steps)
    if lost <= MAX_UNSAVED_STEPS:
        return None
    return (
        f"training.save_checkpoints_steps = {saved:,}: a crash loses up to {lost:,} steps, and held-out records are not scored "
        "before; configs that ship have 10,000"
    )


def _kept_by_chance(config: Config) -> str | None:
    kept, saved = config.training.keep_every_steps, config.training.save_checkpoints_steps
    if kept % saved == 0:
        return None
    return (
        f"training.keep_every_steps = {kept:,}: is no multiple of training.save_checkpoints_steps = {saved:,}, so that only "
        f"checkpoints of every {math.lcm(kept, saved):,} steps are kept; take a multiple"
    )


FACTS: tuple[Fact[Config], ...] = (
    Fact("no loss has a weight", "no weight of the networks changes", _nothing_learns, Level.FAILURE),
    Fact(
        f"`disc_weight` not {LOSS_RATIOS[0]:g} to {LOSS_RATIOS[1]:g} times `gen_weight`",
        "50 times in all that was published; fifty times less or more, one of the networks does not count",
        _odd_loss_weights,
    ),
    Fact(
        f"a peak learning rate of {HOPELESS_RATE:g} and more",
        "a step of Adam's is about as large as the rate, and weights begin at 0.02: each step is five times what was learnt",
        _hopeless_rate,
        Level.FAILURE,
    ),
    Fact(
        f"a peak learning rate above {MAX_RATE:g}",
        "each step is half of what was learnt; the highest in a config that ships is 0.001, for `tiny`",
        _high_rate,
    ),
    Fact(
        f"a peak learning rate below {MIN_RATE:g}",
        "100,000 steps move a weight by half of what it begins with, at most",
        _low_rate,
    ),
    Fact(
        f"a warm-up of fewer than {MIN_WARMUP} steps, and than a tenth of the run, without `init_moments`",
        "moments are not corrected for their start from zero: step 12 is 6.6 times too large, step 100 still 3.2 times",
        _short_warmup,
    ),
    Fact(
        "`mask_prob_end` with `init_moments`",
        "steps are counted anew, and the share of masks goes by them: it jumps back to `mask_prob`",
        _share_from_its_start,
    ),
    Fact(
        f"a warm-up above {MAX_WARMUP:.0%} of the run",
        "the rate falls to 0 by the run's end all the same: with 5,000 steps in a run of 100 it reaches 0.5% of its peak",
        _long_warmup,
    ),
    Fact(
        "one of these outside of its bounds: "
        + ", ".join(f"`{field}` {low:g}–{high:g}" for field, (low, high) in RANGES.items()),
        "what is published lies far within",
        _odd_values,
    ),
    Fact(
        f"more than {MAX_UNSAVED_STEPS:,} steps between checkpoints",
        "eleven hours at the 0.81 s a step of KoELECTRA base v3",
        _seldom_saved,
    ),
    Fact(
        "`keep_every_steps` no multiple of `save_checkpoints_steps`",
        "a checkpoint is kept if it is saved, and its step divisible",
        _kept_by_chance,
    ),
)
