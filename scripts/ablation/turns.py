"""What a step of each variant takes: all of them in turns, so that a machine's moods meet every variant alike."""

from typing import TYPE_CHECKING

import numpy as np

from ablation.plan import Plan
from ablation.results import Cell
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.progress import Progress
from electra_pretrain.tpu import hosts

if TYPE_CHECKING:
    import tensorflow as tf

    from electra_pretrain.train.trainer import Trainer

STEPS = 25  # of a turn


def seconds_in_turns(plan: Plan, rounds: int) -> dict[str, float]:
    """Return variant -> seconds of a step on its own records, the median over the rounds; the first, which compiles, aside.

    The networks of all variants are held at once.
    """
    hosts.prepare(plan.tpu)
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.train.devices import make_strategy

    strategy = make_strategy(plan.tpu)
    variants = list(dict.fromkeys(cell.variant for cell in plan.cells()))
    runs = {variant: _begin(plan, variant, strategy) for variant in variants}
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    with Progress("time", (rounds + 1) * len(variants), "turns") as progress:
        for number in range(rounds + 1):
            for variant, (trainer, batches) in runs.items():
                loop = trainer.run_steps(batches, STEPS)
                if number:
                    seconds[variant].append((loop.ended - loop.began) / STEPS)
                progress.update(1)
    return {variant: float(np.median(found)) for variant, found in seconds.items()}


def _begin(plan: Plan, variant: str, strategy: "tf.distribute.Strategy") -> tuple["Trainer", "tf.data.Iterator"]:
    """Build a variant's networks and open its records."""
    from electra_pretrain.records.manifest import load_manifest
    from electra_pretrain.train.devices import compiles_steps, on_cpu
    from electra_pretrain.train.input import Source, shard_paths, training_batches
    from electra_pretrain.train.trainer import Trainer
    from electra_pretrain.train.word_pieces import read_continuations

    config = plan.config(Cell(plan.study, variant, 0))
    folder = plan.records(config.data.short_documents)
    source = Source(folder, load_manifest(folder))
    trainer = Trainer(
        config,
        source.manifest.vocabulary.special_ids,
        strategy,
        one_after_the_other=not on_cpu(strategy),
        compiled=compiles_steps(strategy),
        continues=read_continuations(config, source),
    )
    return trainer, training_batches(config, source.manifest, shard_paths(source, None), 0, strategy)
