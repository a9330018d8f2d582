"""What one replica's training step costs on an NVIDIA GPU, by XLA's compiler for it: nothing of it is run."""

import dataclasses
import logging
from collections.abc import Callable

from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.config.schema import Config
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.cards import Card
from electra_pretrain.gpu.compiler import COMPILER, compile_for
from electra_pretrain.gpu.report import StepCost, check_fit
from electra_pretrain.train.input import check_replicas
from electra_pretrain.train.step_cost import lower_step, smaller_steps

_TRIES = 4
# Tensor cores take rows by eights.
_ROUND = 8
_log = logging.getLogger(__name__)


def check_config(config: Config, card: Card, num_gpus: int) -> None:
    """Refuse what cannot be trained on such cards, before anything is compiled.

    Raises:
        UserError: the batch cannot be split, or the card does not know the type that the config computes in.
    """
    check_replicas(config, num_gpus)
    if config.training.compute_dtype == "bfloat16" and not card.has_bfloat16:
        raise UserError(
            f"training.compute_dtype = bfloat16: a {card.name} has no bfloat16 (compute capability "
            f"{'{}.{}'.format(*card.architecture.capability)}, it needs 8.0); add --set training.compute_dtype=float16"
        )


def gpu_step_cost(
    config: Config,
    card: Card,
    num_gpus: int,
    num_steps: int,
    compiled_path: str | None = None,
    find_batch: bool = False,
    teacher: Teacher | None = None,
) -> StepCost:
    """Compile the config's step for a GPU.

    Args:
        config: the experiment, or a phase of it.
        card: the GPU.
        num_gpus: how many of it share the batch.
        num_steps: how many steps the hours are for.
        compiled_path: where to write the compiled program.
        find_batch: whether to find the largest batch, which takes two or three more compilations.
        teacher: a student's.

    Raises:
        UserError: the step does not fit (the largest buffers and what to change are named), cannot be compiled or trained on
            such cards, or the compiler is not installed.
    """
    COMPILER.check_installed()
    check_config(config, card, num_gpus)
    with tensorflow_startup.stderr_aside():
        module = lower_step(config, num_gpus, for_gpu=True, teacher=teacher)
    cost = compile_for(card, module, config.training.compute_dtype, num_steps, compiled_path)
    half = "bfloat16" if card.has_bfloat16 else "float16"
    ways = smaller_steps(config, num_gpus, cost.memory_gb / cost.usable_gb, half)
    if find_batch:
        batch = _largest_batch(config, card, num_gpus, cost, teacher)
        cost = cost._replace(largest_batch=batch)
        ways = f"{ways} (at most {batch} rows a replica at once)"
    check_fit(cost, ways)
    return cost


def _largest_batch(config: Config, card: Card, num_gpus: int, cost: StepCost, teacher: Teacher | None) -> int:
    """Find how many rows of the config fit a replica without accumulation."""
    training = config.training
    rows = training.train_batch_size // num_gpus
    known = {rows: cost.memory_gb} if training.gradient_accumulation_steps == 1 else {}
    first = max(rows // training.gradient_accumulation_steps, 2 * _ROUND)
    return search_batch(first, known, cost.usable_gb, lambda size: _memory(config, card, size, teacher))


def search_batch(first: int, known: dict[int, float], usable_gb: float, memory_of: Callable[[int], float]) -> int:
    """Find how many rows fit a replica: memory grows by about as much with each, so that two sizes tell where to look.

    What is found has been compiled, and fits; a few rows more may fit too. From eight rows on it is a multiple of eight.

    Args:
        first: where to begin.
        known: what some sizes need, in GB.
        usable_gb: what there is.
        memory_of: compiles a step of so many rows and returns what it needs, in GB.

    Returns:
        rows; 0 if not one fits.
    """
    known = dict(known)
    unknown = [size for size in (first, first // 2) if size not in known]
    known.update((size, memory_of(size)) for size in unknown[: 2 - len(known)])
    for _ in range(_TRIES):
        guess = _by_line(known, usable_gb)
        if not guess or guess in known:
            break
        _log.info("looking for the largest batch: %d rows", guess)
        known[guess] = memory_of(guess)
        if known[guess] <= usable_gb:
            break
    return max((size for size, memory in known.items() if memory <= usable_gb), default=0)


def _by_line(known: dict[int, float], usable_gb: float) -> int:
    """Return the rows at which a line through the two sizes next to what there is reaches it.

    It stays below all that are known not to fit, and is no fewer than the most that are known to fit.
    """
    low, high = sorted(sorted(known, key=lambda size: abs(known[size] - usable_gb))[:2])
    growth = max((known[high] - known[low]) / (high - low), 1e-6)
    rows = int(low + (usable_gb - known[low]) / growth)
    rows = min([rows, *(size - 1 for size, memory in known.items() if memory > usable_gb)])
    rows -= rows % _ROUND if rows >= _ROUND else 0
    return max([0, rows, *(size for size, memory in known.items() if memory <= usable_gb)])


def _memory(config: Config, card: Card, rows: int, teacher: Teacher | None) -> float:
    """Compile a step of so many rows on one GPU, without accumulation, and return what it needs, in GB."""
    training = dataclasses.replace(config.training, train_batch_size=rows, gradient_accumulation_steps=1)
    with tensorflow_startup.stderr_aside():
        module = lower_step(dataclasses.replace(config, training=training), 1, for_gpu=True, teacher=teacher)
    return compile_for(card, module, training.compute_dtype, 1).memory_gb
