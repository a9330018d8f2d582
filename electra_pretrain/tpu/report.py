"""What the compiler said, as numbers for people: memory, work, expected time, or why the step does not fit."""

import re
from typing import Any, NamedTuple

from electra_pretrain.core.errors import UserError, reason_of
from electra_pretrain.core.progress import duration
from electra_pretrain.tpu.chips import Slice
from electra_pretrain.xla.report import LARGEST_BUFFERS, OutOfMemory, held_bytes, lines


class StepCost(NamedTuple):
    """One replica's step, as compiled.

    Attributes:
        device: the compiler's name of the chip.
        memory_gb: peak of arguments, results and temporaries, in 10^9 bytes.
        memory_of_device_gb: what a replica has.
        weights_and_optimizer_gb: the part that stays between steps.
        tflop: floating-point operations, in 10^12.
        gb_moved: bytes that all operations read and write, in 10^9.
        estimated_step_s: the compiler's estimate, operations of unknown cost left out.
        unknown_costs: how many operations those are.
        share_of_peak: tflop over what the chip could do in that time.
        hours: of all steps.
    """

    device: str
    memory_gb: float
    memory_of_device_gb: float
    weights_and_optimizer_gb: float
    tflop: float
    gb_moved: float
    estimated_step_s: float
    unknown_costs: int
    share_of_peak: float
    hours: float


def read_result(result: dict[str, Any], target: Slice, num_train_steps: int) -> StepCost:
    """Read numbers from what `tpu.compile` printed.

    Raises:
        OutOfMemory: the step does not fit.
        UserError: the compiler refused for another reason than memory.
    """
    if "error" in result:
        raise _refusal(result["error"])
    # Each operation whose cost the compiler does not know counts as -1 second in its sum.
    unknown = result["unknown_costs"]
    seconds = result["seconds"] + unknown
    return StepCost(
        device=result["device"],
        memory_gb=round(held_bytes(result) / 1e9, 2),
        memory_of_device_gb=round(target.memory_gb, 1),
        weights_and_optimizer_gb=round(result["arguments"] / 1e9, 2),
        tflop=round(result["flops"] / 1e12, 2),
        gb_moved=round(result["bytes_accessed"] / 1e9, 1),
        estimated_step_s=round(seconds, 4),
        unknown_costs=unknown,
        share_of_peak=round(result["flops"] / 1e12 / seconds / target.peak_tflops, 3),
        hours=round(seconds * num_train_steps / 3600, 1),
    )


def describe(cost: StepCost, num_train_steps: int, topology: str) -> str:
    """Return lines for a terminal."""
    fit = f"{cost.memory_gb} GB of {cost.memory_of_device_gb} GB"
    unknown = f" ({cost.unknown_costs} small operations of unknown cost left out)" if cost.unknown_costs else ""
    return lines(
        f"{topology}: one replica's step, compiled for {cost.device}",
        (
            ("memory", f"{fit}, {cost.weights_and_optimizer_gb} GB of it weights and optimiser"),
            ("work", f"{cost.tflop} TFLOP, {cost.gb_moved} GB moved"),
            ("estimated step", f"{cost.estimated_step_s:.3f} s{unknown}: {cost.share_of_peak:.0%} of the chip's peak"),
            ("all steps", f"{duration(cost.hours * 3600)} for {num_train_steps:,}"),
        ),
        "A real run takes longer: exchange between replicas, evaluation, checkpoints and stalls are not in the estimate.",
    )


def _refusal(message: str) -> UserError:
    """Return the error that a refusal of the compiler becomes."""
    single = re.search(r"Allocation \(size=(\d+)\) would exceed memory \(size=(\d+)\).*?shape = '([^'{]*)", message)
    if single:
        size, limit = (int(text) / 1e9 for text in single.groups()[:2])
        return OutOfMemory(f"out of memory: one buffer alone, {single[3]}, needs {size:.1f} GB of {limit:.1f} GB")
    used = re.search(r"Used ([\d.]+[KMGT]) of ([\d.]+[KMGT]) hbm", message)
    if not used:
        return UserError(f"the TPU compiler refuses the step: {reason_of(message)}")
    buffers = re.findall(r"Size: ([\d.]+[KMGT])\n(?:\s*Operator: op_name=\"([^\"]*)\")?.*?Shape: (\S+?)\{", message, re.DOTALL)
    largest = ", ".join(f"{size} {shape} ({name or 'no name'})" for size, name, shape in buffers[:LARGEST_BUFFERS])
    return OutOfMemory(f"out of memory: the step needs {used[1]} of {used[2]}; the largest buffers: {largest}")
