"""Write a run's checkpoint for tools made for the released ELECTRA code: its names, `global_step`, and `vocab.txt` beside it.

    python -m electra_pretrain.export_tf1 --model_dir runs/base_v3 --output exported_tf1
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import add_checkpoint, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.errors import UserError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("export_tf1", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder of a run, made by run_pretraining")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the checkpoint")
    add_checkpoint(parser)
    parser.add_argument(
        "--keep_optimizer", action="store_true", help="Adam's moments too: three times the size, and training can go on from it"
    )
    return parser.parse_args(argv)


def export_tf1(model_dir: str, output: str, step: int | None = None, average: int = 1, keep_optimizer: bool = False) -> str:
    """Export a checkpoint, or the mean of several; returns its path without suffix.

    Raises:
        UserError: no such run or checkpoint, or an output that cannot be written.
    """
    if average < 1 or (average > 1 and keep_optimizer):
        raise UserError(
            f"--average {average}: must be at least 1; moments have no mean to go on from: leave out --keep_optimizer"
        )
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.checkpoint.average import read_mean
    from electra_pretrain.checkpoint.bundle import read
    from electra_pretrain.checkpoint.listing import find
    from electra_pretrain.convert.tf1 import write_tf1
    from electra_pretrain.tokenization.wordpiece import FILE_NAME, read_vocab

    config = load_config(files.join(model_dir, CONFIG_NAME))
    vocab = files.join(model_dir, FILE_NAME)
    if not files.exists(vocab):
        raise UserError(f"{vocab}: no such file; the released code knows WordPiece alone, not SentencePiece: use export_hf")
    tokens = read_vocab(vocab)
    values = read(find(model_dir, step)) if keep_optimizer else read_mean(model_dir, step, average)
    return write_tf1(output, int(values["global_step"]), values, config, tokens)


def main() -> None:
    def command(args: argparse.Namespace) -> None:
        print(export_tf1(args.model_dir, args.output, args.step, args.average, args.keep_optimizer))

    run_command("export_tf1", parse_args, command)


if __name__ == "__main__":
    main()
