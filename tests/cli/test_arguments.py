"""What all commands take: --quiet and --verbose."""

import argparse
import importlib
import pkgutil

import pytest

import electra_pretrain
from electra_pretrain import corpus_stats
from electra_pretrain.cli import arguments
from electra_pretrain.core import messages
from electra_pretrain.core.errors import UserError
from tests.support.options import options_of

COMMANDS = sorted(module.name for module in pkgutil.iter_modules(electra_pretrain.__path__) if not module.ispkg)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_what_it_does_and_how_loudly(name, capsys):
    command = importlib.import_module(f"electra_pretrain.{name}")
    with pytest.raises(SystemExit) as ended:
        command.parse_args(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: {name} ")
    assert "--quiet" in told and "--verbose" in told
    assert command.__doc__.splitlines()[0] in told


def test_quiet_and_verbose_choose_the_level():
    parser = arguments.command_parser("x", "")
    levels = [arguments.verbosity(parser.parse_args(words)) for words in ([], ["--quiet"], ["--verbose"])]
    assert levels == [messages.NORMAL, messages.QUIET, messages.VERBOSE]
    with pytest.raises(UserError, match="^--verbose: not allowed with argument --quiet; --help"):
        parser.parse_args(["--quiet", "--verbose"])


@pytest.mark.parametrize("flags", [[], ["--quiet"], ["--verbose"]])
def test_a_command_run_by_a_command_is_as_loud(flags):
    before = messages.speaker()
    messages.configure("x", arguments.verbosity(arguments.command_parser("x", "").parse_args(flags)))
    assert arguments.verbosity_flags() == flags
    messages.configure(*before)


@pytest.mark.parametrize(
    "words",
    [["--corpus", ""], ["--corpus=a", "--html="], ["--corpus", "a", "--layout", ""], ["--corpus", "a", "--members", ""]],
)
def test_an_option_without_its_text_is_refused(words):
    """As a shell's variable that is not set leaves it: `--html "$page"`."""
    with pytest.raises(UserError, match="--corpus|--html|--layout|--members"):
        corpus_stats.parse_args(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_has_an_empty_text_for_its_default(name):
    """An option given as "" would then pass for one that is not given."""
    assert not [action.dest for action in options_of(name) if action.default == ""]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_word_of_an_option_given_twice_is_lost(name):
    """Where several words may follow an option, users give it several times as well; argparse would keep the last."""
    lists = [action for action in options_of(name) if action.nargs == "+" and action.option_strings]
    assert not [action.dest for action in lists if not isinstance(action, argparse._ExtendAction)]
