"""Write the checkpoint of a run or an import as Hugging Face directories: `discriminator/` and `generator/`.

    python -m electra_pretrain.export_hf --model_dir runs/base_v3 --output exported
    python -m electra_pretrain.export_hf --model_dir imported --output exported
    python -m electra_pretrain.export_hf --model_dir runs/base_v3 --output exported --step 1000000 --dtype float16
    python -m electra_pretrain.export_hf --model_dir runs/base_v3 --output untrained --random
"""  # fmt: skip

import argparse
import re
from typing import TYPE_CHECKING

from electra_pretrain import __version__
from electra_pretrain.cli.arguments import add_checkpoint, command_parser
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, locks, tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import OutputFolder, check, files_of
from electra_pretrain.core.together import check_folder

KINDS = ("discriminator", "generator", "masked_lm")
OWN_NAMES = rf"(?:{'|'.join(KINDS)})/[^/]*\.(?:json|md|txt|model|safetensors)"

if TYPE_CHECKING:
    from electra_pretrain.convert.model_card import CardFacts
    from electra_pretrain.train.run_folder import About, Taught


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("export_hf", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder made by run_pretraining or import_checkpoint")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the two directories")
    add_overwrite(parser)
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


def export_hf(args: argparse.Namespace) -> list[str]:
    """Export a checkpoint, the mean of several, or random weights.

    Returns:
        The directories written, and where they were uploaded to.

    Raises:
        UserError: no such folder or checkpoint, weights, config and vocabulary that do not belong together, an output that
            cannot be written, or a hub that takes no upload.
    """
    if args.random and (args.step is not None or args.average > 1):
        raise UserError("--random: needs no checkpoint; leave out --step and --average")
    if not re.fullmatch(r"[\w.+-]+", args.license):
        raise UserError(f"--license {args.license}: must be one word, as the hub names it, such as apache-2.0")
    outputs = [OutputFolder("--output", files.join(args.output, kind)) for kind in KINDS]
    check(outputs, files_of("--model_dir", args.model_dir))
    check_folder("--output", args.output, "export_hf", OWN_NAMES, args.overwrite)
    from electra_pretrain.convert.hub import Hub

    # Before any work: what it refuses, it would refuse afterwards too.
    hub = Hub(args.push_to_hub, args.output) if args.push_to_hub else None
    tensorflow_startup.start_tensorflow()
    from electra_pretrain.checkpoint import vocabulary
    from electra_pretrain.checkpoint.listing import check_has
    from electra_pretrain.convert.run_export import export_hugging_face, random_weights, read_weights
    from electra_pretrain.train.run_folder import is_import, load_run

    vocabulary.check_folder(args.model_dir)
    about = None if is_import(args.model_dir) else load_run(args.model_dir)
    check_has(args.model_dir, CONFIG_NAME)
    config = load_config(files.join(args.model_dir, CONFIG_NAME))
    weights = random_weights(config) if args.random else read_weights(args.model_dir, config, args.step, args.average)
    facts = _card_facts(args, config, about, int(weights["global_step"]))
    with locks.held(args.output, "export_hf"):
        folders = export_hugging_face(args.model_dir, args.output, config, weights, facts, args.dtype, args.overwrite)
    return [*folders, *(hub.push(folders) if hub else [])]


def _card_facts(args: argparse.Namespace, config: Config, about: "About | None", step: int) -> "CardFacts":
    """Gather what the folder tells of the weights; `about` is what a run's says of itself, None for an import."""
    from electra_pretrain.checkpoint.imported import load_import
    from electra_pretrain.convert.model_card import CardFacts, Weights
    from electra_pretrain.train.metrics_log import last_metrics

    imported = load_import(args.model_dir)
    origin = imported.origin if imported else config.training.init_from
    if args.random or about is None or (imported is not None and step == imported.step):
        return CardFacts(
            step=step,
            manifest=about.data.to_dict() if about else None,
            versions={"electra_pretrain": __version__},
            train_metrics=None,
            heldout_metrics=None,
            license=args.license,
            weights=Weights.RANDOM if args.random else Weights.IMPORTED,
            origin=origin or args.model_dir,
            vocabulary=imported.vocabulary._asdict() if imported and imported.vocabulary else None,
        )
    return CardFacts(
        step=step,
        manifest=about.data.to_dict(),
        versions=about.versions,
        train_metrics=last_metrics(args.model_dir, "train", step),
        heldout_metrics=last_metrics(args.model_dir, "heldout", step),
        averaged=args.average,
        hardware=about.hardware,
        license=args.license,
        origin=origin,
        teacher=_said_of(about.teacher),
    )


def _said_of(teacher: "Taught | None") -> str:
    """Name a student's teacher and the layers that it began with."""
    return "" if teacher is None else f"{teacher.origin}, whose layers {', '.join(map(str, teacher.layers))} it began with"


def main() -> None:
    run_command("export_hf", parse_args, lambda args: print("\n".join(export_hf(args))))


if __name__ == "__main__":
    main()
