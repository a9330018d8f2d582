"""Arguments that commands of all kinds take, with the checks that go with them."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from electra_pretrain.cli.parser import Parser
from electra_pretrain.core import messages
from electra_pretrain.core.errors import UserError


def command_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Make a command's parser, which shows its module's docstring and takes `--quiet` and `--verbose`."""
    parser = Parser(prog=name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--quiet", action="store_true", help="tell warnings and errors only, no progress; results are printed all the same"
    )
    level.add_argument(
        "--verbose", action="store_true", help="tell what runs, how long it took, and what TensorFlow says itself"
    )
    return parser


def verbosity(args: argparse.Namespace) -> int:
    """Return the level of `core.messages` that the arguments ask for."""
    if args.quiet:
        return messages.QUIET
    return messages.VERBOSE if args.verbose else messages.NORMAL


def verbosity_flags() -> list[str]:
    """Return the flags that make another command, run in a process of its own, as quiet as this one."""
    _, level = messages.speaker()
    return {messages.QUIET: ["--quiet"], messages.VERBOSE: ["--verbose"]}.get(level, [])


def command_line(name: str, argv: Sequence[str] | None) -> str:
    """Return a command as it was typed, to be recorded; `argv` as its `parse_args` takes it, None for the process's own."""
    return shlex.join(["python", "-m", f"electra_pretrain.{name}", *(sys.argv[1:] if argv is None else argv)])


def add_seed(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--seed", type=int, default=0, help=f"{help} (default %(default)s)")


def add_num_processes(
    parser: argparse.ArgumentParser, help: str = "worker processes; the output does not depend on it"
) -> None:
    parser.add_argument("--num_processes", type=int, default=2, help=f"{help} (default %(default)s)")


def add_lower_case(parser: Any, help: str = "lower-case the text") -> None:
    """Add `--lower_case` and `--no-lower_case`; of neither, None, for `tokenization.provenance.resolve_lower_case`."""
    parser.add_argument(
        "--lower_case",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=f"{help} (default: as the vocabulary was learnt; cased if that is unknown)",
    )


def add_edits(parser: argparse.ArgumentParser) -> None:
    """Add `--extend` and `--put_terms`: changes to a WordPiece vocabulary."""
    parser.add_argument("--extend", metavar="VOCAB", help="append the tokens of this vocab.txt that are missing, in its order")
    parser.add_argument(
        "--put_terms", metavar="FILE", help="terms, one a line, that take the places of [unusedN], lowest id first"
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add `--step` and `--average`."""
    parser.add_argument("--step", type=int, help="which checkpoint (default: the newest)")
    parser.add_argument(
        "--average",
        type=int,
        default=1,
        metavar="N",
        help="mean of the weights of the last N checkpoints up to that one (default %(default)s: it alone)",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="cpu: compute on the CPU on purpose; gpu: on GPUs or not at all; auto: on GPUs if the machine has any "
        "(default %(default)s)",
    )


def check_device(args: argparse.Namespace) -> None:
    """Refuse `--device` beside `--tpu`.

    Raises:
        UserError: both were given.
    """
    if args.device != "auto" and args.tpu:
        raise UserError(f"--device {args.device}: is not for a TPU; leave it out, or --tpu {args.tpu}")
