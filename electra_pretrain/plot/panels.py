"""Which metrics are drawn, under which titles."""

from typing import NamedTuple

from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.plot.curves import Run, metric_names


class Panel(NamedTuple):
    """One metric's axes.

    Attributes:
        title: what it shows.
        metric: its name in `metrics.jsonl`.
        baseline: name of a metric drawn dashed beside it, if any.
        noisy: whether training curves of it are smoothed.
    """

    title: str
    metric: str
    baseline: str | None = None
    noisy: bool = True


PANELS = (
    Panel("Generator loss (masked LM)", "masked_lm_loss"),
    Panel("Generator loss (every token)", "cloze_loss"),
    Panel("Generator accuracy", "masked_lm_accuracy"),
    Panel("Discriminator loss", "disc_loss"),
    Panel("Discriminator accuracy", "disc_accuracy", baseline="disc_baseline_accuracy"),
    Panel("Discriminator AUC", "disc_auc"),
    Panel("Learning rate", "learning_rate", noisy=False),
    Panel("Sequences per second", "sequences_per_second"),
)


def choose_panels(runs: list[Run], wanted: list[str] | None) -> list[Panel]:
    """Panels for the metrics that are asked for, or for the usual ones that at least one run has.

    Raises:
        UserError: no run has a metric of that name.
    """
    known = list(dict.fromkeys(name for run in runs for name in metric_names(run.rows)))
    if wanted is None:
        return [panel for panel in PANELS if panel.metric in known] or [Panel(name, name) for name in known]
    for name in wanted:
        if name not in known:
            raise UserError(f'--metrics: no run has a metric "{name}"; {nearest(name, known)}')
    usual = {panel.metric: panel for panel in PANELS}
    return [usual.get(name, Panel(name, name)) for name in dict.fromkeys(wanted)]
