"""Signs that a run does not learn, each read from the rows of `metrics.jsonl` one after the other, and what to try.

Evidence for each limit stands beside it. A sign says nothing before the steps in which runs that went well have shown it too.
"""

import itertools
import math
import statistics
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from electra_pretrain.config.ruin import BASE_RATE, SMALL_HIDDEN_SIZE, SMALL_RATE, peak_rates
from electra_pretrain.config.schema import Config
from electra_pretrain.plot.healthy import pace_of, tokens_a_step

Row = Mapping[str, Any]

LOOPS = 5  # a sign must last; also, a loop may be a single step of a small batch
# `tiny` falls to 0.56 once its generator draws likely tokens, and rises from there; without a loss it stays at 0.50.
AT_CHANCE, OFF_CHANCE = 0.53, 0.55
# Four layers of 256 with tiny's rate fell from 0.65 to 0.5000 in 1,000 steps: the last layer's vectors had become the same for
# every token, their logits within 0.001 of each other. At half of it one came back after 1,500 steps. Of 420 held-out scores
# of docs/ablations.jsonl the lowest is 0.543.
SAME = 0.005
# The published small run was at 0.68 at 5,000 steps of 128 x 128 tokens, half of its warm-up.
OFF_CHANCE_BY, OFF_CHANCE_TOKENS = 5_000, 5_000 * 128 * 128
# That run had only just reached the frequencies then (7.1 nats), so four times as long, and twice its warm-up.
OFF_UNIGRAM_BY, OFF_UNIGRAM_TOKENS = 20_000, 20_000 * 128 * 128
NO_BETTER, BETTER = 0.05, 0.2  # nats below the entropy
PATIENCE = 1.5  # times the steps that healthy runs of the same recipe took
RISE, SETTLED = 0.2, 0.1  # of the lowest loss
NOISE, SETTLED_NOISE = 6.0, 3.0  # standard deviations from loop to loop
REMEMBERED = 100  # loops, from which the deviation is read
WORSE = 1.02  # times the held-out loss before the first step


class Sign(Protocol):
    """One kind of trouble, as far as the rows up to now show it."""

    def take(self, row: Row) -> bool | None:
        """Look at the next row; True: it is there, False: it is not, None: nothing is said."""

    def text(self, row: Row) -> str:
        """Say it, when the row that showed it was taken."""


def total_loss(metrics: Row, config: Config) -> float | None:
    """Add up the weighted losses of training or held-out metrics; None where one is missing."""
    objective, distillation = config.objective, config.distillation
    if distillation is not None:
        terms = {
            "distil_loss": distillation.alpha_ce,
            "masked_lm_loss": distillation.alpha_mlm,
            "cosine_loss": distillation.alpha_cos,
            "disc_loss": distillation.alpha_disc,
        }
        if any(name not in metrics for name, weight in terms.items() if weight):
            return None
        return float(sum(weight * metrics[name] for name, weight in terms.items() if weight))
    generator = metrics.get("cloze_loss", metrics.get("masked_lm_loss"))
    discriminator = metrics.get("disc_loss") if objective.has_discriminator else 0.0
    if generator is None or discriminator is None:
        return None
    return float(objective.gen_weight * generator + objective.disc_weight * discriminator)


def _published_rate(config: Config) -> float:
    return SMALL_RATE if config.model.hidden_size <= SMALL_HIDDEN_SIZE else BASE_RATE


def _highest_rate(config: Config) -> tuple[str, float]:
    """Return the field and the peak of the highest rate that some weight learns with."""
    return max(peak_rates(config).items(), key=lambda peak: peak[1])


def _lower_rate(config: Config, share: int) -> str:
    """Name the highest rate, to become a part of itself, or of the published one if that is lower."""
    field, rate = _highest_rate(config)
    return f"{field} = {min(rate, _published_rate(config)) / share:g}"


