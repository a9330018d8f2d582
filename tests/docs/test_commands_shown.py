"""Every command that pages and notebooks show can be pasted: it exists, its flags exist, its words parse; cheap ones run."""

import argparse
import ast
import dataclasses
import functools
import gzip
import importlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from electra_pretrain.config.load import load_config
from electra_pretrain.finetuning.config import FinetuneConfig
from tests.conftest import ROOT, SAMPLE_CORPUS
from tests.docs import pages, shell

COMMANDS = sorted(path.stem for path in (ROOT / "electra_pretrain").glob("*.py") if path.stem != "__init__")
INSTALLED = "run_pretraining"  # the only command that can be called by its name alone
# Programs of others that the docs show. One that is not here is a typing error, or belongs here.
FOREIGN = {
    *("pip", "git", "gcloud", "hf", "pre-commit", "nvidia-smi", "squeue", "scancel", "srun", "dask"),
    *(
        ".",
        "[",
        "export",
        "set",
        "test",
        "sleep",
        "echo",
        "exit",
        "ls",
        "mkdir",
        "mktemp",
        "cp",
        "wait",
        "grep",
        "sort",
        "uniq",
        "shuf",
    ),
}
FOREIGN_FLAGS = {
    *("--check", "--internal-ips", "--long", "--no-deps", "--service-account"),
    *("--nodes", "--ntasks-per-node", "--cpus-per-task", "--exclusive"),
    # Held against Dask's and Beam's own in tests/execution/test_dask_cluster.py.
    *("--dask_connection_timeout", "--memory-limit"),
    *("--gpus", "--gpus-per-node", "--mem", "--partition", "--account", "--xla_gpu_cuda_data_dir"),
}
ELLIPSIS = "…"
# Files of the reader's own that stand where a config would.
OWN_CONFIGS = {"my.json", "base_config.json"}


class Parsed(Exception):
    """Raised by a parser in place of what the command would do then."""

    def __init__(self, parser, namespace):
        super().__init__()
        self.parser, self.namespace = parser, namespace


