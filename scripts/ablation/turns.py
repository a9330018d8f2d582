"""What a step of each of several runs takes: all in turns, so that a machine's moods meet every run alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from electra_pretrain.config.schema import Config
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.progress import Progress
from electra_pretrain.tpu import hosts

if TYPE_CHECKING:
    import tensorflow as tf

    from electra_pretrain.train.trainer import Trainer

STEPS = 25  # of a turn


class Run(NamedTuple):
    """What is timed: a config, a teacher's weights among it, and the folder of its records."""

    config: Config
    records: str


def seconds_in_turns(runs: Mapping[str, Run], rounds: int, tpu: str | None = None) -> dict[str, float]:
    """Return name -> seconds of a step on its own records, the median over the rounds; the first, which compiles, aside.

    The networks of all are held at once.
    """
    hosts.prepare(tpu)
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.train.devices import make_strategy

    strategy = make_strategy(tpu)
    begun = {name: _begin(run, strategy) for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with Progress("time", (rounds + 1) * len(runs), "turns") as progress:
        for number in range(rounds + 1):
            for name, (trainer, batches) in begun.items():
                loop = trainer.run_steps(batches, STEPS)
                if number:
                    seconds[name].append((loop.ended - loop.began) / STEPS)
                progress.update(1)
    return {name: float(np.median(found)) for name, found in seconds.items()}


def _begin(run: Run, strategy: "tf.distribute.Strategy") -> tuple["Trainer", "tf.data.Iterator"]:
    """Build a run's networks and open its records."""
    from electra_pretrain.convert.sources import teacher_of
    from electra_pretrain.records.manifest import load_manifest
    from electra_pretrain.train.devices import compiles_steps, on_cpu
    from electra_pretrain.train.input import Source, shard_paths, training_batches
    from electra_pretrain.train.token_counts import read_token_weights
    from electra_pretrain.train.trainer import Trainer
    from electra_pretrain.train.word_pieces import read_continuations

    config, source = run.config, Source(run.records, load_manifest(run.records))
    trainer = Trainer(
        config,
        source.manifest.vocabulary.special_ids,
        strategy,
        one_after_the_other=not on_cpu(strategy),
        compiled=compiles_steps(strategy),
        continues=read_continuations(config, source),
        token_weights=read_token_weights(config, source),
        teacher=teacher_of(config),
    )
    return trainer, training_batches(config, source.manifest, shard_paths(source, None), 0, strategy)
