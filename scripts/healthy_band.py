"""Write the curves of runs that went well into electra_pretrain/plot/healthy.json: plot_run's band, and since when runs learn.

    for seed in 0 1 2 3 4; do
        python -m electra_pretrain.quickstart --output healthy/$seed --set training.seed=$seed
    done
    python scripts/healthy_band.py tiny healthy/*/run

The recipe must have its entry there; its curves and the two steps that are read from them are replaced.
"""  # fmt: skip

import argparse
import json
import re
import statistics
from collections.abc import Callable
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.curves import curve
from electra_pretrain.plot.healthy import PATH
from electra_pretrain.train.metrics_log import read_rows
from electra_pretrain.train.signs import BETTER, OFF_CHANCE

METRICS = ("total_loss", "masked_lm_loss", "disc_loss", "disc_auc")
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("recipe", help="its name in healthy.json")
    parser.add_argument("runs", nargs="+", metavar="DIR", help="folder of a run; several seeds")
    args = parser.parse_args()
    content = json.loads(PATH.read_text(encoding="utf-8"))
    (entry,) = [recipe for recipe in content["recipes"] if recipe["name"] == args.recipe]
    runs = [[row for row in read_rows(folder) if row["kind"] == "train"] for folder in args.runs]
    entry["off_chance_by"] = max(_since(rows, lambda row: row["disc_auc"] > OFF_CHANCE) for rows in runs)
    entry["off_unigram_by"] = max(
        _since(rows, lambda row: row["masked_lm_loss"] < row["masked_lm_baseline_loss"] - BETTER) for rows in runs
    )
    entry["curves"] = {metric: _curves(runs, metric) for metric in METRICS}
    files.write_text(str(PATH), _text(content))


def _since(rows: list[Row], holds: Callable[[Row], bool]) -> int:
    """Return the first step from which on something holds in all that follows."""
    return next(int(row["step"]) for index, row in enumerate(rows) if all(map(holds, rows[index:])))


def _curves(runs: list[list[Row]], metric: str) -> dict[str, Any]:
    """Return a metric's curves, and a margin as wide as the runs lie apart: a few do not show the widest."""
    curves = [curve(rows, "train", metric) for rows in runs]
    steps = curves[0].steps.tolist()
    if any(other.steps.tolist() != steps for other in curves):
        raise UserError(f"{metric}: the runs have different steps; they must have the same training.iterations_per_loop")
    values = [[float(f"{value:.4g}") for value in each.values] for each in curves]
    apart = statistics.fmean(max(each) / min(each) for each in zip(*values, strict=True))
    return {"factor": round(max(apart, 1.02), 3), "steps": steps, "runs": values}


def _text(content: dict[str, Any]) -> str:
    """Write JSON with each list of numbers on a line of its own."""
    text = json.dumps(content, ensure_ascii=False, indent=2)
    return re.sub(r"\[\s+[-\d.,\s]+?\s+\]", lambda found: json.dumps(json.loads(found[0])), text) + "\n"


if __name__ == "__main__":
    main()
