"""What a compiled program runs on a GPU: its kernels, the bytes that each reads and writes, the operations of its products."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from electra_pretrain.xla.launches import launches
from electra_pretrain.xla.program import Computation, Instruction, Program

# They move nothing: names, views and constants, and ends of what was begun before.
_FREE = {
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all"),
    *("async-update", "async-done", "copy-done", "partition-id", "replica-id"),
}
_PARTS_OF_AN_OPERAND = ("slice", "dynamic-slice", "gather")


class Kernel(NamedTuple):
    """One launch, or as many of the same as a loop makes.

    Attributes:
        name: the instruction's.
        op_name: what it was made from.
        times: how often it runs in a step.
        bytes: read and written by one run, at most.
        flops: of the matrix products of one run, a multiplication and an addition counted as two.
        dtype: of the products' operands; of the result where there is no product.
        model_seconds: of one run, by XLA's cost model; None where it has no figure that can be used.
    """

    name: str
    op_name: str
    times: int
    bytes: int
    flops: int
    dtype: str
    model_seconds: float | None


def program_kernels(program: Program) -> list[Kernel]:
    """List what a run of the program launches, in order; of a conditional the branch that moves most.

    Which one is taken is known only when it runs.
    """

    def launch(computation: Computation, instruction: Instruction, times: int) -> Kernel | None:
        return None if instruction.opcode in _FREE else _kernel(program, computation, instruction, times)

    return launches(program, launch, lambda ways: max(ways, key=_moved))


def _moved(kernels: Iterable[Kernel]) -> int:
    return sum(kernel.bytes * kernel.times for kernel in kernels)


def _kernel(program: Program, computation: Computation, instruction: Instruction, times: int) -> Kernel:
    fused = _fused(program, instruction)
    products = [*_products(computation, [instruction]), *(_products(fused, fused.instructions.values()) if fused else ())]
    dtype = products[0][1] if products else instruction.arrays[0].dtype if instruction.arrays else ""
    return Kernel(
        instruction.name,
        instruction.op_name,
        times,
        _read(computation, instruction, fused) + _written(instruction, fused),
        sum(flops for flops, _ in products),
        dtype,
        _model_seconds(instruction),
    )


def _fused(program: Program, instruction: Instruction) -> Computation | None:
    return program.computations[instruction.called("calls")[0]] if instruction.opcode == "fusion" else None


def _products(computation: Computation, instructions: Iterable[Instruction]) -> Iterator[tuple[int, str]]:
    """Yield operations and operands' type of each matrix product."""
    for each in instructions:
        if each.opcode == "dot":
            contracted = each.numbers("lhs_contracting_dims")
        elif _is_cublas(each):
            numbers = each.config["gemm_backend_config"]["dot_dimension_numbers"]
            contracted = [int(number) for number in numbers["lhs_contracting_dimensions"]]
        else:
            continue
        left = computation.instructions[each.operands[0]].arrays[0]
        yield 2 * each.arrays[0].elements * math.prod(left.sizes[axis] for axis in contracted), left.dtype


def _is_cublas(instruction: Instruction) -> bool:
    return instruction.opcode == "custom-call" and '"__cublas' in instruction.attributes


def _read(computation: Computation, instruction: Instruction, fused: Computation | None) -> int:
    """Count bytes of the operands: whole, but for those of which a fusion takes parts only."""
    total, seen = 0, set()
    for number, name in enumerate(instruction.operands):
        if name not in seen and name in computation.instructions:
            whole = computation.instructions[name].bytes
            total += min(whole, _part_read(fused, number, whole)) if fused else whole
        seen.add(name)
    return total


def _part_read(fused: Computation, number: int, whole: int) -> int:
    """Count bytes that a fusion reads of its operand with a number: slices, gathered rows, or all of it."""
    name = next(
        each.name for each in fused.instructions.values() if each.opcode == "parameter" and each.attributes == str(number)
    )
    total = 0
    for user in fused.users(name):
        if user.opcode in _PARTS_OF_AN_OPERAND and user.operands[0] == name:
            total += user.bytes
        elif user.opcode != "dynamic-update-slice" or user.operands[0] != name:  # that one is written in place
            return whole
    return total


def _written(instruction: Instruction, fused: Computation | None) -> int:
    """Count bytes of the result: of one that is written in place only what is new; of a product without its work space."""
    if _is_cublas(instruction):
        return instruction.arrays[0].bytes
    if fused is None:
        return instruction.bytes
    roots = [fused.instructions[name] for name in fused.root.operands] if fused.root.opcode == "tuple" else [fused.root]
    return sum(_new_bytes(fused, root) for root in roots)


def _new_bytes(fused: Computation, root: Instruction) -> int:
    while root.opcode == "bitcast":
        root = fused.instructions[root.operands[0]]
    return fused.instructions[root.operands[1]].bytes if root.opcode == "dynamic-update-slice" else root.bytes


def _model_seconds(instruction: Instruction) -> float | None:
    """Return XLA's figure for a fusion that it writes itself; what it says of Triton's is off by orders of magnitude."""
    config = instruction.config
    if "triton" in config.get("fusion_backend_config", {}).get("kind", ""):
        return None
    figures = [figure["exec_time_us"] for figure in config.get("reification_cost", ()) if not figure["name"]]
    return figures[0] / 1e6 if figures else None
