"""What a folder of bench_gpu.py holds beside its programs: which argument is which and how its values are drawn. NumPy alone.

Weights of a base model would not travel: both sides draw them by one rule that is exact everywhere, 24 bits of PCG64's raw
stream, which NumPy keeps as it is from release to release.
"""

import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FIRST_WORD = 5  # ids below it are special tokens
_BITS = 24  # as many as a float32 holds exactly


class Array(NamedTuple):
    """A result's name, shape and NumPy dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Variable(NamedTuple):
    """A variable: an argument of the step, and one of its results.

    Attributes:
        name: as in checkpoints.
        shape: of the variable.
        dtype: NumPy's name of it.
        offset: what every element starts from.
        scale: elements are drawn uniformly within this distance of the offset.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    offset: float
    scale: float

    def values(self) -> np.ndarray:
        """Draw the values that the variable has before the first step."""
        if not self.scale:
            return np.full(self.shape, self.offset, self.dtype)
        unit: np.ndarray = draw(self.name, math.prod(self.shape)).astype(np.float32) * np.float32(
            2.0 ** (1 - _BITS)
        ) - np.float32(1)
        values: np.ndarray = (unit * np.float32(self.scale) + np.float32(self.offset)).reshape(self.shape).astype(self.dtype)
        return values


class Plan(NamedTuple):
    """A folder's description, `plan.json`.

    Attributes:
        title: config and sizes, for people.
        config: the experiment's fields.
        variables: in the order of the program's arguments behind the batch, and of its results behind the sums.
        sums: the step's other results.
        rows: of the batch, by program: "check" and "full".
        length: tokens of a row.
        vocab_size: of the vocabulary.
        slots: masked positions of a row at most.
        step_flops: of the full step's matrix products.
        trained: names of the variables that have moments.
        torch: whether torch's side computes what the config asks for.
    """

    title: str
    config: dict[str, Any]
    variables: list[Variable]
    sums: list[Array]
    rows: dict[str, int]
    length: int
    vocab_size: int
    slots: int
    step_flops: float
    trained: list[str]
    torch: bool

    def batch(self, program: str) -> tuple[np.ndarray, ...]:
        """Return the batch [B, S] of tokens, mask and segments, and its rows [B]; the check's rows end earlier and earlier."""
        rows, length = self.rows[program], self.length
        ids = FIRST_WORD + draw("ids", rows * length).reshape(rows, length) % (self.vocab_size - FIRST_WORD)
        ends = np.full(rows, length) if program == "full" else length - np.arange(rows) * length // (2 * rows)
        mask = np.arange(length) < ends[:, None]
        segments = mask & (np.arange(length) >= length // 2)
        return tuple(each.astype(np.int32) for each in (ids * mask, mask, segments, np.arange(rows)))


def draw(name: str, count: int) -> np.ndarray:
    """Return int64 [count], each below 2**24."""
    raw: Any = np.random.PCG64(zlib.crc32(name.encode())).random_raw(count)
    drawn: np.ndarray = (raw >> np.uint64(64 - _BITS)).astype(np.int64)
    return drawn


def write(plan: Plan, path: Path) -> None:
    """Write the description."""
    path.write_text(json.dumps(plan._asdict(), indent=1) + "\n")


def read(path: Path) -> Plan:
    """Read a description that `write` wrote."""
    fields = json.loads(path.read_text())
    fields["variables"] = [Variable(name, tuple(shape), *others) for name, shape, *others in fields["variables"]]
    fields["sums"] = [Array(name, tuple(shape), dtype) for name, shape, dtype in fields["sums"]]
    return Plan(**fields)
