"""The options of a command, as it declares them."""

import argparse
import importlib
from unittest import mock

import pytest


def options_of(command: str) -> list[argparse.Action]:
    """Return what a command of the package declares to argparse."""
    made: list[argparse.Action] = []
    add = argparse._ActionsContainer.add_argument

    def remembered(self, *names, **settings):
        made.append(add(self, *names, **settings))
        return made[-1]

    with mock.patch.object(argparse._ActionsContainer, "add_argument", remembered), pytest.raises(SystemExit):
        importlib.import_module(f"electra_pretrain.{command}").parse_args(["--help"])
    return made
