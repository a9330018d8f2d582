"""Whether a run is learning: signs of trouble in its metrics, each told once, and again if it comes back after it had passed.

All that is told is a function of the rows of `metrics.jsonl` and of the config: a run that goes on neither repeats nor forgets
anything, and a run made earlier can be asked.
"""

from collections.abc import Iterable
from typing import NamedTuple

from electra_pretrain.config.schema import Config
from electra_pretrain.plot.curves import Run
from electra_pretrain.train.signs import Chance, Jump, Row, Sign, Unigram, WorseThanBefore


class Told(NamedTuple):
    """A sign of trouble.

    Attributes:
        step: at which it was seen.
        text: what is wrong, with the numbers, and what to try.
        passed: the step at which it was gone again; None if it was not.
    """

    step: int
    text: str
    passed: int | None = None


class Watch:
    """Looks for signs of trouble in the rows of a run.

    Args:
        config: of the whole run.
        rows: what was written before, of which nothing is told again.
    """

    def __init__(self, config: Config, rows: Iterable[Row] = ()) -> None:
        self._signs: list[Sign] = []
        objective, is_student = config.objective, config.distillation is not None
        # How soon a student leaves chance or the tokens' frequency behind, no run has told: it begins with trained layers.
        if objective.has_discriminator and not is_student and not objective.electric_objective:
            self._signs.append(Chance(config))
        if objective.gen_weight and not objective.uniform_generator and not is_student:
            self._signs.append(Unigram(config))
        # Electric's loss may have any sign; a share of masks that grows makes every loss larger.
        if not objective.electric_objective and objective.mask_prob_end <= objective.mask_prob:
            self._signs.append(Jump(config))
        # Held-out records are masked as the run ends, all along.
        self._signs.append(WorseThanBefore(config))
        self._there: dict[int, int] = {}
        self.told: list[Told] = []
        for row in rows:
            self.take(row)

    def take(self, row: Row) -> list[Told]:
        """Look at the next row, and return what is to be told now."""
        new = []
        for number, sign in enumerate(self._signs):
            there = sign.take(row)
            if there and number not in self._there:
                new.append(Told(row["step"], sign.text(row)))
                self._there[number] = len(self.told)
                self.told.append(new[-1])
            elif there is False and number in self._there:
                index = self._there.pop(number)
                self.told[index] = self.told[index]._replace(passed=row["step"])
        return new


def signs_of(run: Run) -> list[str]:
    """Say what a run was told, or would have been, a sentence each; one, too, where there is nothing to tell."""
    if run.config is None:
        return ["its config.json is missing or not one of this version, without which nothing can be said of its health"]
    told = Watch(run.config, run.rows).told
    return [f"step {one.step:,}: {one.text}{_ended(one)}" for one in told] or ["no sign of trouble"]


def _ended(told: Told) -> str:
    return "" if told.passed is None else f" (passed by step {told.passed:,})"
