"""Make a folder that run_pretraining starts from: weights from Hugging Face models, or from a TensorFlow 1 checkpoint.

    python -m electra_pretrain.import_checkpoint --discriminator koelectra-discriminator \\
        --generator koelectra-generator --output runs/domain
    python -m electra_pretrain.import_checkpoint --tf1 koelectra_base_v3 --output runs/domain --terms terms.txt
    run_pretraining --config runs/domain/config.json --data data --model_dir runs/domain
"""  # fmt: skip

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from electra_pretrain.cli.arguments import add_overrides, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config, to_text
from electra_pretrain.config.schema import Config, DataConfig
from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.errors import UserError

if TYPE_CHECKING:
    from electra_pretrain.checkpoint.pretrained import Pretrained


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("import_checkpoint", __doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--discriminator", metavar="DIR", help="Hugging Face model: model.safetensors or pytorch_model.bin")
    source.add_argument(
        "--tf1", metavar="PREFIX|DIR", help="checkpoint of the released code, as model.ckpt-1000; or a folder: its newest"
    )
    parser.add_argument("--generator", metavar="DIR", help="the discriminator's generator (default: a fresh one)")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to make; the --model_dir of the run to come")
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
        UserError: the source is damaged or no ELECTRA, or does not fit the config; or the output holds checkpoints already.
    """
    _check_arguments(args)
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.checkpoint.listing import steps
    from electra_pretrain.checkpoint.pretrained import check_config
    from electra_pretrain.convert.hf_import import read_pair
    from electra_pretrain.convert.tf1 import read_tf1

    if steps(args.output):
        raise UserError(f"{args.output}: holds checkpoints already; choose another --output")
    pretrained = read_tf1(args.tf1) if args.tf1 else read_pair(args.discriminator, args.generator)
    if args.terms or args.vocab:
        pretrained = _extended(pretrained, args)
    config = load_config(args.config, args.set) if args.config else derived_config(pretrained)
    check_config(pretrained, config)
    return _write(pretrained, config, args.output, args.keep_optimizer)


def _check_arguments(args: argparse.Namespace) -> None:
    if args.generator and not args.discriminator:
        raise UserError("--generator: goes with --discriminator; a TensorFlow 1 checkpoint holds both networks")
    if args.set and not args.config:
        raise UserError("--set: changes a --config; without one, change the config.json that is written")
    if args.keep_optimizer and (args.terms or args.vocab):
        raise UserError("--keep_optimizer: new rows have no moments; leave it out, or the new vocabulary")


def derived_config(pretrained: "Pretrained") -> Config:
    """A config with the source's sizes; the rest has the package's defaults."""
    sections: dict[str, Any] = {"notes": f"Sizes of {pretrained.origin}; everything else by default."}
    for field, value in pretrained.fields.items():
        section, name = field.split(".")
        sections.setdefault(section, {})[name] = value
    if "num_attention_heads" not in sections["model"]:
        heads = max(1, sections["model"]["hidden_size"] // 64)
        sections["model"]["num_attention_heads"] = heads
        _say(
            f"the source does not say how many attention heads it has; taken: {heads}, one for each 64 of hidden_size; "
            "if that is wrong, give --config"
        )
    longest = sections["model"]["max_position_embeddings"]
    sections["data"]["max_seq_length"] = min(DataConfig.max_seq_length, longest)
    return Config.from_dict(sections, f"config of {pretrained.origin}")


def _extended(pretrained: "Pretrained", args: argparse.Namespace) -> "Pretrained":
    from electra_pretrain.convert.extension import extend
    from electra_pretrain.tokenization.edit import with_terms
    from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer, read_vocab

    old = pretrained.tokens
    if old is None:
        raise UserError(
            f"{pretrained.origin}: has no vocab.txt; without it no new vocabulary can be told to extend the old one"
        )
    if args.vocab:
        tokens = read_vocab(args.vocab)
    else:
        tokens = with_terms(WordPieceTokenizer(old, pretrained.fields.get("data.do_lower_case", False)), args.terms, grow=True)
    extended = extend(pretrained, tokens)
    replaced = sum(new != token for new, token in zip(tokens, old, strict=False))
    added = len(tokens) - len(old)
    _say(f"{replaced} [unusedN] became terms, {added} rows were added; each starts at the mean of its old pieces")
    return extended


def _write(pretrained: "Pretrained", config: Config, output: str, keep_optimizer: bool) -> str:
    from electra_pretrain.checkpoint.bundle import save
    from electra_pretrain.checkpoint.pretrained import assign, is_optimizer_value
    from electra_pretrain.checkpoint.variables import to_host
    from electra_pretrain.model.electra import Electra
    from electra_pretrain.tokenization.wordpiece import FILE_NAME, vocab_text
    from electra_pretrain.train.optimizer import AdamW

    if keep_optimizer and not any(map(is_optimizer_value, pretrained.values)):
        raise UserError(f"{pretrained.origin}: has no moments to go on with; leave out --keep_optimizer")
    model = Electra(config)
    optimizer = AdamW(model.named_variables(), config.optimizer)
    variables = {**model.named_variables(), **optimizer.moments, "global_step": optimizer.global_step}
    if not assign(pretrained, variables if keep_optimizer else model.named_variables()):
        _say(f"{pretrained.origin} has no generator: a fresh one is written, from training.seed = {config.training.seed}")
    files.make_dirs(output)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, init_from=""))
    files.write_text(files.join(output, CONFIG_NAME), to_text(config))
    if pretrained.tokens is None:
        _say("the source has no vocab.txt: that the records' vocabulary is the right one cannot be checked")
    else:
        files.write_text(files.join(output, FILE_NAME), vocab_text(pretrained.tokens))
    _say(f"weights of {pretrained.origin}; moments and step " + ("too" if keep_optimizer else "begin anew"))
    # Last: without it the folder holds no import.
    step = int(optimizer.global_step.numpy())
    return save(output, step, to_host(variables), keep=1)


def _say(text: str) -> None:
    print(f"import_checkpoint: {text}", file=sys.stderr, flush=True)


def main() -> None:
    run_command("import_checkpoint", parse_args, lambda args: print(import_checkpoint(args)))


if __name__ == "__main__":
    main()
