"""What a compiled program runs on a TPU: its operations, the bytes that each moves, its products' arithmetic, its cycles."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from electra_pretrain.xla.launches import launches
from electra_pretrain.xla.program import Computation, Instruction, Program

# They move nothing: names, views and constants, and the begin of what its end is counted for.
_FREE = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "partition-id", "replica-id")
_WINDOW = re.compile(r"\bwindow=\{([^}]*)\}")
_LABELS = re.compile(r"\bdim_labels=(\w+)_(\w+)->(\w+)")
_CYCLES = re.compile(r'"estimated_cycles":"?(\d+)')


class Operation(NamedTuple):
    """One operation, or as many of the same as a loop makes.

    Attributes:
        name: the instruction's.
        op_name: what it was made from.
        result: its types and sizes.
        times: how often it runs in a step.
        bytes: read from and written to the large memory by one run; every operand counts whole.
        flops: of the matrix products of one run, a multiplication and an addition counted as two.
        cycles: of one run, by the compiler; 0 where it names none.
    """

    name: str
    op_name: str
    result: str
    times: int
    bytes: int
    flops: int
    cycles: int

    def seconds(self, flops_per_s: float, bytes_per_s: float) -> float:
        """Return the longer of its arithmetic and its bytes, of all its runs."""
        return self.times * max(self.flops / flops_per_s, self.bytes / bytes_per_s)


def program_operations(program: Program) -> list[Operation]:
    """List what a run of the program does, in order; of a conditional the branch that moves least.

    The other ones are there for what hardly ever happens.
    """

    def launch(computation: Computation, instruction: Instruction, times: int) -> Operation | None:
        is_free = instruction.opcode in _FREE or instruction.opcode.endswith("-start")
        return None if is_free else _operation(program, computation, instruction, times)

    return launches(program, launch, lambda ways: min(ways, key=_moved_by))


def _moved_by(operations: Iterable[Operation]) -> int:
    return sum(operation.bytes * operation.times for operation in operations)


def _operation(program: Program, computation: Computation, instruction: Instruction, times: int) -> Operation:
    cycles = _CYCLES.search(instruction.attributes)
    return Operation(
        instruction.name,
        instruction.op_name,
        ", ".join(map(str, instruction.arrays)),
        times,
        _moved(computation, instruction),
        _flops(program, computation, [instruction]),
        int(cycles.group(1)) if cycles else 0,
    )


def _moved(computation: Computation, instruction: Instruction) -> int:
    """Count bytes of operands and result in the large memory.

    What ends a copy between the two memories was begun before, and moves its result once.
    """
    if instruction.opcode.endswith("-done"):
        return instruction.bytes
    operands = (computation.instructions[name] for name in instruction.operands if name in computation.instructions)
    arrays = [*instruction.arrays, *(array for operand in operands for array in operand.arrays if operand.opcode != "tuple")]
    return sum(array.bytes for array in arrays if not array.memory_space)


def _flops(program: Program, computation: Computation, instructions: Iterable[Instruction]) -> int:
    """Count operations of the products among instructions, and of those within their fusions."""
    total = 0
    for each in instructions:
        if each.opcode == "convolution":
            total += _product_flops(computation, each)
        elif each.opcode == "fusion":
            fused = program.computations[each.called("calls")[0]]
            total += _flops(program, fused, fused.instructions.values())
    return total


def _product_flops(computation: Computation, convolution: Instruction) -> int:
    """Count operations of a product, which a TPU's program writes as a convolution.

    A batch is an axis of its window there, spread by dilation so far that each of the result's places meets one element.
    """
    labels, window = _LABELS.search(convolution.attributes), _window(convolution)
    assert labels, f"{convolution.name} has no dim_labels"
    of_input, of_kernel, of_output = labels.groups()
    image, kernel = (computation.instructions[name].arrays[0] for name in convolution.operands)
    output = convolution.arrays[0]
    flops = 2 * kernel.sizes[of_kernel.index("i")]
    for axis, size in zip(of_output, output.sizes, strict=True):
        if axis.isdecimal():
            flops *= _meetings(image.sizes[of_input.index(axis)], size, {key: text[int(axis)] for key, text in window.items()})
        else:
            flops *= size
    return flops


def _window(convolution: Instruction) -> dict[str, list[str]]:
    """Return each of the window's properties by axis: "size" -> ["32", "12"]."""
    found = _WINDOW.search(convolution.attributes)
    pairs = (part.split("=") for part in found.group(1).split()) if found else ()
    return {key: text.split("x") for key, text in pairs}


def _meetings(image: int, output: int, window: dict[str, str]) -> int:
    """Count the pairs of an output's place and a kernel's place along an axis that meet an element of the image."""
    stride, dilation, spread = (int(window.get(key, 1)) for key in ("stride", "rhs_dilate", "lhs_dilate"))
    before = int(window.get("pad", "0_0").split("_")[0])
    places = (o * stride + k * dilation - before for o in range(output) for k in range(int(window["size"])))
    return sum(place % spread == 0 and 0 <= place < image * spread for place in places)
