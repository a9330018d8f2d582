"""Which temporaries of a compiled program are in memory at once: read from the order in which it runs."""

from typing import NamedTuple

from electra_pretrain.xla.program import Array, Computation, Instruction, Program


class Held(NamedTuple):
    """Buffers of one shape that are in memory at once.

    Attributes:
        buffers: how many.
        shape: of each, such as "bf16[128,512]".
        bytes: of all.
        op_name: what one of them was made from.
    """

    buffers: int
    shape: str
    bytes: int
    op_name: str


_Buffer = tuple[str, int]  # the instruction that makes it, and which of its results it is
_Live = list[tuple[Array, str]]


def largest_at_peak(program: Program) -> list[Held]:
    """List the temporaries that are in memory when they take most, by shape, the largest first."""
    groups: dict[str, _Live] = {}
    for array, op_name in _peak(program, program.entry):
        groups.setdefault(str(array), []).append((array, op_name))
    held = [
        Held(len(group), shape, _bytes(group), next((name for _, name in group if name), "")) for shape, group in groups.items()
    ]
    return sorted(held, key=lambda each: -each.bytes)


def _peak(program: Program, computation: Computation) -> _Live:
    """Return what is in memory at a computation's worst moment: arrays, and what they were made from.

    Arguments are left out, and so are results: those of a training step take the arguments' place.
    """
    holds = _buffers(computation)
    results = {buffer for element in holds[computation.root.name] for buffer in element}
    freed = _freed(computation, holds)
    live: dict[_Buffer, tuple[Array, str]] = {}
    size, worst, worst_size = 0, list[tuple[Array, str]](), -1
    for name, instruction in computation.instructions.items():
        for number, array in enumerate(instruction.arrays):
            if {(name, number)} in holds[name] and (name, number) not in results:
                live[name, number] = (array, instruction.op_name)
                size += array.bytes
        within = _within(program, instruction)
        if size + _bytes(within) > worst_size:
            worst, worst_size = [*live.values(), *within], size + _bytes(within)
        size -= sum(live.pop(buffer)[0].bytes for buffer in freed.get(name, ()) if buffer in live)
    return worst


def _within(program: Program, instruction: Instruction) -> _Live:
    """Return what a loop's or a branch's own temporaries are at their worst."""
    called = [*instruction.called("body"), *instruction.branches()]
    if instruction.opcode == "call":
        called += instruction.called("to_apply")
    return max((_peak(program, program.computations[name]) for name in called), key=_bytes, default=[])


def _buffers(computation: Computation) -> dict[str, list[set[_Buffer]]]:
    """Find for each result, and for each array of a tuple, the buffers that it stands for."""
    holds: dict[str, list[set[_Buffer]]] = {}
    for name, instruction in computation.instructions.items():
        operands = [holds.get(operand, []) for operand in instruction.operands]
        if instruction.opcode == "parameter":
            holds[name] = [set() for _ in instruction.arrays]
        elif instruction.opcode == "get-tuple-element":
            widths, index = computation.instructions[instruction.operands[0]].widths, instruction.number("index")
            begin = sum(widths[:index])
            holds[name] = operands[0][begin : begin + widths[index]]
        elif instruction.opcode in ("tuple", "bitcast", "while"):
            holds[name] = [element for operand in operands for element in operand]
        else:
            holds[name] = [{(name, number)} for number in range(len(instruction.arrays))]
    return holds


def _freed(computation: Computation, holds: dict[str, list[set[_Buffer]]]) -> dict[str, list[_Buffer]]:
    """Return what each instruction is the last to need; a buffer that nothing reads is needed by its own alone."""
    last: dict[_Buffer, str] = {}
    for name, instruction in computation.instructions.items():
        for each in (name, *instruction.operands):
            last.update((buffer, name) for element in holds.get(each, []) for buffer in element)
    freed: dict[str, list[_Buffer]] = {}
    for buffer, name in last.items():
        freed.setdefault(name, []).append(buffer)
    return freed


def _bytes(live: _Live) -> int:
    return sum(array.bytes for array, _ in live)
