"""Where a step's time goes on a TPU, by its compiler: what moves most and computes most, of a program that tpu_check wrote.

    python -m electra_pretrain.tpu_check --config base_v3.json --topology v3-8 --compiled base_v3.txt
    python scripts/tpu_operations.py --program base_v3.txt --topology v3-8 --mhz 940

Prints sums over a step, then the operations that take longest, those made from the same lines of the model together. "least"
is the longer of an operation's arithmetic at peak rate and its bytes at peak bandwidth: the compiler's own estimate, without
branches that hardly ever run and, where a chip keeps arrays in fast memory (from v4 on), without what stays there.
"cycles" are the compiler's own; the clock to read them by is the chip's (v3: 940 MHz).
"""  # fmt: skip

import argparse
import re
from collections import defaultdict
from typing import NamedTuple

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.tpu.chips import SLICES, Slice, find_slice
from electra_pretrain.tpu.operations import Operation, program_operations
from electra_pretrain.xla.launches import unknown_loops
from electra_pretrain.xla.program import Program

# Layers differ in their numbers alone, as do the operations that TensorFlow tells apart by one.
_NUMBER = re.compile(r"_\d+\b")


def main() -> None:
    args = parse_args()
    run_command("tpu_operations", lambda: args, lambda args: print(tpu_operations(args)))


def parse_args() -> argparse.Namespace:
    parser = command_parser("tpu_operations", __doc__)
    parser.add_argument("--program", required=True, metavar="FILE", help="what tpu_check wrote by --compiled")
    parser.add_argument("--topology", required=True, metavar="NAME", help=f"it was compiled for: {', '.join(SLICES)} or larger")
    parser.add_argument("--mhz", type=float, metavar="N", help="the chip's clock, to read cycles as time")
    parser.add_argument("--rows", type=int, default=30, metavar="N", help="of the table (default %(default)s)")
    return parser.parse_args()


def tpu_operations(args: argparse.Namespace) -> str:
    """Return the sums and the table, as Markdown.

    Raises:
        UserError: no such TPU, or the file holds no compiled program.
    """
    target = find_slice(args.topology)
    text = files.read_bytes(args.program).decode("utf-8", errors="replace")
    if "\nENTRY " not in text:
        raise UserError(f"{args.program}: holds no compiled program; give the file that tpu_check wrote by --compiled")
    program = Program(text)
    operations = program_operations(program)
    groups = sorted(grouped(operations).items(), key=lambda group: -total(group[1], target).seconds)
    shown = [*groups[: args.rows], (("all", ""), operations)]
    head = ["| ms at least | GB | TFLOP | cycles | times | result | made from |", "|--:|--:|--:|--:|--:|---|---|"]
    lines = [*head, *(row(*names, total(found, target), args.mhz) for names, found in shown)]
    if loops := unknown_loops(program):
        lines += ["", f"{loops} of its loops count once; they run more often, and the compiler does not say how often."]
    return "\n".join(lines)


class Total(NamedTuple):
    """Of several operations: seconds at least, bytes moved, operations of products, cycles, and how often they run."""

    seconds: float
    bytes: int
    flops: int
    cycles: int
    times: int


def total(operations: list[Operation], target: Slice) -> Total:
    return Total(
        sum(each.seconds(target.peak_tflops * 1e12, target.gb_per_s * 1e9) for each in operations),
        sum(each.bytes * each.times for each in operations),
        sum(each.flops * each.times for each in operations),
        sum(each.cycles * each.times for each in operations),
        sum(each.times for each in operations),
    )


def grouped(operations: list[Operation]) -> dict[tuple[str, str], list[Operation]]:
    """Put together what layers repeat: what has the same result and was made from the same lines."""
    groups: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for each in operations:
        groups[each.result, _NUMBER.sub("", each.op_name)].append(each)
    return groups


def row(result: str, made_from: str, found: Total, mhz: float | None) -> str:
    cycles = f"{found.cycles / mhz / 1e3:.2f} ms" if mhz else f"{found.cycles / 1e6:.2f} M"
    figures = f"{found.seconds * 1e3:.2f} | {found.bytes / 1e9:.2f} | {found.flops / 1e12:.3f} | {cycles} | {found.times}"
    return f"| {figures} | {result} | {made_from} |"


if __name__ == "__main__":
    main()
