"""Numbers that options take: each option has its rules, and what breaks one is told before anything is done."""

import argparse
import math
import pkgutil

import pytest

import electra_pretrain
from electra_pretrain.cli.numbers import RULES, check_numbers
from electra_pretrain.core.errors import UserError
from tests.support.options import options_of

COMMANDS = sorted(module.name for module in pkgutil.iter_modules(electra_pretrain.__path__) if not module.ispkg)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_number_of_every_command_has_its_rules(name):
    numbers = [action for action in options_of(name) if action.type in (int, float)]
    for action in numbers:
        assert action.dest in RULES, f"{name} --{action.dest}"
        check_numbers(argparse.Namespace(**{action.dest: action.default}))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("value", [-1, -(10**30), 10**30, math.nan, math.inf, -math.inf])
def test_nothing_endless_passes(name, value):
    """Each would reach TensorFlow, NumPy or the system, and fail there in its own way."""
    with pytest.raises(UserError, match=rf"^--{name} {value}: must ") as refused:
        check_numbers(argparse.Namespace(**{name: value}))
    assert "\n" not in str(refused.value)


def test_the_rule_is_told():
    check_numbers(argparse.Namespace(step=None, seed=2**32 - 1, vocab_size=32200, near=1, unknown=-5))
    for values, message in [
        ({"workers": 0}, "^--workers 0: must be at least 1$"),
        ({"seed": 2**32}, r"^--seed 4294967296: must lie in 0\.\.4294967295$"),
        ({"max_seq_length": 10**12}, "^--max_seq_length 1000000000000: must be at most 65536 .attention"),
        ({"near": 0.05}, r"^--near 0.05: must lie in 0\.1\.\.1$"),
    ]:
        with pytest.raises(UserError, match=message):
            check_numbers(argparse.Namespace(**values))
