"""Make a folder that run_pretraining starts from: weights from Hugging Face models, or from a TensorFlow 1 checkpoint.

    python -m electra_pretrain.import_checkpoint --discriminator koelectra-discriminator \\
        --generator koelectra-generator --output runs/domain
    python -m electra_pretrain.import_checkpoint --tf1 koelectra_base_v3 --output runs/domain --terms terms.txt
    run_pretraining --config runs/domain/config.json --data data --model_dir runs/domain
"""  # fmt: skip

import argparse

from electra_pretrain.checkpoint.listing import INDEX_SUFFIX, check_name, steps
from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.config_arguments import add_overrides
from electra_pretrain.cli.outputs import add_overwrite, named_file
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import load_config
from electra_pretrain.core import files, locks, tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import Input, OutputFolder, check, files_of
from electra_pretrain.core.together import check_folder


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("import_checkpoint", __doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--discriminator", metavar="DIR", help="Hugging Face model: model.safetensors or pytorch_model.bin")
    source.add_argument(
        "--tf1", metavar="PREFIX|DIR", help="checkpoint of the released code, as model.ckpt-1000; or a folder: its newest"
    )
    parser.add_argument("--generator", metavar="DIR", help="the discriminator's generator (default: a fresh one)")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to make; the --model_dir of the run to come")
    add_overwrite(parser)
    parser.add_argument(
        "--config",
        metavar="NAME|FILE",
        help="the run's config, held against the source (default: one with the source's sizes and the defaults of the rest)",
    )
    add_overrides(parser, of="--config")
    parser.add_argument(
        "--keep_optimizer",
        action="store_true",
        help="take over Adam's moments and the step too, and go on with them (default: both begin anew)",
    )
    parser.add_argument(
        "--max_position_embeddings",
        type=int,
        metavar="N",
        help="without --config: longer rows than the source's; position p begins as the source's p mod its number of positions",
    )
    vocabulary = parser.add_mutually_exclusive_group()
    vocabulary.add_argument(
        "--terms",
        metavar="FILE",
        help="words of a domain, one a line, to be put into [unusedN] and behind the vocabulary's end",
    )
    vocabulary.add_argument(
        "--vocab", metavar="FILE", help="a vocabulary that extends the source's: other tokens for [unusedN], lines at the end"
    )
    return parser.parse_args(argv)


def import_checkpoint(args: argparse.Namespace) -> str:
    """Import weights; returns the path of the checkpoint written, without suffix.

    Raises:
        UserError: the source is damaged or no ELECTRA, or does not fit the config; or the output holds checkpoints of a run.
    """
    _check(args)
    tensorflow_startup.start_tensorflow()
    from electra_pretrain.convert.extension import extend_by_terms, extend_to_vocab
    from electra_pretrain.convert.hf_import import read_pair
    from electra_pretrain.convert.positions import as_long_as, extend_positions
    from electra_pretrain.convert.run_import import import_weights
    from electra_pretrain.convert.source_config import derive_config
    from electra_pretrain.convert.tf1 import read_tf1

    pretrained = read_tf1(args.tf1) if args.tf1 else read_pair(args.discriminator, args.generator)
    if args.terms:
        pretrained = extend_by_terms(pretrained, args.terms)
    elif args.vocab:
        pretrained = extend_to_vocab(pretrained, args.vocab)
    if args.max_position_embeddings is not None:
        pretrained = extend_positions(pretrained, args.max_position_embeddings)
    config = load_config(args.config, args.set) if args.config else derive_config(pretrained)
    pretrained = as_long_as(pretrained, config)
    with locks.held(args.output, "import_checkpoint"):
        return import_weights(pretrained, config, args.output, args.keep_optimizer, args.overwrite)


def _check(args: argparse.Namespace) -> None:
    if args.generator and not args.discriminator:
        raise UserError("--generator: goes with --discriminator; a TensorFlow 1 checkpoint holds both networks")
    if args.set and not args.config:
        raise UserError("--set: changes a --config; without one, change the config.json that is written")
    if args.config and args.max_position_embeddings is not None:
        raise UserError(
            "--max_position_embeddings: is for an import without --config; with one, add --set "
            f"model.max_position_embeddings={args.max_position_embeddings}"
        )
    if args.keep_optimizer and (args.terms or args.vocab):
        raise UserError("--keep_optimizer: new rows have no moments; leave it out, or the new vocabulary")
    check_name(args.output, "--output")
    if steps(args.output) and not _is_import(args.output):
        raise UserError(f"{args.output}: holds checkpoints of a run; choose another --output")
    check([OutputFolder("--output", args.output)], _inputs(args))
    check_folder("--output", args.output, "import_checkpoint", r"vocab\.txt|spm\.model|config\.json|run\.json", args.overwrite)
    if args.config:
        load_config(args.config, args.set)


def _is_import(folder: str) -> bool:
    tensorflow_startup.start_tensorflow()
    from electra_pretrain.train.run_folder import is_import

    return is_import(folder)


def _inputs(args: argparse.Namespace) -> list[Input]:
    """Return what is read: files, and of folders the files in them, beside which the import may come to lie."""
    found = [Input("--terms", args.terms), Input("--vocab", args.vocab), named_file("--config", args.config)]
    for option in ("discriminator", "generator", "tf1"):
        path = getattr(args, option)
        if path is not None and files.is_dir(path):
            found += files_of(f"--{option}", path)
        elif path is not None:
            found.append(Input(f"--{option}", path.removesuffix(INDEX_SUFFIX) + INDEX_SUFFIX))
    return found


def main() -> None:
    run_command("import_checkpoint", parse_args, lambda args: print(import_checkpoint(args)))


if __name__ == "__main__":
    main()
