"""Write a run's checkpoint as Hugging Face directories: `discriminator/` and `generator/`.

    python -m electra_pretrain.export_hf --model_dir runs/base_v3 --output exported
    python -m electra_pretrain.export_hf --model_dir runs/base_v3 --output exported --step 1000000 --dtype float16
    python -m electra_pretrain.export_hf --model_dir runs/base_v3 --output untrained --random
"""  # fmt: skip

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np

from electra_pretrain.cli.arguments import add_checkpoint, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.errors import UserError

if TYPE_CHECKING:
    from electra_pretrain.convert.hub import Hub


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("export_hf", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder of a run, made by run_pretraining")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the two directories")
    add_checkpoint(parser)
    parser.add_argument(
        "--random",
        action="store_true",
        help="instead of a checkpoint's, the random weights of the config's seed, as a baseline",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="of the weights written; trained are float32 ones (default %(default)s)",
    )
    parser.add_argument(
        "--license", default="unknown", help="the model card's licence, as the hub names it, such as apache-2.0"
    )
    parser.add_argument(
        "--push_to_hub",
        metavar="OWNER/NAME",
        help="then upload to the Hugging Face hub, as OWNER/NAME-discriminator and OWNER/NAME-generator; new ones are private",
    )
    return parser.parse_args(argv)


def export_hf(
    model_dir: str,
    output: str,
    step: int | None = None,
    average: int = 1,
    dtype: str = "float32",
    license: str = "unknown",
    random: bool = False,
) -> list[str]:
    """Export a checkpoint, the mean of several, or random weights; returns the directories written.

    Raises:
        UserError: no such run or checkpoint, or an output that cannot be written.
    """
    if average < 1:
        raise UserError(f"--average {average}: must be at least 1")
    if random and (step is not None or average > 1):
        raise UserError("--random: needs no checkpoint; leave out --step and --average")
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.checkpoint.average import read_mean
    from electra_pretrain.convert.example import run_examples
    from electra_pretrain.convert.hf_export import export, no_generator_because
    from electra_pretrain.convert.model_card import CardFacts
    from electra_pretrain.tokenization.tokenizer import file_name, load_tokenizer
    from electra_pretrain.train.metrics_log import last_metrics
    from electra_pretrain.train.run_folder import load_run

    about = load_run(model_dir)
    config = load_config(files.join(model_dir, CONFIG_NAME))
    weights = random_weights(config) if random else read_mean(model_dir, step, average)
    at_step = int(weights["global_step"])
    train_metrics, heldout_metrics = (last_metrics(model_dir, kind, at_step) for kind in ("train", "heldout"))
    tokenizer = load_tokenizer(files.join(model_dir, file_name(about["data"]["vocabulary"]["type"])), config.data.do_lower_case)
    facts = CardFacts(
        at_step,
        about["data"],
        about["versions"],
        train_metrics,
        heldout_metrics,
        average,
        about["hardware"],
        license,
        run_examples(weights, config, tokenizer),
    )
    written = export(output, weights, config, tokenizer, facts, dtype)
    if (reason := no_generator_because(config)) is not None:
        print(f"no generator is written: {reason}", file=sys.stderr)
    return written


def random_weights(config: Config) -> dict[str, np.ndarray]:
    """Released name -> value as a run of the config has them before its first step, and its `global_step`, 0."""
    from electra_pretrain.model.electra import Electra

    variables = Electra(config).named_variables()
    return {**{name: variable.numpy() for name, variable in variables.items()}, "global_step": np.int64(0)}


def open_hub(repo: str, output: str) -> "Hub":
    """The hub, once it is clear that it will take an upload; raises as `Hub`."""
    from electra_pretrain.convert.hub import Hub

    return Hub(repo, output)


def main() -> None:
    def command(args: argparse.Namespace) -> None:
        hub = open_hub(args.push_to_hub, args.output) if args.push_to_hub else None
        folders = export_hf(args.model_dir, args.output, args.step, args.average, args.dtype, args.license, args.random)
        print("\n".join([*folders, *(hub.push(folders) if hub else [])]))

    run_command("export_hf", parse_args, command)


if __name__ == "__main__":
    main()
