"""A parser whose every refusal is one line."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from electra_pretrain.cli.numbers import check_numbers
from electra_pretrain.core.errors import UserError


class Misuse(UserError):
    """Arguments that do not parse: unknown ones, missing ones, a word where a number must be."""


class Parser(argparse.ArgumentParser):
    """argparse's, without a page of usage before the line that tells what is wrong; numbers are held against their rules."""

    # argparse's overloads serve namespaces of other types, of which there are none here.
    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse arguments, the process's own by default.

        Raises:
            Misuse: they do not parse.
            UserError: a number breaks a rule, or an option is given no text, as an unset variable of the shell leaves it.
        """
        parsed = super().parse_args(args, namespace)
        self._check_texts(parsed)
        check_numbers(parsed)
        return parsed

    def _check_texts(self, parsed: argparse.Namespace) -> None:
        for action in self._actions:
            given = getattr(parsed, action.dest, None)
            if "" in (given if isinstance(given, list) else [given]):
                name = action.option_strings[0] if action.option_strings else action.metavar
                raise UserError(f"{name}: must not be empty; give it a value or leave it out")

    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{message.removeprefix('argument ')}; --help lists what there is")
