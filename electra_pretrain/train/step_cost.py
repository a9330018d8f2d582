"""One replica's training step as a program for a compiler; and its cost on a TPU, by its real one. Nothing is run."""

import dataclasses
import re

import tensorflow as tf

from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.config.schema import Config
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.errors import UserError, reason_of
from electra_pretrain.model.kernels import gpu_program, tpu_program
from electra_pretrain.tpu.chips import Slice
from electra_pretrain.tpu.compiler import COMPILER, compile_for
from electra_pretrain.tpu.report import StepCost
from electra_pretrain.train.input import check_replicas
from electra_pretrain.train.metrics import Sums
from electra_pretrain.train.teacher import check_teacher
from electra_pretrain.train.token_counts import any_token_weights
from electra_pretrain.train.trainer import Trainer
from electra_pretrain.train.word_pieces import any_continuations
from electra_pretrain.xla.report import OutOfMemory

# Which ids they are changes nothing in the program's shape.
_SPECIAL_IDS = SpecialIds(0, 1, 2, 3, 4)


def step_cost(
    config: Config, target: Slice, num_steps: int, compiled_path: str | None = None, teacher: Teacher | None = None
) -> StepCost:
    """Compile the config's step for a TPU.

    Args:
        config: the experiment, or a phase of it.
        target: the TPU.
        num_steps: how many steps the hours are for.
        compiled_path: where to write the compiled program.
        teacher: a student's.

    Raises:
        UserError: the step does not fit (the largest buffers and what to change are named), cannot be compiled, or the
            compiler is not installed.
    """
    COMPILER.check_installed()
    check_replicas(config, target.replicas)
    with tensorflow_startup.stderr_aside():
        module = lower_step(config, target.replicas, target.generation, teacher=teacher)
    try:
        return compile_for(target, module, num_steps, compiled_path)
    except OutOfMemory as error:
        raise UserError(f"{error}; try {smaller_steps(config, target.replicas)} (or a slice with more memory)") from error


def smaller_steps(config: Config, replicas: int, factor: float = 2.0, half: str = "bfloat16") -> str:
    """Name what makes a step take less memory, the least harm first.

    Args:
        config: the experiment, or a phase of it.
        replicas: how many devices share the batch.
        factor: how many times too large the step is.
        half: the type of 16 bits that the device computes in.
    """
    training = config.training
    rows, parts = training.train_batch_size // replicas // training.gradient_accumulation_steps, 2
    while parts < factor:
        parts *= 2
    ways = []
    if not rows % parts:
        ways.append(f"--set training.gradient_accumulation_steps={parts * training.gradient_accumulation_steps}")
    if not training.remat:
        ways.append("--set training.remat=true")
    if training.compute_dtype == "float32":
        ways.insert(0, f"--set training.compute_dtype={half}")
    return ", ".join([*ways, "a smaller training.train_batch_size"])


def lower_step(
    config: Config, num_replicas: int, generation: str = "", for_gpu: bool = False, teacher: Teacher | None = None
) -> bytes:
    """Lower one replica's step to a serialised HLO module: masks, samples, losses, gradients, clipping and the optimiser.

    The sums over replicas are left out: one replica has nobody to exchange with.

    Args:
        config: the experiment, or a phase of it.
        num_replicas: how many share the batch.
        generation: of the TPU, "" for any.
        for_gpu: in the form that is compiled for GPUs; else in a TPU's.
        teacher: a student's.

    Raises:
        UserError: the step holds operations that the compiler cannot express (they are named).
    """
    rows = config.training.train_batch_size // num_replicas
    share = dataclasses.replace(config, training=dataclasses.replace(config.training, train_batch_size=rows))
    if teacher is not None:
        check_teacher(teacher, config)
    trainer = Trainer(
        share,
        _SPECIAL_IDS,
        tf.distribute.get_strategy(),
        one_after_the_other=True,
        continues=any_continuations(config),
        token_weights=any_token_weights(config),
        teacher=teacher,
    )
    ids = tf.zeros([rows, config.data.max_seq_length], tf.int32)
    batch = Batch(ids, ids, ids, tf.range(rows))

    def train_step(batch: Batch) -> Sums:  # arguments left to their defaults are more than what follows can bind
        with gpu_program() if for_gpu else tpu_program(generation):
            return trainer.update(batch)

    step = tf.function(train_step, jit_compile=True)
    try:
        module: bytes = step.experimental_get_compiler_ir(batch)(stage="hlo_serialized")
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        raise UserError(f"the step cannot be compiled as one program: {_operations(str(error))}") from error
    return module


def _operations(message: str) -> str:
    """Return the operations that an error of the bridge names, or its first line."""
    found = sorted(set(re.findall(r"\{\{node ([^}]*)\}\}", message)))
    reason = reason_of(message)
    return f"{', '.join(found)} ({reason})" if found else reason