@contextmanager
def strict_parsers(words=(), relaxed=False, stop=False):
    """Parsers that raise instead of ending the process.

    Args:
        words: what the process was given.
        relaxed: nothing is required: the text shows a part of the command.
        stop: raise `Parsed` as soon as words are parsed.
    """
    parse = argparse.ArgumentParser.parse_args

    def parse_args(self, argv=None, namespace=None):
        if relaxed:
            for each in (*self._actions, *self._mutually_exclusive_groups):
                each.required = False
        args = parse(self, argv, namespace)
        if stop:
            raise Parsed(self, args)
        return args

    def error(self, message):
        raise AssertionError(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        patch.setattr(argparse.ArgumentParser, "error", error)
        patch.setattr(sys, "argv", ["command", *words])
        yield


@functools.cache
def option_strings():
    """Every option of every command."""
    found = set()
    for name in COMMANDS:
        with strict_parsers(relaxed=True, stop=True), pytest.raises(Parsed) as parsed:
            importlib.import_module(f"electra_pretrain.{name}").parse_args([])
        found |= {option for action in parsed.value.parser._actions for option in action.option_strings}
    for path in (ROOT / "scripts").glob("*.py"):
        found |= set(re.findall(r'add_argument\("(--\w+)"', path.read_text()))
    return found | {"--delete-at-end", "--yes"}


def parse(words, relaxed):
    """What a command of ours makes of its words; None if there is nothing to parse."""
    relaxed = relaxed or ELLIPSIS in words
    words = [word for word in words if word != ELLIPSIS]
    program, *rest = words
    if program == INSTALLED:
        return parse_command(INSTALLED, rest, relaxed)
    if program == "python" and rest[:1] == ["-m"]:
        package, _, name = rest[1].partition(".")
        assert package == "electra_pretrain", f"{rest[1]}: not ours"
        assert name in COMMANDS, f"there is no command {name}"
        return parse_command(name, rest[2:], relaxed)
    if program == "python":
        return parse_script(rest[0], rest[1:], relaxed)
    assert program == "bash"
    return parse_shell_script(rest[0], rest[1:], relaxed)


def parse_command(name, words, relaxed):
    with strict_parsers(words, relaxed):
        args = importlib.import_module(f"electra_pretrain.{name}").parse_args(words)
    check_values(name, args)
    return args


def parse_script(path, words, relaxed):
    assert (ROOT / path).is_file(), f"{path}: no such file"
    with strict_parsers(words, relaxed, stop=True), pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        spec = importlib.util.spec_from_file_location("shown_script", ROOT / path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        with pytest.raises(Parsed) as parsed:
            script.main()
    return parsed.value.namespace


def parse_shell_script(path, words, relaxed):
    """Which of our scripts hand their words on, and to what."""
    assert (ROOT / path).is_file(), f"{path}: no such file"
    if path in ("scripts/tpu/start.sh", "scripts/tpu/supervise.sh", "scripts/gpu/train.slurm"):
        words = words[1:] if path.endswith("supervise.sh") and words[:1] == ["--delete-at-end"] else words
        return parse_command("run_pretraining", words, relaxed)
    if path == "scripts/quickstart.sh":
        return parse_command("quickstart", words, relaxed)
    if path != "scripts/test.sh":
        known = re.search(r"known_arguments '([^']*)'", (ROOT / path).read_text())[1].split()
        assert set(words) <= set(known), f"{path} takes {known}"
    return None


def check_values(name, args):
    """Names of configs, recipes and fields, which no parser knows."""
    overrides = [each for each in getattr(args, "set", None) or [] if ELLIPSIS not in each]
    if name in ("finetune", "evaluate_checkpoints"):
        fields = {field.name for field in dataclasses.fields(FinetuneConfig)}
        assert {each.partition("=")[0] for each in overrides} <= fields
    elif (config := getattr(args, "config", None)) and config not in OWN_CONFIGS | {"FILE", "NAME"}:
        load_config(config, overrides)
    if (recipe := getattr(args, "recipe", None)) and recipe not in ("FILE", "NAME"):
        assert (shipped_recipes() / f"{recipe}.json").is_file(), f"there is no recipe {recipe}"


def shipped_recipes():
    from electra_pretrain.corpus.cleaning.recipe import SHIPPED

    return SHIPPED


def check(words, relaxed=False):
    if words[0] == "sbatch":  # flags of its own, then a script of ours and its words
        words = ["bash", *itertools.dropwhile(lambda word: not word.startswith("scripts/"), words)]
    if words[0] in FOREIGN or words[0].startswith("$"):
        return
    assert words[0] not in set(COMMANDS) - {INSTALLED}, f"{words[0]} is not installed as a script: python -m electra_pretrain."
    assert words[0] in ("python", "bash", INSTALLED), f"{words[0]}: whose program is that?"
    try:
        parse(words, relaxed)
    except (AssertionError, ValueError) as error:
        raise AssertionError(f"{' '.join(words)}\n{error}") from error


SHELL_BLOCKS = [
    (pages.name_of(page), number, block.text)
    for page in pages.all_pages()
    for number, block in enumerate(pages.blocks(pages.read(page)))
    if block.language == "bash"
]


@pytest.mark.parametrize(("page", "number", "text"), SHELL_BLOCKS, ids=lambda value: "" if "\n" in str(value) else str(value))
def test_fenced_commands_exist_and_take_their_words(page, number, text):
    for words in shell.commands(text):
        check(words)


def test_no_block_of_commands_lacks_its_language():
    for page in pages.all_pages():
        for block in pages.blocks(pages.read(page)):
            if block.language == "":
                assert not re.search(r"^(python|bash|run_pretraining|pip) ", block.text, re.MULTILINE), (page, block.text)


@pytest.mark.parametrize("page", pages.all_pages(), ids=pages.name_of)
def test_commands_within_prose_exist_and_take_their_words(page):
    for span in pages.code_spans(pages.read(page)):
        program, *rest = span.split(" ")
        # A command's name alone speaks of the command; with words behind it, it asks to be pasted.
        if program in COMMANDS and rest and program != INSTALLED:
            raise AssertionError(f"`{span}` cannot be pasted: write python -m electra_pretrain.{program}")
        ours = (program == "python" and (rest[:1] == ["-m"] or rest[0].startswith("scripts/"))) or (program == "bash" and rest)
        if (ours and "electra_pretrain.NAME" not in span and "pytest" not in rest) or program == INSTALLED:
            words = ["1" if word == "N" else word for word in shell.commands(span)[0]]
            check(words, relaxed=True)


@pytest.mark.parametrize("page", pages.all_pages(), ids=pages.name_of)
def test_flags_and_fields_within_prose_exist(page):
    sections = dataclasses.asdict(load_config("tiny"))
    for span in pages.code_spans(pages.read(page)):
        if not span.startswith(("pip ", "gcloud ", "hf ", "tensorboard", "ruff", "python -m pytest", "bash scripts/test.sh")):
            flags = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", span))
            assert flags <= option_strings() | FOREIGN_FLAGS, span
        if field := re.match(r"(model|objective|optimizer|training|data)\.(?!safetensors|ckpt)(\w+)", span):
            assert field[2] in sections[field[1]] or field[2] == ELLIPSIS, span


def test_extras_that_are_to_be_installed_exist():
    setup = ast.parse((ROOT / "setup.py").read_text())
    call = next(node for node in ast.walk(setup) if isinstance(node, ast.keyword) and node.arg == "extras_require")
    extras = {key.value for key in call.value.keys}
    for page in pages.all_pages():
        for named in re.findall(r"(?:\.|electra_pretrain)\[([\w,-]+)\](?:'| @)", pages.read(page)):
            assert set(named.split(",")) <= extras, (page, named)


@pytest.mark.parametrize("page", pages.all_pages(), ids=pages.name_of)
def test_a_cluster_that_is_shown_is_one_that_training_reads(page):
    for text in re.findall(r"TF_CONFIG='([^']*)'", pages.read(page)):
        values = json.loads(text)
        assert list(values["cluster"]) == ["worker"] and values["task"]["type"] == "worker"
        assert 0 <= values["task"]["index"] < len(values["cluster"]["worker"])


def test_every_command_is_shown_in_a_page():
    shown = "\n".join(text for *_, text in SHELL_BLOCKS)
    spans = "\n".join(span for page in pages.all_pages() for span in pages.code_spans(pages.read(page)))
    missing = [name for name in COMMANDS if f"electra_pretrain.{name}" not in shown + spans and name != INSTALLED]
    assert missing == []


# --- cheap blocks, run ------------------------------------------------------------------------------------------------------

# A translation's blocks are held against the page's own by test_pages.py, so that they need not run twice.
RUNNING = [
    page
    for page in pages.all_pages()
    if "ko" not in page.parts and page.name != "README_KO.md"
    if any(block.runs for block in pages.blocks(pages.read(page)))
]


@pytest.fixture
def reader(tmp_path):
    """A reader's folder, with a little text, and what a reader's shell finds there."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "raw").mkdir()
    for name in ("comments", "recipes"):
        shutil.copy(SAMPLE_CORPUS / f"{name}.txt", tmp_path / "corpus")
    documents = (SAMPLE_CORPUS / "news.txt").read_text(encoding="utf-8").split("\n\n")
    with gzip.open(tmp_path / "raw" / "news.jsonl.gz", "wt", encoding="utf-8") as file:
        # A line that the recipe drops, for who looks at what was dropped.
        file.writelines(json.dumps({"text": text}) + "\n" for text in [*documents, "85853"])
    programs = tmp_path / ".bin"
    programs.mkdir()
    for name, words in (("python", ""), (INSTALLED, f"-m electra_pretrain.{INSTALLED}")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}"}

    def run(block):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def test_readme_has_a_block_that_runs():
    assert "README.md" in map(pages.name_of, RUNNING)


@pytest.mark.parametrize("page", RUNNING, ids=pages.name_of)
def test_cheap_blocks_run(page, reader):
    for block in pages.blocks(pages.read(page)):
        if block.runs:
            done = reader(block.text)
            assert done.returncode == 0, f"{block.text}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
