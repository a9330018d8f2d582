"""What the compiled program holds, as numbers for people: memory, work, expected time, or why the step does not fit."""

import re
from typing import Any, NamedTuple

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError, reason_of
from electra_pretrain.core.progress import duration
from electra_pretrain.gpu.cards import Card, larger_than
from electra_pretrain.gpu.memory import Held
from electra_pretrain.xla.report import OutOfMemory, held_bytes, lines


class StepCost(NamedTuple):
    """One replica's step, as compiled.

    Attributes:
        gpu: the card's name.
        memory_gb: arguments, results and temporaries, in 10^9 bytes.
        memory_of_device_gb: what the card has.
        usable_gb: what TensorFlow gives to a program of it.
        weights_and_optimizer_gb: the part that stays between steps.
        kernels: launches.
        gb_moved: bytes that all kernels read and write, at most, in 10^9.
        tflop: floating-point operations of matrix products, in 10^12.
        estimated_step_s: the sum over kernels of the longer of two times: of their bytes and of their products.
        bandwidth_s: time of all bytes.
        arithmetic_s: time of all products.
        xla_model_s: the estimate, with XLA's cost model in place of bytes for kernels that it has a figure for.
        unknown_loops: loops that were counted as running once, as the compiler does not know how often they do.
        share_of_peak: tflop over what the card could do in the estimated time.
        hours: of all steps.
        largest_batch: rows of one replica's microbatch that fit; None where that was not asked.
        largest: what takes most of the memory when it is fullest.
    """

    gpu: str
    memory_gb: float
    memory_of_device_gb: float
    usable_gb: float
    weights_and_optimizer_gb: float
    kernels: int
    gb_moved: float
    tflop: float
    estimated_step_s: float
    bandwidth_s: float
    arithmetic_s: float
    xla_model_s: float
    unknown_loops: int
    share_of_peak: float
    hours: float
    largest_batch: int | None
    largest: tuple[Held, ...]

    @property
    def fits(self) -> bool:
        return self.memory_gb <= self.usable_gb

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name, the buffers too."""
        return {**self._asdict(), "largest": [held._asdict() for held in self.largest]}


def read_result(result: dict[str, Any], card: Card, compute_dtype: str, num_train_steps: int) -> StepCost:
    """Read numbers from what `gpu.compile` printed.

    Raises:
        UserError: the compiler refused.
    """
    if "error" in result:
        raise UserError(_refusal(result["error"], card))
    seconds = result["seconds"]
    return StepCost(
        gpu=card.name,
        memory_gb=round(held_bytes(result) / 1e9, 4),
        memory_of_device_gb=round(card.memory / 1e9, 1),
        usable_gb=round(card.usable_memory / 1e9, 4),
        weights_and_optimizer_gb=round(result["arguments"] / 1e9, 2),
        kernels=result["kernels"],
        gb_moved=round(result["bytes_accessed"] / 1e9, 1),
        tflop=round(result["flops"] / 1e12, 4),
        estimated_step_s=round(seconds, 6),
        bandwidth_s=round(result["bandwidth_seconds"], 6),
        arithmetic_s=round(result["arithmetic_seconds"], 6),
        xla_model_s=round(result["model_seconds"], 6),
        unknown_loops=result["unknown_loops"],
        share_of_peak=round(result["flops"] / 1e12 / seconds / card.peak_tflops(compute_dtype), 3),
        hours=round(seconds * num_train_steps / 3600, 1),
        largest_batch=None,
        largest=tuple(Held(*held) for held in result["largest"]),
    )


def _refusal(message: str, card: Card) -> str:
    """Return the line that a refusal of the compiler becomes."""
    if re.search(r"\bptxas\b", message):
        install = optional.extra_name("gpu-check")
        return f"the GPU compiler finds no ptxas that knows the {card.name}; run: pip install {install}"
    return f"the GPU compiler refuses the step: {reason_of(message)}"


def check_fit(cost: StepCost, ways: str) -> None:
    """Refuse a step that does not fit.

    Args:
        cost: the step.
        ways: what makes it smaller, as the end of the message.

    Raises:
        OutOfMemory: it does not; the largest buffers are named.
    """
    if cost.fits:
        return
    buffers = ", ".join(
        f"{each.bytes / 1e9:.1f} GB in {each.buffers} x {each.shape} ({each.op_name or 'no name'})" for each in cost.largest
    )
    cards = larger_than(cost.memory_gb * 1e9)
    card = f" (or a card with more memory: {', '.join(cards)})" if cards else ""
    raise OutOfMemory(
        f"out of memory: the step needs {cost.memory_gb:.2f} GB of the {cost.usable_gb:.2f} GB that TensorFlow can use of the "
        f"{cost.gpu}; the largest buffers: {buffers}; try {ways}{card}"
    )


def describe(cost: StepCost, num_train_steps: int, num_gpus: int) -> str:
    """Return lines for a terminal."""
    memory = f"{cost.memory_gb:.2f} GB of {cost.memory_of_device_gb} GB ({cost.usable_gb:.1f} GB usable)"
    unknown = f" ({cost.unknown_loops} loops of unknown length counted once)" if cost.unknown_loops else ""
    figures = [
        ("memory", f"{memory}, {cost.weights_and_optimizer_gb} GB of it weights and optimiser"),
        ("work", f"{cost.tflop:.2f} TFLOP, {cost.gb_moved} GB moved by {cost.kernels:,} kernels"),
        ("estimated step", f"{_short(cost.estimated_step_s)}{unknown}: {cost.share_of_peak:.0%} of the card's peak"),
        ("of that", f"bytes alone {_short(cost.bandwidth_s)}, products alone {_short(cost.arithmetic_s)}"),
        ("XLA's own model", _short(cost.xla_model_s)),
        ("all steps", f"{duration(cost.hours * 3600)} for {num_train_steps:,}"),
    ]
    if cost.largest_batch is not None:
        figures.insert(1, ("largest batch", f"{cost.largest_batch:,} rows a replica without accumulation"))
    return lines(
        f"{f'{num_gpus} x ' if num_gpus > 1 else ''}{cost.gpu}: one replica's step, compiled by XLA for that card",
        figures,
        "A real run takes longer: kernels rarely reach the bandwidth; launches, exchange between replicas, evaluation, "
        "checkpoints and stalls are not in the estimate.",
    )


def _short(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"
