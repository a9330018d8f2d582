"""Draw one or several pretraining runs, finished or still going: a picture, or a page with tables.

    python -m electra_pretrain.plot_run runs/base_v3 runs/other --output curves.html
"""  # fmt: skip

import argparse
import os

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.marks import made_by
from electra_pretrain.core.outputs import Input, OutputFile, check
from electra_pretrain.evaluation.runs import load_runs
from electra_pretrain.plot.chart import check_installed
from electra_pretrain.plot.healthy import band_of
from electra_pretrain.plot.run_page import draw_runs
from electra_pretrain.train.health import signs_of
from electra_pretrain.train.metrics_log import METRICS_NAME

SUFFIXES = (".png", ".html")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("plot_run", __doc__)
    parser.add_argument("runs", nargs="+", metavar="DIR", help="folder of a run, made by run_pretraining")
    parser.add_argument("--output", required=True, metavar="FILE", help="FILE.png, or FILE.html: drawing and tables in one")
    add_overwrite(parser)
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
    """Write the drawing, and return a line that says what it holds, and what the runs' metrics tell of their health.

    Raises:
        UserError: an argument, a run's folder or the output will not do, or matplotlib is not installed.
    """
    suffix = os.path.splitext(args.output)[1].lower()
    if suffix not in SUFFIXES:
        raise UserError(f"--output {args.output}: must end in {' or '.join(SUFFIXES)}")
    check_installed()
    # What a run's folder is read for; its drawings may lie there too.
    read = [Input("the run", files.join(folder, name)) for folder in args.runs for name in (CONFIG_NAME, METRICS_NAME)]
    check([OutputFile("--output", args.output, made_by("plot_run"))], read, args.overwrite)
    metrics = None if args.metrics is None else [name.strip() for name in args.metrics.split(",")]
    runs = load_runs(args.runs)
    health = [(run.label, sentence) for run in runs for sentence in (*signs_of(run), band_of(run))]
    drawing = draw_runs(runs, metrics, args.smoothing, args.from_step, suffix == ".html", health)
    files.make_parent(args.output)
    files.write_bytes(args.output, drawing.content)
    return "\n".join([f"{args.output}: {', '.join(drawing.metrics)}", *(f"{label}: {sentence}" for label, sentence in health)])


def main() -> None:
    run_command("plot_run", parse_args, lambda args: print(plot_run(args)))


if __name__ == "__main__":
    main()
