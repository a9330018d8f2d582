"""What is damaged: commands with valid command lines, and the files that each of them reads.

A target's command ends with 0 where nothing is damaged (`test_harness.py` holds that). To add one: a line in `TARGETS`; if it
reads a file that is not there yet, make it in `material.py`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Target(NamedTuple):
    """A command and its inputs.

    Attributes:
        command: its name.
        words: of its command line, in a folder that holds `in/`; it may write anywhere else there.
        inputs: files that it reads -> their type in `damage.registry`.
        whole: patterns of files that tell a later command that an output is finished.
        not_compared: patterns of outputs in which something differs with the input's bytes, though not with what they mean.
        names: of what else an error may speak than of the damaged file.
        goes_on: it may do without what is damaged, if it says so.
        slow: takes seconds; left to the slow tests.
    """

    command: str
    words: str
    inputs: Mapping[str, str]
    whole: tuple[str, ...] = ("out*",)
    not_compared: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    goes_on: bool = False
    slow: bool = False


PRINTED = "what it prints"  # compared as an output is
ONE_PROCESS = "--num_processes 1"
BUILD = f"--vocab in/vocab/vocab.txt --output out --max_seq_length 16 --heldout_fraction 0.2 {ONE_PROCESS}"
NOTHING_LEFT = "the table says by which rule"
MADE_TEXT = ("out/corpus.json",)  # names its sources with their hashes
DISK = (PRINTED,)  # how much room there is, too
CARDS = ("out/*/README.md", "out/.export_hf.json")
RUN = {
    "in/run/config.json": "json",
    "in/run/run.json": "json",
    "in/run/vocab.txt": "fixed_text",
    "in/run/model.ckpt-3.index": "checkpoint",
    "in/run/model.ckpt-3.data-00000-of-00001": "checkpoint_data",
}
HUGGING_FACE = {
    f"in/hf/{network}/{name}": kind
    for network in ("discriminator", "generator")
    for name, kind in (
        ("config.json", "json"),
        ("model.safetensors", "safetensors"),
        ("vocab.txt", "text"),
        ("tokenizer.json", "json"),
    )
}
RECORDS = {
    "in/records/manifest.json": "json",
    "in/records/vocab.txt": "fixed_text",
    "in/records/train-00000-of-00001.tfrecord": "records",
    "in/records/heldout-00000-of-00001.tfrecord": "records",
}


def _corpus(name: str, kind: str, more: str = "") -> Target:
    """Let clean_corpus read a file of its own beside a plain one, in the quickest way to read a corpus in full."""
    words = f"--corpus in/{name} --output out --recipe in/recipe.json {ONE_PROCESS} {more}"
    return Target("clean_corpus", words, {f"in/{name}": kind}, ("out/corpus.json",), MADE_TEXT, (NOTHING_LEFT,))


TARGETS = {
    "text": _corpus("text/a.txt", "text", "--dropped dropped.jsonl"),
    "text_cp949": _corpus("cp949.txt", "text", "--encoding cp949 --on_bad_bytes skip"),
    "text_gz": _corpus("a.txt.gz", "compressed"),
    "text_xz": _corpus("a.txt.xz", "compressed"),
    "text_zst": _corpus("a.txt.zst", "compressed"),
    "text_bz2": _corpus("a.txt.bz2", "compressed"),
    "json_lines": _corpus("a.jsonl", "json_corpus"),
    "json_array": _corpus("a.json", "json_corpus"),
    "json_modu": _corpus("modu.json", "json_corpus", "--layout modu"),
    "csv": _corpus("a.csv", "text"),
    "tsv": _corpus("a.tsv", "text"),
    "parquet": _corpus("a.parquet", "table"),
    "zip": _corpus("a.zip", "archive"),
    "tar": _corpus("a.tar.gz", "archive"),
    "dump": _corpus("dump.xml.bz2", "archive"),
    "volumes": Target(
        "clean_corpus",
        f"--corpus in/volumes --output out --recipe in/recipe.json {ONE_PROCESS}",
        {"in/volumes/b.tar.gzaa": "volume", "in/volumes/b.tar.gzab": "volume"},
        ("out/corpus.json",),
        MADE_TEXT,
    ),
    "left_out": _corpus("a.txt.zst,in/text/b.txt", "compressed", "--on_bad_file skip")._replace(
        inputs={"in/a.txt.zst": "compressed"}, goes_on=True
    ),
    "recipe": _corpus("text/a.txt", "text")._replace(inputs={"in/recipe.json": "recipe"}, whole=()),
    "dedup": Target(
        "dedup_corpus",
        f"--corpus in/a.txt.zst,in/text/b.txt --output out --by line --dropped dropped.jsonl {ONE_PROCESS}",
        {"in/a.txt.zst": "compressed", "in/text/b.txt": "text"},
        ("out/corpus.json",),
        MADE_TEXT,
    ),
    "dedup_near": Target(
        "dedup_corpus",
        f"--corpus in/a.jsonl --output out --by document --near 0.8 {ONE_PROCESS}",
        {"in/a.jsonl": "json_corpus"},
        ("out/corpus.json",),
        MADE_TEXT,
    ),
    "stats": Target("corpus_stats", f"--corpus in/text/a.txt --html out.html {ONE_PROCESS}", {"in/text/a.txt": "text"}),
    "stats_json": Target("corpus_stats", f"--corpus in/a.json --json {ONE_PROCESS}", {"in/a.json": "json_corpus"}),
    "build": Target(
        "build_data",
        f"--corpus in/a.txt.gz,in/text/b.txt {BUILD}",
        {
            "in/a.txt.gz": "compressed",
            "in/text/b.txt": "text",
            "in/vocab/vocab.txt": "text",
            "in/vocab/vocab.txt.json": "json",
        },
        ("out/manifest.json",),
        ("out/manifest.json",),
    ),
    "build_sentencepiece": Target(
        "build_data",
        f"--corpus in/text/a.txt {BUILD.replace('in/vocab/vocab.txt', 'in/spm/spm.model')}",
        {"in/spm/spm.model": "table", "in/spm/spm.model.json": "json"},
        ("out/manifest.json",),
        ("out/manifest.json",),
    ),
    "learn": Target(
        "train_vocab",
        "--corpus in/a.txt.bz2 --output out.txt --vocab_size 150 --unused 20 --min_frequency 1 --put_terms in/terms.txt "
        "--extend in/vocab/vocab.txt",
        {"in/a.txt.bz2": "compressed", "in/terms.txt": "text", "in/vocab/vocab.txt": "text"},
        not_compared=("out.txt.json",),
    ),
    "learn_sentencepiece": Target(
        "train_vocab",
        "--corpus in/text/a.txt --output out.model --vocab_size 150 --unused 0 --engine sentencepiece_bpe",
        {"in/text/a.txt": "text"},
    ),
    "edit": Target(
        "edit_vocab",
        "--vocab in/vocab/vocab.txt --put_terms in/terms.txt --output out.txt --tokenizer_json out.json",
        {"in/vocab/vocab.txt": "text", "in/terms.txt": "text", "in/vocab/vocab.txt.json": "json"},
        not_compared=("out.txt.json",),
    ),
    "compare_vocab": Target(
        "inspect_vocab",
        "--vocab in/vocab/vocab.txt in/spm/spm.model --corpus in/text/b.txt --html out.html",
        {"in/vocab/vocab.txt": "text", "in/spm/spm.model": "table", "in/text/b.txt": "text", "in/spm/spm.model.json": "json"},
    ),
    "inspect": Target("inspect_data", f"in/records --html out.html {ONE_PROCESS}", RECORDS, whole=()),
    "adopt": Target(
        "inspect_data",
        f"in/loose --adopt --vocab in/vocab/vocab.txt --heldout_fraction 0.5 {ONE_PROCESS}",
        {
            "in/loose/train-00000-of-00001.tfrecord": "loose_records",
            "in/loose/heldout-00000-of-00001.tfrecord": "loose_records",
            "in/vocab/vocab.txt": "text",
        },
        ("in/loose/manifest.json",),
        ("in/loose/*",),
    ),
    "preflight": Target(
        "run_pretraining",
        "--config in/config.json --data in/records --model_dir out --preflight",
        {"in/config.json": "json", **RECORDS},
        not_compared=DISK,
    ),
    "preflight_hparams": Target(
        "run_pretraining",
        "--hparams in/hparams.json --data in/records --model_dir out --preflight",
        {"in/hparams.json": "json"},
        not_compared=DISK,
    ),
    "go_on": Target(
        "run_pretraining",
        "--config in/config.json --data in/records --model_dir in/run --preflight",
        {"in/run/config.json": "json", "in/run/run.json": "json"},
        not_compared=DISK,
    ),
    "start_from": Target(
        "run_pretraining",
        "--config in/config.json --data in/records --model_dir out --preflight --set training.init_from=in/hf/discriminator",
        {path: kind for path, kind in HUGGING_FACE.items() if "/discriminator/" in path},
        not_compared=DISK,
    ),
    "train": Target(
        "run_pretraining",
        "--config in/config.json --data in/records --model_dir out --set training.num_train_steps=2",
        RECORDS,
        ("out/model.ckpt-2.index",),
        ("out/metrics.jsonl", "out/run.json"),
        slow=True,
    ),
    "score": Target("evaluate_pretraining", "--model_dir in/run --data in/records", {**RUN, **RECORDS}, slow=True),
    "export_hf": Target(
        "export_hf", "--model_dir in/run --output out", RUN | {"in/run/metrics.jsonl": "json"}, not_compared=CARDS
    ),
    "export_tf1": Target("export_tf1", "--model_dir in/run --output out", RUN, not_compared=("out/config.json",)),
    "import_hf": Target(
        "import_checkpoint",
        "--discriminator in/hf/discriminator --generator in/hf/generator --terms in/terms.txt --output out",
        HUGGING_FACE | {"in/terms.txt": "text"},
        not_compared=("out/config.json",),
    ),
    "import_tf1": Target(
        "import_checkpoint",
        "--tf1 in/tf1 --output out --config in/config.json",
        {
            "in/tf1/model.ckpt-3.index": "checkpoint",
            "in/tf1/model.ckpt-3.data-00000-of-00001": "checkpoint_data",
            "in/tf1/checkpoint": "text",
            "in/tf1/vocab.txt": "text",
            "in/config.json": "json",
        },
        not_compared=("out/config.json",),
    ),
    "plot": Target(
        "plot_run",
        "in/run --output out.html",
        {"in/run/metrics.jsonl": "json", "in/run/config.json": "json"},
        not_compared=("out.html", PRINTED),  # a run whose config cannot be read is drawn, and that is said
    ),
    "compare": Target(
        "compare",
        "in/scores in/evaluated --published --all_steps --output out.md",
        {"in/scores/nsmc-0/results.json": "json", "in/evaluated/results.json": "json"},
    ),
}
