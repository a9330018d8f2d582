"""A compiled program's text (HLO, scheduled), read into computations and their instructions."""

import json
import math
import re
from typing import Any, NamedTuple

_LINE = re.compile(r"\s+(ROOT )?(%[\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*?)\)(?=,|$)(.*)")
_COMPUTATION = re.compile(r"^(ENTRY )?(%[\w.\-]+) \(.*\{$")
_ARRAY = re.compile(r"\b(pred|[a-z]+\d\w*)\[([\d,]*)\](?:\{[^{}]*?(?:S\((\d+)\))?\})?")
_NAME = re.compile(r"%[\w.\-]+")


class Array(NamedTuple):
    """Type and sizes of an array: "bf16", (128, 512); and where it lies: 0 is the device's large memory."""

    dtype: str
    sizes: tuple[int, ...]
    memory_space: int = 0

    @property
    def elements(self) -> int:
        return math.prod(self.sizes)

    @property
    def bytes(self) -> int:
        """A truth value takes a byte, as does what is narrower."""
        bits = re.search(r"\d+", self.dtype)
        return self.elements * max(1, int(bits.group()) // 8 if bits else 1)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.sizes))}]"


class Instruction(NamedTuple):
    """One line of a computation.

    Attributes:
        name: with its %.
        arrays: its result, more than one where that is a tuple.
        widths: how many of them each element of the tuple takes: an element may be a tuple again.
        opcode: such as "fusion".
        operands: names of what it reads.
        attributes: what stands behind the operands; of a parameter its number.
        is_root: whether it is what its computation returns.
    """

    name: str
    arrays: tuple[Array, ...]
    widths: tuple[int, ...]
    opcode: str
    operands: tuple[str, ...]
    attributes: str
    is_root: bool

    @property
    def bytes(self) -> int:
        return sum(array.bytes for array in self.arrays)

    @property
    def op_name(self) -> str:
        """What it was made from; "" where that is not told."""
        found = re.search(r'op_name="([^"]*)"', self.attributes)
        return found.group(1) if found else ""

    @property
    def config(self) -> dict[str, Any]:
        """What the compiler's later passes are told of it."""
        _, found, text = self.attributes.partition("backend_config=")
        if not found or not text.startswith("{"):
            return {}
        decoded: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
        return decoded

    def called(self, attribute: str) -> list[str]:
        """Names of the computations that an attribute such as "calls" or "branch_computations" names."""
        found = re.search(rf"\b{attribute}=(\{{[^}}]*\}}|%[\w.\-]+)", self.attributes)
        return _NAME.findall(found.group(1)) if found else []

    def branches(self) -> list[str]:
        """Name the computations of which a conditional runs one."""
        return self.called("branch_computations") or self.called("true_computation") + self.called("false_computation")

    @property
    def trip_count(self) -> int:
        """How often a loop's body runs; 1 where the compiler does not know."""
        return int(self.config.get("known_trip_count", {}).get("n", 1))

    def number(self, attribute: str) -> int:
        """Return the number of an attribute such as "index=3"."""
        found = re.search(rf"\b{attribute}=(\d+)", self.attributes)
        assert found, f"{self.name} has no {attribute}"
        return int(found.group(1))

    def numbers(self, attribute: str) -> list[int]:
        """Numbers of an attribute such as "lhs_contracting_dims={1,2}"."""
        found = re.search(rf"\b{attribute}=\{{([\d,]*)\}}", self.attributes)
        return [int(number) for number in found.group(1).split(",") if number] if found else []


class Computation(NamedTuple):
    """Instructions in the order in which they run, by name."""

    instructions: dict[str, Instruction]

    @property
    def root(self) -> Instruction:
        return next(each for each in self.instructions.values() if each.is_root)

    def users(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions.values() if name in each.operands]


class Program:
    """All computations of a compiled module.

    Args:
        text: as `HloModule.to_string` prints it.
    """

    def __init__(self, text: str) -> None:
        self.computations: dict[str, Computation] = {}
        entry = ""
        for line in text.splitlines():
            if begin := _COMPUTATION.match(line):
                current = self.computations[begin.group(2)] = Computation({})
                entry = begin.group(2) if begin.group(1) else entry
            elif found := _LINE.match(line):
                instruction = _instruction(found)
                current.instructions[instruction.name] = instruction
        self.entry = self.computations[entry]


def _instruction(found: re.Match[str]) -> Instruction:
    root, name, shape, opcode, operands, attributes = found.groups()
    arrays, widths = _arrays(shape), tuple(len(_arrays(element)) for element in _elements(shape))
    if opcode == "parameter":
        attributes = operands
    return Instruction(name, arrays, widths, opcode, tuple(_NAME.findall(operands)), attributes, root is not None)


def _arrays(shape: str) -> tuple[Array, ...]:
    return tuple(_array(*found) for found in _ARRAY.findall(shape))


def _array(dtype: str, sizes: str, memory_space: str) -> Array:
    return Array(dtype, tuple(int(size) for size in sizes.split(",") if size), int(memory_space or 0))


def _elements(shape: str) -> list[str]:
    """Return the elements of a tuple's shape; of any other shape itself."""
    if not shape.startswith("("):
        return [shape]
    elements, depth = [""], 0
    for character in shape[1:-1]:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            elements.append("")
        else:
            elements[-1] += character
    return elements
