"""A command that breaks the promise in the way that it is told: what the harness must see."""

import ctypes
import os
import sys
import time
from pathlib import Path

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core.errors import UserError

NAME = "misbehaving"


def main() -> None:
    run_command(NAME, lambda: command_parser(NAME, "").parse_args([]), lambda args: WAYS[sys.argv[1]]())


def _error(line: str = "in/text/a.txt: is wrong") -> None:
    raise UserError(line)


def _good() -> None:
    Path("out").write_bytes(Path("in/text/a.txt").read_bytes())


def _traceback() -> None:
    raise KeyError("x")


def _hang() -> None:
    time.sleep(1000)


def _spin() -> None:
    while True:
        pass


def _crash() -> None:
    ctypes.string_at(0)


def _memory() -> None:
    _ = bytearray(1 << 38)


def _two_lines() -> None:
    print(f"{NAME}: error: first", file=sys.stderr)
    _error()


def _anothers_line() -> None:
    print("W0000 something of a library's", file=sys.stderr)
    _error()


def _nameless() -> None:
    _error("something is wrong")


def _graph() -> None:
    _error("in/text/a.txt: {{function_node __wrapped__ReadFile_device_/job:localhost}}")


def _silent() -> None:
    sys.exit(1)


def _destroy() -> None:
    Path("in/text/b.txt").write_text("")
    _error()


def _temporary() -> None:
    Path("out.tmp-1-host").write_text("")
    _error()


def _left_elsewhere() -> None:
    Path(os.environ["TMPDIR"], "x").write_text("")
    _error()


def _whole() -> None:
    Path("out").write_text("half")
    _error()


def _code() -> None:
    sys.exit(3)


WAYS = {
    "error": _error, "good": _good, "traceback": _traceback, "hang": _hang, "spin": _spin, "crash": _crash, "memory": _memory,
    "two_lines": _two_lines, "anothers_line": _anothers_line, "nameless": _nameless, "graph": _graph, "silent": _silent,
    "destroy": _destroy, "temporary": _temporary, "left_elsewhere": _left_elsewhere, "whole": _whole, "code": _code,
}  # fmt: skip