def _another_rate(config: Config, network: str) -> str:
    """Name a higher rate where the network's own is far below the published one, else a lower one."""
    peaks, published = peak_rates(config), _published_rate(config)
    own = f"optimizer.{network}_learning_rate"
    field = own if own in peaks else "optimizer.learning_rate"
    if peaks[field] < published / 10:
        return f"a higher {field} ({published:g})"
    return f"a lower {field} ({min(peaks[field], published) / 2:g})"


def _patience(config: Config, known: int, steps: int, tokens: int, warmups: int) -> int:
    """Return the step from which on a sign counts: by what runs of its recipe took, else by the published run's."""
    if known:
        return int(PATIENCE * known)
    phases = config.all_phases()
    left = tokens
    for phase in phases:
        needed = -(-left // tokens_a_step(phase.config))
        if needed <= phase.last_step - phase.first_step or phase is phases[-1]:
            return max(steps, warmups * config.optimizer.num_warmup_steps, phase.first_step + needed)
        left -= (phase.last_step - phase.first_step) * tokens_a_step(phase.config)
    raise AssertionError("a run has a last phase")


class Chance:
    """A discriminator that tells replaced tokens from original ones no better than a coin: still, or since it fell back."""

    def __init__(self, config: Config) -> None:
        pace = pace_of(config)
        self._config = config
        self._from = _patience(config, pace.off_chance_by if pace else 0, OFF_CHANCE_BY, OFF_CHANCE_TOKENS, 1)
        self._last: deque[float] = deque(maxlen=LOOPS)
        self._best, self._fell = 0.0, False

    def take(self, row: Row) -> bool | None:
        if (auc := row.get("disc_auc")) is None:
            return None
        self._best = max(self._best, auc)
        if row["kind"] == "heldout":
            self._fell = self._best > OFF_CHANCE and abs(auc - 0.5) < SAME
            return True if self._fell else False if auc > OFF_CHANCE else None
        return self._read_loop(row)

    def _read_loop(self, row: Row) -> bool | None:
        if row["kind"] != "train" or row["step"] <= self._from:
            return None
        self._last.append(row["disc_auc"])
        if len(self._last) < LOOPS:
            return None
        mean = statistics.fmean(self._last)
        self._fell &= mean < OFF_CHANCE
        return True if mean < AT_CHANCE else False if mean > OFF_CHANCE else None

    def text(self, row: Row) -> str:
        if self._fell:
            rate = _lower_rate(self._config, 4 if self._config.training.init_from else 2)
            return (
                f"the discriminator says the same of every token: held-out disc_auc {row['disc_auc']:.3f}, after "
                f"{self._best:.2f} before; unless it soon rises, begin anew with {rate} and a longer warm-up"
            )
        if not self._config.objective.disc_weight:
            advice = "objective.disc_weight = 0 trains none: published models had 50"
        else:
            rate = _another_rate(self._config, "discriminator")
            advice = f"try {rate}, a longer warm-up, then a smaller objective.generator_hidden_size"
        return (
            f"the discriminator is at chance: disc_auc {statistics.fmean(self._last):.3f}; in runs that went well it had "
            f"left 0.5 long before step {self._from:,}; {advice}"
        )


class Unigram:
    """A generator that guesses no better than by the tokens' frequency."""

    def __init__(self, config: Config) -> None:
        pace = pace_of(config)
        self._config = config
        self._from = _patience(config, pace.off_unigram_by if pace else 0, OFF_UNIGRAM_BY, OFF_UNIGRAM_TOKENS, 2)
        self._above: deque[float] = deque(maxlen=LOOPS)

    def take(self, row: Row) -> bool | None:
        if not {"masked_lm_loss", "masked_lm_baseline_loss"} <= row.keys() or row["step"] <= self._from:
            return None
        self._above.append(row["masked_lm_loss"] - row["masked_lm_baseline_loss"])
        if len(self._above) < LOOPS:
            return None
        mean = statistics.fmean(self._above)
        return True if mean > -NO_BETTER else False if mean < -BETTER else None

    def text(self, row: Row) -> str:
        if not self._config.objective.gen_weight:
            advice = "objective.gen_weight = 0 trains none: published models had 1"
        else:
            advice = (
                "see with inspect_data whether the records are text, then try "
                f"{_another_rate(self._config, 'generator')} and a longer warm-up"
            )
        return (
            f"the generator guesses no better than by the tokens' frequency: masked_lm_loss {row['masked_lm_loss']:.2f}, where "
            f"that alone gives {row['masked_lm_baseline_loss']:.2f}; in runs that went well it was far below by "
            f"step {self._from:,}; {advice}"
        )


class Jump:
    """A training loss that has risen far above its lowest, and stays there; each phase has a lowest of its own."""

    def __init__(self, config: Config) -> None:
        self._config, self._phase = config, 0
        self._ends = [phase.last_step for phase in config.all_phases()[:-1]]
        self._begin()

    def _begin(self) -> None:
        self._steps: deque[int] = deque(maxlen=REMEMBERED)
        self._losses: deque[float] = deque(maxlen=REMEMBERED)
        self._lowest, self._lowest_step = math.inf, 0

    def take(self, row: Row) -> bool | None:
        if row["kind"] != "train" or "total_loss" not in row:
            return None
        if (phase := sum(row["step"] > end for end in self._ends)) != self._phase:
            self._phase = phase
            self._begin()
        self._steps.append(row["step"])
        self._losses.append(row["total_loss"])
        losses = list(self._losses)
        before, newest = losses[:-LOOPS], losses[-LOOPS:]
        # Of three loops in a row, that a lucky one does not set the mark.
        if len(before) >= 3 and (level := statistics.median(before[-3:])) < self._lowest:
            self._lowest, self._lowest_step = level, self._steps[len(before) - 2]
        if self._lowest == math.inf:
            return None
        noise = _deviation(losses)
        if min(newest) > self._lowest + max(RISE * self._lowest, NOISE * noise):
            return True
        return False if max(newest) < self._lowest + max(SETTLED * self._lowest, SETTLED_NOISE * noise) else None

    def text(self, row: Row) -> str:
        return (
            f"total_loss has risen to {row['total_loss']:.2f}, from {self._lowest:.2f} about step {self._lowest_step:,}, and "
            "stays there; if it does not come back, begin anew with "
            f"{_lower_rate(self._config, 2)}, or from a checkpoint before the rise (training.init_from)"
        )


def _deviation(losses: list[float]) -> float:
    """Return the standard deviation of a loop's loss, whatever the trend, by the median of the differences."""
    differences = [abs(after - before) for before, after in itertools.pairwise(losses)]
    return 1.4826 * statistics.median(differences) / math.sqrt(2)


class WorseThanBefore:
    """Trained weights that have become worse: the held-out loss lies above that before the first step."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._first: float | None = None  # None too where the run's first row is not of held-out records
        self._rows = 0
        self._loss = 0.0

    def take(self, row: Row) -> bool | None:
        self._rows += 1
        loss = total_loss(row, self._config)
        if row["kind"] != "heldout" or loss is None:
            return None
        if self._rows == 1:
            self._first = loss
            return None
        first_phase = self._config.all_phases()[0]
        if self._first is None or not self._config.optimizer.num_warmup_steps < row["step"] <= first_phase.last_step:
            return None
        self._loss = loss
        # Electric's loss may be below zero.
        margin = (WORSE - 1) * abs(self._first)
        return True if loss > self._first + margin else False if loss <= self._first else None

    def text(self, row: Row) -> str:
        field, rate = _highest_rate(self._config)
        return (
            f"the held-out loss is {self._loss:.2f}, and was {self._first:.2f} before the first step: the trained weights have "
            f"become worse; {field} = {rate:g} is likely too high for them: begin anew with {_lower_rate(self._config, 4)}"
        )
