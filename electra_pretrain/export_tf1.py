"""Write a checkpoint for tools made for the released ELECTRA code: its names, `global_step`, and `vocab.txt` beside it.

    python -m electra_pretrain.export_tf1 --model_dir runs/base_v3 --output exported_tf1
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import add_checkpoint, check_at_least, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("export_tf1", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder made by run_pretraining or import_checkpoint")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the checkpoint")
    add_checkpoint(parser)
    parser.add_argument(
        "--keep_optimizer", action="store_true", help="Adam's moments too: three times the size, and training can go on from it"
    )
    return parser.parse_args(argv)


def export_tf1(args: argparse.Namespace) -> str:
    """Export a checkpoint, or the mean of several; returns its path without suffix.

    Raises:
        UserError: no such folder or checkpoint, weights, config and vocabulary that do not belong together, or an output that
            cannot be written.
    """
    check_at_least(args, average=1)
    if args.average > 1 and args.keep_optimizer:
        raise UserError(f"--average {args.average}: moments have no mean to go on from; leave out --keep_optimizer")
    tensorflow_startup.start_tensorflow()
    from electra_pretrain.convert import run_export

    return run_export.export_tf1(args.model_dir, args.output, args.step, args.average, args.keep_optimizer)


def main() -> None:
    run_command("export_tf1", parse_args, lambda args: print(export_tf1(args)))


if __name__ == "__main__":
    main()
