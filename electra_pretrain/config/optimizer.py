"""How weights move: the section `optimizer`, with its rules."""

import dataclasses

from electra_pretrain.config.fields import NOT_NEGATIVE, POSITIVE, SHARE, STEPS, Rule, one_of, ruled
from electra_pretrain.config.objective import TWO_NETWORKS

SCHEDULES = ("linear", "cosine", "wsd")

# Rules that look at more than one field; `c` is the whole `Config`.
_OWN_RATE = Rule(lambda value, _: value == 0 or POSITIVE.holds(value, _), f"{POSITIVE.text}; 0 takes learning_rate")
_OF_TWO_NETWORKS = Rule(lambda value, c: not value or c.objective.has_two_networks, TWO_NETWORKS)
_DECAYS_IN_TIME = Rule(lambda steps, c: 0 <= steps <= c.training.num_train_steps, "must lie in 0..training.num_train_steps")
_DECAYS_AT_ALL = Rule(
    lambda steps, c: steps > 0 or c.optimizer.schedule != "wsd",
    'optimizer.schedule = "wsd" needs it above 0: the last steps, in which the rate falls',
)
_DECAYS_LAST = Rule(
    lambda steps, c: steps == 0 or c.optimizer.schedule == "wsd",
    'is for optimizer.schedule = "wsd" alone; with another it must be 0',
)
_DECAYS_FROM_THE_PEAK = Rule(
    lambda steps, c: steps == 0 or steps + c.optimizer.num_warmup_steps <= c.training.num_train_steps,
    "with optimizer.num_warmup_steps it is more than training.num_train_steps, so that the rate never reaches its peak",
)
_ENDS_BEFORE_THE_WAVE = Rule(
    lambda steps, c: c.optimizer.schedule != "cosine" or steps < c.training.num_train_steps,
    'must be below training.num_train_steps with optimizer.schedule = "cosine", whose wave begins where the warm-up ends',
)
_OF_THE_LINE = Rule(
    lambda power, c: power == 1 or c.optimizer.schedule == "linear",
    'goes with optimizer.schedule = "linear"; with another it must be 1',
)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam with decoupled weight decay and no bias correction; linear warm-up, then a schedule."""

    learning_rate: float = ruled(5e-4, POSITIVE)
    # peaks of one network's own weights; 0: learning_rate, which is always that of what both share
    generator_learning_rate: float = ruled(0.0, _OWN_RATE, _OF_TWO_NETWORKS)
    discriminator_learning_rate: float = ruled(0.0, _OWN_RATE, _OF_TWO_NETWORKS)
    # linear: polynomial decay to 0 at the last step (lr_decay_power 1 is a line); cosine: half a wave to 0, from the warm-up's
    # end; wsd: constant, and a decay to 0 over the last decay_steps
    schedule: str = ruled("linear", one_of(SCHEDULES))
    decay_steps: int = ruled(0, _DECAYS_AT_ALL, _DECAYS_LAST, _DECAYS_IN_TIME, _DECAYS_FROM_THE_PEAK)
    num_warmup_steps: int = ruled(
        10000, Rule(lambda value, _: value >= 0, "must not be negative; 0 means no warm-up"), STEPS, _ENDS_BEFORE_THE_WAVE
    )
    lr_decay_power: float = ruled(1.0, NOT_NEGATIVE, _OF_THE_LINE)
    weight_decay_rate: float = ruled(0.01, NOT_NEGATIVE)
    adam_beta_1: float = ruled(0.9, SHARE)
    adam_beta_2: float = ruled(0.999, SHARE)
    adam_epsilon: float = ruled(1e-6, POSITIVE)
    max_grad_norm: float = ruled(1.0, POSITIVE)
    clip_per_network: bool = ruled(False, _OF_TWO_NETWORKS)  # True: each network's gradient has a norm of its own
