"""The commands that kill_test.py kills: how each is called, on what small input, what in its output is a time or a place."""

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TIMES = ("per_second", "seconds", "hours_left", "share_of_peak")  # as endings of the names of fields
EVENTS = r"events\.out\.tfevents\."  # TensorBoard's: one for every start, whose name tells time, host and process
CONFIG = {
    "model": {
        "num_hidden_layers": 1,
        "hidden_size": 32,
        "embedding_size": 16,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    },
    "objective": {"generator_hidden_size": 0.5},
    "optimizer": {"learning_rate": 0.005, "num_warmup_steps": 10},
    "training": {
        "train_batch_size": 8,
        "num_train_steps": 60,
        "save_checkpoints_steps": 20,
        "iterations_per_loop": 5,
        "eval_batch_size": 8,
        "num_eval_steps": 2,
    },
    "data": {"max_seq_length": 64, "vocab_size": 3500},
}


class Case(NamedTuple):
    """A command.

    Attributes:
        name: of its folder; of the command, unless that stands here twice.
        command: what is typed after `electra_pretrain.`, in a folder that holds all commands' folders; what others made is
            taken from those that nobody killed.
        needs: names of cases whose output it reads.
        copies: what it works in is a copy: its path, and its name in the command's own folder.
        not_copied: files that are left out of the copies.
        aside: ends of the names of JSON fields that may differ.
        files_aside: regular expression of files that are not compared.
        prints: its result is what it prints.
        stages: its result lies in the bucket.
        done_says: what it says, with exit code 1, when a run that was killed at its very end had done all.
    """

    name: str
    command: str
    needs: tuple[str, ...] = ()
    copies: Mapping[str, str] = {}
    not_copied: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    files_aside: str = "(?!)"
    prints: bool = False
    stages: bool = False
    done_says: str = ""


# What cases share: text, and what the commands before have made where nobody killed them.
TEXT, CONFIG_FILE, TASKS = "'../inputs/corpus/*.txt'", "../inputs/config.json", "../inputs/tasks"
VOCAB, DATA, RUN = "../straight/train_vocab/vocab.txt", "../straight/build_data/out", "../straight/run_pretraining/run"
HF, TF1, SCORES = "../straight/export_hf/out", "../straight/export_tf1/out", "../straight/finetune/out/results.json"

CASES = (
    Case("clean_corpus", f"clean_corpus --corpus {TEXT} --output clean_corpus/out --dropped clean_corpus/dropped.jsonl"),
    Case("dedup_corpus", f"dedup_corpus --corpus {TEXT} --by line --near 0.8 --output dedup_corpus/out"
         " --dropped dedup_corpus/dropped.jsonl.zst"),
    Case("corpus_stats", f"corpus_stats --corpus {TEXT} --json --html corpus_stats/page.html", prints=True),
    Case("train_vocab", f"train_vocab --corpus {TEXT} --vocab_size 3500 --output train_vocab/vocab.txt"),
    Case("train_sentencepiece", f"train_vocab --corpus {TEXT} --engine sentencepiece_unigram --vocab_size 3500"
         " --output train_sentencepiece/spm.model"),
    Case("edit_vocab", f"edit_vocab --vocab {VOCAB} --put_terms ../inputs/terms.txt --output edit_vocab/vocab.txt"
         " --tokenizer_json edit_vocab/tokenizer.json", ("train_vocab",)),
    Case("build_data", f"build_data --corpus {TEXT} --vocab {VOCAB} --output build_data/out --max_seq_length 64"
         " --heldout_fraction 0.1 --dupe_factor 4", ("train_vocab",)),
    Case("inspect_data", f"inspect_data {DATA} --html inspect_data/page.html", ("build_data",)),
    Case("adopt", f"inspect_data adopt/data --adopt --vocab {VOCAB} --heldout_fraction 0.1", ("build_data",),
         {DATA: "data"}, ("manifest.json", "vocab.txt*"), done_says="has a manifest already"),
    Case("stage", f"stage {DATA} gs://records/data", ("build_data",), stages=True),
    Case("run_pretraining", f"run_pretraining --config {CONFIG_FILE} --data {DATA} --model_dir run_pretraining/run",
         ("build_data",), aside=TIMES, files_aside=EVENTS),
    Case("evaluate_pretraining", f"evaluate_pretraining --model_dir {RUN} --data {DATA}", ("run_pretraining",), prints=True),
    Case("plot_run", f"plot_run {RUN} --output plot_run/run.png", ("run_pretraining",)),
    Case("plot_run_html", f"plot_run {RUN} --output plot_run_html/run.html", ("run_pretraining",)),
    Case("export_hf", f"export_hf --model_dir {RUN} --output export_hf/out", ("run_pretraining",)),
    Case("export_tf1", f"export_tf1 --model_dir {RUN} --output export_tf1/out --keep_optimizer", ("run_pretraining",)),
    Case("import_hf", f"import_checkpoint --discriminator {HF}/discriminator --generator {HF}/generator --output import_hf/out",
         ("export_hf",)),
    Case("import_tf1", f"import_checkpoint --tf1 {TF1} --keep_optimizer --output import_tf1/out --config {CONFIG_FILE}",
         ("export_tf1",)),
    Case("finetune", f"finetune --model {HF}/discriminator --task nsmc --data {TASKS}/nsmc --output finetune/out"
         " --max_steps 12 --precision float32 --save_model", ("export_hf",), aside=TIMES),
    Case("evaluate_checkpoints", f"evaluate_checkpoints --model_dir {RUN} --tasks nsmc --data {TASKS}"
         " --output evaluate_checkpoints/out --every 40 --max_steps 6 --random", ("run_pretraining",),
         aside=(*TIMES, "model"), files_aside=r"\.log$"),  # the model's whole path; what each fine-tuning said of its speed
    Case("compare", f"compare {SCORES} --output compare/table.md", ("finetune",)),
    Case("quickstart", f"quickstart --output quickstart/out --corpus {TEXT} --config {CONFIG_FILE}",
         aside=TIMES, files_aside=EVENTS),
)  # fmt: skip


def write_inputs(folder: Path, root: Path) -> None:
    """Write what the first commands read: some text, terms, a config, and films' reviews that rules can tell apart."""
    shutil.copytree(root / "electra_pretrain" / "sample_corpus", folder / "corpus")
    (folder / "terms.txt").write_text("사전학습\n판별기\n")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tasks" / "nsmc").mkdir(parents=True)
    chance = random.Random(0)
    for name, count in (("ratings_train.txt", 256), ("ratings_test.txt", 64)):
        lines = ["id\tdocument\tlabel"]
        for number in range(count):
            words = " ".join(chance.choice(("영화", "배우", "음악", "이야기", "장면")) for _ in range(5))
            lines.append(f"{number}\t{words} {('지루했다', '좋았다')[number % 2]}\t{number % 2}")
        (folder / "tasks" / "nsmc" / name).write_text("\n".join(lines) + "\n")
