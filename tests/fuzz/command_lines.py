"""Command lines with one wrong value; which options there are, each command's parser tells, those to come too."""

import argparse
import functools
import importlib
import os
import shlex
from typing import NamedTuple

from tests.fuzz.damage import NotApplicable
from tests.fuzz.targets import Target

# Of a whole number, or of another number: these must be refused whatever it is the number of.
WRONG_NUMBERS = {
    "negative": "-1",
    "letters": "x",
    "nothing": "",
    "nan": "nan",
    "infinite": "inf",
    "minus_infinite": "-inf",
    "other_digits": "٣x",
}
WRONG_WHOLE = {"fraction": "1.5", "many_digits": "9" * 5_000}
# These may be in range: they end in a line or in a result.
EXTREME_NUMBERS = {"zero": "0", "large": "1000000000000", "huge": "1" + "0" * 30}
WRONG_PATHS = {
    "nothing": "",
    "http": "http://127.0.0.1:1/x.txt",
    "https": "https://127.0.0.1:1/x.txt",
    "s3": "s3://bucket/x.txt",
    "unknown_scheme": "x://y/z.txt",
    "long_name": "a" * 300,
}
STRANGE_PATHS = {
    "no_scheme": "://x.txt",
    "line_break": "new\nline.txt",
    "not_utf8": "\udcff\udcfe.txt",
    "control": "\x1b[31m.txt",
    "dash": "-.txt",
    "absent": "in/absent/x.txt",
    "folder": "in",
    "below_a_file": "in/config.json/x.txt",
}
OUTPUTS = ("--output", "--dropped", "--html", "--tokenizer_json", "--model_dir", "--work_dir", "--compiled")
WRITES_MODEL_DIR = ("run_pretraining",)


class Changed(NamedTuple):
    """A command line, what its error may name beside the option, and whether it may succeed."""

    words: list[str]
    names: tuple[str, ...]
    may_succeed: bool


class _Parser(Exception):
    pass


@functools.cache
def _device() -> str:
    """Open a terminal of our own and name it: where the promise is broken, no device that others need is destroyed."""
    return os.ttyname(os.openpty()[1])


@functools.cache
def options_of(command: str) -> dict[str, argparse.Action]:
    """Return a command's options by their names, as its parser knows them; positional arguments by `--` and their name."""
    kept, taken = argparse.ArgumentParser.parse_args, list[argparse.ArgumentParser]()

    def take(self: argparse.ArgumentParser, *_: object) -> argparse.Namespace:
        taken.append(self)
        raise _Parser

    argparse.ArgumentParser.parse_args = take  # type: ignore[assignment]
    try:
        importlib.import_module(f"electra_pretrain.{command}").parse_args([])
    except _Parser:
        pass
    finally:
        argparse.ArgumentParser.parse_args = kept  # type: ignore[method-assign]
    actions = [action for action in taken[0]._actions if action.option_strings and action.nargs != 0]
    return {action.option_strings[0]: action for action in actions}


def kinds_of(target: Target, option: str) -> list[str]:
    """Name the kinds of wrong values that an option is given."""
    action = options_of(target.command)[option]
    if action.type in (int, float):
        whole = WRONG_WHOLE if action.type is int else {}
        return [*WRONG_NUMBERS, *whole, *EXTREME_NUMBERS]
    if action.choices is not None or not _is_path(action):
        return ["nothing", "not_utf8", "line_break"]
    inputs = [f"is_{path}" for path in target.inputs] if _is_output(target, option) else []
    return [*WRONG_PATHS, *STRANGE_PATHS, "device", *inputs]


def changed(target: Target, option: str, kind: str) -> Changed:
    """Give an option a wrong value."""
    action = options_of(target.command)[option]
    if kind.startswith("is_"):
        value = kind.removeprefix("is_")
        return Changed(_with(target, option, value), (value,), False)
    every = WRONG_NUMBERS | WRONG_WHOLE | EXTREME_NUMBERS | STRANGE_PATHS | WRONG_PATHS
    value = _device() if kind == "device" else every[kind]
    if value == "" and action.default == "":
        raise NotApplicable("which says nothing new")
    if option == "--num_processes" and kind in EXTREME_NUMBERS:
        raise NotApplicable("it would start so many")
    is_number = action.type in (int, float)
    may_succeed = kind in EXTREME_NUMBERS if is_number else kind in {*STRANGE_PATHS, "device"} or not _is_path(action)
    shown = value.encode("unicode_escape").decode(errors="replace")
    names = filter(None, (shown, value, value.rpartition("/")[0], option.lstrip("-")))
    return Changed(
        _with(target, option, value),
        tuple(names),
        may_succeed,
    )


def _is_path(action: argparse.Action) -> bool:
    shape = str(action.metavar)
    return any(word in shape for word in ("DIR", "FILE", "GLOB", "PREFIX", "VOCAB")) and "field" not in shape


def _is_output(target: Target, option: str) -> bool:
    return option in OUTPUTS and (option != "--model_dir" or target.command in WRITES_MODEL_DIR)


def _with(target: Target, option: str, value: str) -> list[str]:
    """Take out what the option is given, and give it the value."""
    words, kept = shlex.split(target.words), list[str]()
    skipping = False
    for word in words:
        if word == option:
            skipping = True
        elif word.startswith("--"):
            skipping = False
        if not skipping:
            kept.append(word)
    return [*kept, f"{option}={value}"]
