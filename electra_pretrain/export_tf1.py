"""Write a checkpoint for tools made for the released ELECTRA code: its names, `global_step`, and `vocab.txt` beside it.

    python -m electra_pretrain.export_tf1 --model_dir runs/base_v3 --output exported_tf1
"""  # fmt: skip

import argparse

from electra_pretrain.checkpoint.listing import check_name
from electra_pretrain.cli.arguments import add_checkpoint, command_parser
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import locks, tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import OutputFolder, check, files_of
from electra_pretrain.core.together import check_folder

OWN_NAMES = r"model\.ckpt-\d+\..*|vocab\.txt|config\.json|checkpoint"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("export_tf1", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder made by run_pretraining or import_checkpoint")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the checkpoint")
    add_overwrite(parser)
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
    if args.average > 1 and args.keep_optimizer:
        raise UserError(f"--average {args.average}: moments have no mean to go on from; leave out --keep_optimizer")
    check_name(args.output, "--output")
    check([OutputFolder("--output", args.output)], files_of("--model_dir", args.model_dir))
    check_folder("--output", args.output, "export_tf1", OWN_NAMES, args.overwrite)
    tensorflow_startup.start_tensorflow()
    from electra_pretrain.convert import run_export

    with locks.held(args.output, "export_tf1"):
        return run_export.export_tf1(args.model_dir, args.output, args.step, args.average, args.keep_optimizer, args.overwrite)


def main() -> None:
    run_command("export_tf1", parse_args, lambda args: print(export_tf1(args)))


if __name__ == "__main__":
    main()
