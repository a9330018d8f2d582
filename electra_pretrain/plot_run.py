"""Draw one or several pretraining runs, finished or still going: a picture, or a page with tables.

    python -m electra_pretrain.plot_run runs/base_v3 runs/other --output curves.html
"""  # fmt: skip

import argparse
import os

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.curves import Run, labels, metric_names
from electra_pretrain.plot.figure import render
from electra_pretrain.plot.page import page
from electra_pretrain.plot.panels import choose_panels
from electra_pretrain.train.metrics_log import METRICS_NAME, read_rows

SUFFIXES = (".png", ".html")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("plot_run", __doc__)
    parser.add_argument("runs", nargs="+", metavar="DIR", help="folder of a run, made by run_pretraining")
    parser.add_argument("--output", required=True, metavar="FILE", help="FILE.png, or FILE.html: drawing and tables in one")
    parser.add_argument(
        "--metrics", metavar="NAME,NAME", help="draw these, by their names in metrics.jsonl (default: the usual)"
    )
    parser.add_argument("--from_step", type=int, default=0, metavar="N", help="draw from this step on")
    parser.add_argument(
        "--smoothing",
        type=float,
        default=0.5,
        help="share of its past that each point of a training curve keeps; 0: none (default %(default)s)",
    )
    return parser.parse_args(argv)


def plot_run(args: argparse.Namespace) -> str:
    """Write the drawing; returns a line that says what it holds.

    Raises:
        UserError: an argument, a run's folder or the output will not do, or matplotlib is not installed.
    """
    suffix = os.path.splitext(args.output)[1].lower()
    if suffix not in SUFFIXES:
        raise UserError(f"--output {args.output}: must end in {' or '.join(SUFFIXES)}")
    if not 0 <= args.smoothing < 1:
        raise UserError(f"--smoothing {args.smoothing}: must be at least 0 and below 1")
    if args.from_step < 0:
        raise UserError(f"--from_step {args.from_step}: must be 0 or more")
    runs = [load_run(folder, label) for folder, label in zip(args.runs, labels(args.runs), strict=True)]
    wanted = None if args.metrics is None else [name.strip() for name in args.metrics.split(",")]
    panels = choose_panels(runs, wanted)
    reached = max(row["step"] for run in runs for row in run.rows if any(panel.metric in row for panel in panels))
    if args.from_step > reached:
        raise UserError(f"--from_step {args.from_step}: no run has come so far; the last step to draw is {reached}")
    if suffix == ".png":
        content = render(runs, panels, args.smoothing, args.from_step, "png")
    else:
        content = page(runs, render(runs, panels, args.smoothing, args.from_step, "svg")).encode("utf-8")
    files.make_dirs(os.path.dirname(args.output) or ".")
    files.write_bytes(args.output, content)
    return f"{args.output}: {', '.join(panel.metric for panel in panels)}"


def load_run(folder: str, label: str) -> Run:
    """A run's metrics and config.

    Raises:
        UserError: the folder holds no metrics.
    """
    path = files.join(folder, METRICS_NAME)
    if not files.exists(path):
        raise UserError(f"{path}: no such file; {folder} is not the --model_dir of a run, or the run has only begun")
    rows = read_rows(folder)
    if not metric_names(rows):
        raise UserError(f"{path}: holds no metrics yet; they come with the run's first training.iterations_per_loop steps")
    return Run(label, rows, _config(folder))


def _config(folder: str) -> Config | None:
    """The run's config; a run of another version, whose config this one cannot read, is drawn all the same."""
    path = files.join(folder, CONFIG_NAME)
    try:
        return load_config(path) if files.exists(path) else None
    except UserError:
        return None


def main() -> None:
    run_command("plot_run", parse_args, lambda args: print(plot_run(args)))


if __name__ == "__main__":
    main()
