"""Compile a config's training step with the real TPU compiler, on any x86 Linux machine, before a TPU is paid for.

    python -m electra_pretrain.tpu_check --config base_v3.json --topology v3-8

Prints whether the step fits, what it computes and moves, and how long the compiler expects it to take. Takes minutes.
"""  # fmt: skip

import argparse
import json

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.config_arguments import add_config, add_step_check, chosen_phase
from electra_pretrain.cli.outputs import check_step_outputs
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.tpu.chips import SLICES, check_dtype, find_slice
from electra_pretrain.tpu.compiler import COMPILER
from electra_pretrain.tpu.report import describe


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("tpu_check", __doc__)
    add_config(parser)
    parser.add_argument("--topology", default="v3-8", metavar="NAME", help=f"one of {', '.join(SLICES)} (default %(default)s)")
    add_step_check(parser)
    return parser.parse_args(argv)


def tpu_check(args: argparse.Namespace) -> str:
    """Return what the compiler says, as text or as a JSON object.

    Raises:
        UserError: no such phase or TPU; or the step does not fit, cannot be compiled, or the compiler is not installed.
    """
    phase = chosen_phase(args)
    target = find_slice(args.topology)
    check_dtype(phase.config.training.compute_dtype)
    COMPILER.check_installed()
    check_step_outputs(args, "tpu_check")
    # Imported here, so that a mistake above is told at once.
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.convert.sources import teacher_of
    from electra_pretrain.train.step_cost import step_cost

    num_steps = phase.last_step - phase.first_step
    cost = step_cost(phase.config, target, num_steps, args.compiled, teacher_of(phase.config))
    return json.dumps(cost._asdict()) if args.json else describe(cost, num_steps, args.topology)


def main() -> None:
    run_command("tpu_check", parse_args, lambda args: print(tpu_check(args)))


if __name__ == "__main__":
    main()
