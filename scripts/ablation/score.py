"""Score a run's checkpoints on held-out records, all runs under one objective; called by `cell.py` as a process of its own.

    python -m ablation.score --run RUN --data RECORDS --steps 500,1000 --batches 32 --output scores.json [--generator BASELINE]

Masks and samples depend on the row alone: every checkpoint of every run meets the same. With `--generator` the run's last
checkpoint also judges the replacements of another run's generator: a better generator of its own makes its task harder, and
its AUC lower, without its being a worse model.
"""  # fmt: skip

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast

from electra_pretrain.checkpoint.listing import find
from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.tpu import hosts

if TYPE_CHECKING:
    import tensorflow as tf

    from electra_pretrain.core.batch import SpecialIds
    from electra_pretrain.model.electra import Electra
    from electra_pretrain.train.input import HeldOut
    from electra_pretrain.train.trainer import Trainer

SHOWN = ("masked_lm_loss", "disc_loss", "disc_auc")
_PLAIN = ObjectiveConfig()
# What a run may have learnt under otherwise, and is scored under alike.
_ALIKE = ("mask_prob", "mask_prob_end", "masking", "temperature", "disallow_correct")


def main() -> None:
    run_command("score", parse_args, score)


def parse_args() -> argparse.Namespace:
    parser = command_parser("score", __doc__)
    parser.add_argument("--run", required=True, metavar="DIR")
    parser.add_argument("--data", required=True, metavar="DIR", help="records whose held-out ones are scored")
    parser.add_argument("--steps", required=True, help="of the checkpoints, ascending, with commas; may be empty")
    parser.add_argument("--batches", required=True, type=int, help="of eval_batch_size held-out records, at most")
    parser.add_argument("--generator", metavar="DIR", help="the run whose replacements are judged besides")
    parser.add_argument("--tpu", metavar="NAME")
    parser.add_argument("--output", required=True, metavar="FILE")
    return parser.parse_args()


def score(args: argparse.Namespace) -> None:
    """Write {"looks": [{"step", …}], "shared_auc": a number or null}.

    Raises:
        UserError: run and records do not fit together, or there is no such checkpoint.
    """
    hosts.prepare(args.tpu)
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.records.manifest import load_manifest
    from electra_pretrain.train.devices import make_strategy
    from electra_pretrain.train.input import Source, check_data, heldout_batches, shard_paths

    config = scored_alike(load_config(files.join(args.run, CONFIG_NAME)), args.batches)
    source = Source(args.data, load_manifest(args.data))
    check_data(config, source)
    strategy = make_strategy(args.tpu)
    batches = heldout_batches(config, source.manifest, shard_paths(source, None), strategy)
    assert batches is not None, "held-out records are asked for where they are built"
    special_ids = source.manifest.vocabulary.special_ids
    trainer = make_trainer(config, special_ids, strategy)
    looks = []
    for step in filter(None, args.steps.split(",")):
        restore(args.run, int(step), trainer)
        metrics = trainer.evaluate(batches)
        looks.append({"step": int(step), **{name: metrics[name] for name in SHOWN}})
    shared = None
    if args.generator is not None:
        restore(args.run, None, trainer)
        theirs = scored_alike(load_config(files.join(args.generator, CONFIG_NAME)), args.batches)
        shared = shared_auc(trainer, args.generator, make_trainer(theirs, special_ids, strategy), batches)
    files.write_text(args.output, json.dumps({"looks": looks, "shared_auc": shared}) + "\n")


def scored_alike(config: Config, batches: int) -> Config:
    """Return a run's config with what decides how it is scored in place of what it was trained under."""
    alike = {name: getattr(_PLAIN, name) for name in _ALIKE}
    return dataclasses.replace(
        config,
        objective=dataclasses.replace(config.objective, **alike),
        training=dataclasses.replace(config.training, num_eval_steps=batches, seed=0),
        data=dataclasses.replace(config.data, short_documents="apart"),
    )


def make_trainer(config: Config, special_ids: "SpecialIds", strategy: "tf.distribute.Strategy") -> "Trainer":
    from electra_pretrain.train.devices import compiles_steps
    from electra_pretrain.train.trainer import Trainer

    return Trainer(config, special_ids, strategy, compiled=compiles_steps(strategy))


def restore(run: str, step: int | None, trainer: "Trainer") -> None:
    """Assign what a checkpoint holds, None for the newest."""
    from electra_pretrain.checkpoint import variables

    variables.restore(find(run, step), trainer.variables())


def shared_auc(trainer: "Trainer", other_run: str, other: "Trainer", batches: "HeldOut") -> float:
    """Return the AUC of a trainer's discriminator on the samples of another run's generator."""
    restore(other_run, None, other)
    other.model = cast("Electra", _Crossed(other.model, trainer.model))
    return other.evaluate(batches)["disc_auc"]


class _Crossed:
    """The networks of two runs as if they were those of one, for scoring."""

    def __init__(self, generator: "Electra", discriminator: "Electra") -> None:
        self._generator, self._discriminator = generator, discriminator

    def generator_logits(self, *arguments: Any, **named: Any) -> Any:
        return self._generator.generator_logits(*arguments, **named)

    def discriminator_logits(self, *arguments: Any, **named: Any) -> Any:
        return self._discriminator.discriminator_logits(*arguments, **named)


if __name__ == "__main__":
    main()
