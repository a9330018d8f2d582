"""A parser whose every refusal is one line."""

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from electra_pretrain.cli.numbers import check_numbers
from electra_pretrain.core.errors import UserError


class Misuse(UserError):
    """Arguments that do not parse: unknown ones, missing ones, a word where a number must be."""


class Parser(argparse.ArgumentParser):
    """argparse's, without a page of usage before the line that tells what is wrong; numbers are held against their rules."""

    def parse_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Parse arguments, the process's own by default.

        Raises:
            Misuse: they do not parse.
            UserError: a number breaks a rule.
        """
        parsed = super().parse_args(args, namespace)
        check_numbers(parsed)
        return parsed

    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{message.removeprefix('argument ')}; --help lists what there is")
