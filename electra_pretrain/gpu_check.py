"""Compile a config's training step for an NVIDIA GPU with XLA's own compiler, on any x86 Linux machine, before one is rented.

    python -m electra_pretrain.gpu_check --config base_v3.json --gpu a100-40gb --gpus 8

Prints whether the step fits, what it computes and moves, and how long that takes the card at least. Takes minutes.
"""  # fmt: skip

import argparse
import json

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.config_arguments import add_config, add_step_check, chosen_phase
from electra_pretrain.cli.outputs import check_step_outputs
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.gpu.cards import CARDS, find_card
from electra_pretrain.gpu.compiler import COMPILER
from electra_pretrain.gpu.report import describe


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("gpu_check", __doc__)
    add_config(parser)
    parser.add_argument("--gpu", default="a100-40gb", metavar="NAME", help=f"one of {', '.join(CARDS)} (default %(default)s)")
    parser.add_argument(
        "--gpus", type=int, default=1, metavar="N", help="how many of them share the batch (default %(default)s)"
    )
    add_step_check(parser)
    parser.add_argument(
        "--largest_batch", action="store_true", help="find how many rows fit, too: some three more compilations"
    )
    return parser.parse_args(argv)


def gpu_check(args: argparse.Namespace) -> str:
    """Return what can be said of the compiled step, as text or as a JSON object.

    Raises:
        UserError: no such phase or card; the batch cannot be split; or the step does not fit, cannot be compiled, or the
            compiler is not installed.
    """
    phase = chosen_phase(args)
    card = find_card(args.gpu)
    COMPILER.check_installed()
    check_step_outputs(args, "gpu_check")
    # Imported here, so that a mistake above is told at once.
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.convert.sources import teacher_of
    from electra_pretrain.train.gpu_cost import gpu_step_cost

    teacher = teacher_of(phase.config)
    num_steps = phase.last_step - phase.first_step
    cost = gpu_step_cost(phase.config, card, args.gpus, num_steps, args.compiled, args.largest_batch, teacher)
    return json.dumps(cost.as_json()) if args.json else describe(cost, num_steps, args.gpus)


def main() -> None:
    run_command("gpu_check", parse_args, lambda args: print(gpu_check(args)))


if __name__ == "__main__":
    main()
