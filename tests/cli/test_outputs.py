"""No command destroys what a user has: every option of every command that names an output, by the command itself."""

import importlib
import json
import os
import re
import socket
import types
from pathlib import Path

import pytest

import electra_pretrain
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.recipe import SHIPPED
from tests.conftest import MICRO

MINE = "이것은 내가 쓴 글이다.\n\n그리고 이것도 내가 쓴 글이다.\n"
# Options that name an output, and where what they name is made; all else that is called so is an input.
HOST = socket.gethostname()
OUTPUTS = {"--output", "--dropped", "--html", "--compiled", "--tokenizer_json", "--model_dir", "--work_dir", "--overwrite"}


def command(name, line):
    """Run a command on a line of arguments; return its error's line, "" where there is none."""
    module = importlib.import_module(f"electra_pretrain.{name}")
    try:
        getattr(module, name)(module.parse_args(line.split()))
    except UserError as error:
        assert "\n" not in str(error)
        return str(error)
    return ""


def snapshot(folder):
    """All files beneath a folder, and what is in them."""
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A small world: a corpus, a vocabulary with what made it, records, a run, a Hugging Face model, results, and notes."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "c/a.txt": MINE,
        "c/b.txt": "other\n",
        "terms.txt": "term\n",
        "recipe.json": (SHIPPED / "default.json").read_text(),
        "notes": MINE,
    }
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "m", "##i", "##n", "##e", "mine", "a", "##nd", "[unused0]"]
    tokens += MINE.replace(".", " . ").split()
    texts["v/vocab.txt"] = texts["v/other.txt"] = "".join(f"{token}\n" for token in tokens)
    settings = {"do_lower_case": False, "tokens": len(tokens), "command": "python -m electra_pretrain.train_vocab --corpus c"}
    texts["v/vocab.txt.json"] = json.dumps(settings)
    texts |= {"data/manifest.json": "{}", "run/config.json": "{}", "hf/config.json": "{}", "scores/results.json": "{}"}
    texts |= {
        "config.json": "{}",
        "run/metrics.jsonl": "{}",
        "tf1/model.ckpt-1.index": "x",
        "task/train.tsv": "x",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    os.link("c/a.txt", "hard")
    return tmp_path


CLEAN, DEDUP = "clean_corpus --num_processes 1", "dedup_corpus --by line --num_processes 1"
BUILD, TRAIN = "build_data --num_processes 1 --vocab v/vocab.txt", "train_vocab --vocab_size 60 --limit_alphabet 20 --unused 1"
EDIT, SWEEP = "edit_vocab --vocab v/vocab.txt --put_terms terms.txt", "evaluate_checkpoints --tasks nsmc --data nsmc=task"
STATS, INSPECT = "corpus_stats --num_processes 1", "inspect_vocab --vocab v/vocab.txt"


@pytest.mark.parametrize(
    "line",
    [
        f"{CLEAN} --corpus c/*.txt --output o --dropped c/a.txt",
        f"{CLEAN} --corpus c/*.txt --output o --dropped hard --overwrite",
        f"{CLEAN} --corpus c/*.txt --output o --dropped recipe.json --recipe recipe.json --overwrite",
        f"{CLEAN} --corpus c/* --output ./c",
        f"{CLEAN} --corpus c --output o --dropped c/dropped.jsonl",
        f"{CLEAN} --corpus c/* --output {'{here}'}/v/../c/",
        f"{DEDUP} --corpus c/*.txt --output o --dropped ./c/b.txt --overwrite",
        f"{DEDUP} --corpus c/* --output .",
        f"{DEDUP} --corpus c --output c/o",
        f"{BUILD} --corpus c/* --output c",
        f"{BUILD} --corpus c/* --output v",
        f"{BUILD} --corpus c --output o --work_dir c --runner DirectRunner",
        f"{TRAIN} --corpus c/* --output c/a.txt --overwrite",
        f"{TRAIN} --corpus c/* --output terms.txt --put_terms terms.txt --overwrite",
        f"{TRAIN} --corpus c/* --output v/vocab.txt --extend v/vocab.txt --overwrite",
        f"{EDIT} --output v/../v/vocab.txt --overwrite",
        f"{EDIT} --output terms.txt --overwrite",
        f"{EDIT} --output o --tokenizer_json v/vocab.txt.json --overwrite",
        f"{STATS} --corpus c/* --html c/a.txt --overwrite",
        f"{STATS} --corpus c --html c/page.html",
        f"{INSPECT} --corpus c/* --html v/vocab.txt --overwrite",
        f"{INSPECT} --corpus c/* --html hard --overwrite",
        "inspect_data data --html data/manifest.json --overwrite",
        "inspect_data data --html data/page.html",
        "inspect_data data --adopt --vocab v/vocab.txt --html v/vocab.txt --overwrite",
        "compare scores --output scores/results.json --overwrite",
        "gpu_check --config config.json --compiled config.json --overwrite",
        "tpu_check --config config.json --compiled ./config.json --overwrite",
        "export_tf1 --model_dir run --output ./run --overwrite",
        "import_checkpoint --discriminator hf --output hf --overwrite",
        "import_checkpoint --discriminator hf --terms terms.txt --output . --overwrite",
        "finetune --model hf --task nsmc --data task --output task/out",
        "finetune --model hf --task nsmc --data task --output hf",
        f"{SWEEP} --model_dir run --output scores --beside scores",
        f"{SWEEP} --model_dir run --output .",
        "run_pretraining --config tiny.json --data data --model_dir data",
        "run_pretraining --config tiny.json --data data --model_dir data/run",
        "quickstart --corpus c/* --output c",
    ],
)
def test_an_output_is_never_an_input(here, line, monkeypatch):
    from electra_pretrain import evaluate_checkpoints, finetune, gpu_check, tpu_check
    from electra_pretrain.xla.compiler import Compiler

    monkeypatch.setattr(Compiler, "check_installed", lambda self: None)
    for each in (finetune, evaluate_checkpoints):
        monkeypatch.setattr(each, "require_packages", lambda: None)
    monkeypatch.setattr(evaluate_checkpoints, "last_step", lambda folder: 1)
    for each in (gpu_check, tpu_check):
        monkeypatch.setattr(each, "chosen_phase", lambda args: types.SimpleNamespace(config=MICRO))
    name, _, rest = line.format(here=here).partition(" ")
    before = snapshot(here)
    assert re.search(r"(which is read|all of which is read) \(", command(name, rest)), command(name, rest)
    assert snapshot(here) == before


@pytest.mark.parametrize(
    "line",
    [
        f"{CLEAN} --corpus c/* --output o --dropped notes",
        f"{DEDUP} --corpus c/* --output o --dropped notes",
        f"{TRAIN} --corpus c/* --output notes",
        f"{TRAIN} --corpus c/* --output v/other.txt",
        f"{TRAIN} --corpus c/* --output config",
        f"{EDIT} --output notes",
        f"{EDIT} --output o --tokenizer_json config.json",
        f"{STATS} --corpus c/* --html notes",
        f"{INSPECT} --corpus c/* --html notes",
        "inspect_data data --html notes",
        "compare scores --output notes",
    ],
)
def test_a_file_of_others_is_replaced_only_by_overwrite(here, line):
    name, _, rest = line.partition(" ")
    before = snapshot(here)
    assert re.search(r"a file of \d+ bytes lies there that this command did not make; .* --overwrite$", command(name, rest))
    assert snapshot(here) == before
    assert "lies there" not in command(name, f"{rest} --overwrite")


@pytest.mark.parametrize(
    "line",
    [
        f"{CLEAN} --corpus c/* --output o --dropped n/d.jsonl",
        f"{CLEAN} --corpus c/* --output o --dropped n/d.jsonl.zst",
        f"{DEDUP} --corpus c/* --output o --dropped n/d.jsonl.gz",
        f"{BUILD} --corpus c/* --output o --max_seq_length 8",
        f"{TRAIN} --corpus c/* --output n/vocab.txt",
        f"{EDIT} --output n/vocab.txt --tokenizer_json n/tokenizer.json",
        f"{STATS} --corpus c/* --html n/page.html",
        f"{INSPECT} --corpus c/* --html n/page.html",
    ],
)
def test_the_same_command_may_run_again(here, line):
    name, _, rest = line.partition(" ")
    assert command(name, rest) == ""
    first = snapshot(here)
    for path in list(here.rglob("*")):
        if str(path.relative_to(here)).startswith(("o", "n/")) and path.is_file():
            path.with_name(f"{path.name}.tmp-{10**30}-{HOST}").write_text("what a killed run left")
    assert command(name, rest) == ""
    if name != "build_data":  # a finished folder of records is not touched again
        assert snapshot(here) == first


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst", ".bz2"])
def test_dedup_compresses_what_it_drops_as_the_suffix_says(here, suffix):
    from electra_pretrain.core.compression import decompressed

    (here / "c" / "b.txt").write_text(MINE)
    for corpus, path in [("c/*", f"some{suffix}"), ("c/a.txt", f"none{suffix}")]:
        assert (
            command("dedup_corpus", f"--by document --num_processes 1 --corpus {corpus} --output o{corpus[2]} --dropped {path}")
            == ""
        )
        with open(path, "rb") as raw, decompressed(path, raw) as file:
            rows = [json.loads(line) for line in file.read().splitlines()]
        assert [row["text"] for row in rows] == (MINE.split("\n")[0:3:2] if corpus == "c/*" else [])


def test_every_option_that_names_an_output_is_known_here():
    """A new one must be held against inputs: then name it above."""
    texts = [
        path.read_text() for folder in (".", "cli") for path in (Path(electra_pretrain.__file__).parent / folder).glob("*.py")
    ]
    helps = re.findall(r'"(--\w+)",[^)]*?help=f?"((?:write|also write|keep what|folder (?:for|to))[^"]*)', "\n".join(texts))
    assert {option for option, _ in helps} - {"--keep_exports", "--keep_optimizer"} <= OUTPUTS
