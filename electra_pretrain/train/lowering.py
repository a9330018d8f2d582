"""One replica's training step as the program that a compiler is given; no device runs it."""

import dataclasses
import re

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.train.trainer import Trainer

# Which ids they are changes nothing in the program's shape.
_SPECIAL_IDS = SpecialIds(0, 1, 2, 3, 4)


def lower_step(config: Config, num_replicas: int) -> bytes:
    """A serialised HLO module: masks, samples, losses, gradients, clipping and the optimiser for one replica's rows.

    The sums over replicas are left out: one replica has nobody to exchange with.

    Raises:
        UserError: the step holds operations that the compiler cannot express (they are named).
    """
    rows = config.training.train_batch_size // num_replicas
    share = dataclasses.replace(config, training=dataclasses.replace(config.training, train_batch_size=rows))
    trainer = Trainer(share, _SPECIAL_IDS, tf.distribute.get_strategy(), one_after_the_other=True)
    ids = tf.zeros([rows, config.data.max_seq_length], tf.int32)
    batch = Batch(ids, ids, ids, tf.range(rows))
    step = tf.function(trainer.train_step, jit_compile=True)
    try:
        module: bytes = step.experimental_get_compiler_ir(batch)(stage="hlo_serialized")
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        raise UserError(f"the step cannot be compiled for a TPU: {_operations(str(error))}") from error
    return module


def _operations(message: str) -> str:
    """The operations that an error of the bridge names, or its first line."""
    found = sorted(set(re.findall(r"\{\{node ([^}]*)\}\}", message)))
    reason = message.strip().splitlines()[0]
    return f"{', '.join(found)} ({reason})" if found else reason
