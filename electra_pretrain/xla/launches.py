"""What a run of a compiled program launches, in order: loops as often as they run, of a conditional one branch."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from electra_pretrain.xla.program import Computation, Instruction, Program

T = TypeVar("T")
Launch = Callable[[Computation, Instruction, int], T | None]
Choice = Callable[[list[list[T]]], list[T]]
_CALLS = ("call", "async-start")


def launches(program: Program, launch: Launch[T], choice: Choice[T]) -> list[T]:
    """List what `launch` makes of each instruction that is run.

    Args:
        program: the compiled program.
        launch: is given an instruction, the computation that it stands in, and how often it runs; None if it is nothing.
        choice: is given what the branches of a conditional launch, and returns one of them.
    """
    return list(_within(program, program.entry, 1, launch, choice))


def unknown_loops(program: Program) -> int:
    """Count the loops of which the compiler does not know how often they run: they are counted as running once."""
    loops = [each for part in program.computations.values() for each in part.instructions.values() if each.opcode == "while"]
    return sum("known_trip_count" not in loop.config for loop in loops)


def _within(program: Program, computation: Computation, times: int, launch: Launch[T], choice: Choice[T]) -> Iterator[T]:
    def of(name: str, times: int) -> Iterator[T]:
        return _within(program, program.computations[name], times, launch, choice)

    for instruction in computation.instructions.values():
        called = instruction.called("to_apply") or instruction.called("calls")
        if instruction.opcode == "while":
            for part in ("body", "condition"):
                yield from of(instruction.called(part)[0], times * instruction.trip_count)
        elif instruction.opcode == "conditional":
            yield from choice([list(of(name, times)) for name in instruction.branches()])
        elif instruction.opcode in _CALLS and called:
            for name in called:
                yield from of(name, times)
        elif (launched := launch(computation, instruction, times)) is not None:
            yield launched
