"""The valid inputs of all targets, as small as they can be; what commands make is made by the commands themselves."""

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from electra_pretrain.core.compression import compressed
from tests.fuzz import runner

SEQ = 16
SUBJECTS = ["나무", "바람", "강물", "아이", "구름", "고양이", "바다", "학교", "기차", "하늘", "노래", "사람", "마을"]
VERBS = ["자란다", "분다", "흐른다", "웃는다", "간다", "잔다", "빛난다", "열린다", "달린다", "맑다", "들린다", "산다", "온다"]
SENTENCES = [
    f"{subject}이 {place} 곁에서 {verb}" for subject, verb in zip(SUBJECTS, VERBS, strict=True) for place in SUBJECTS[:5]
]
DOCUMENTS = [SENTENCES[start : start + 5] for start in range(0, len(SENTENCES), 5)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CONFIG = {
    "model": {
        "num_hidden_layers": 1,
        "hidden_size": 8,
        "embedding_size": 8,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "max_position_embeddings": SEQ,
    },
    "objective": {"generator_hidden_size": 0.5},
    "optimizer": {"learning_rate": 0.001, "num_warmup_steps": 2},
    "training": {"train_batch_size": 4, "num_train_steps": 6, "save_checkpoints_steps": 3, "eval_batch_size": 4},
    "data": {"max_seq_length": SEQ},
}


def make(folder: Path) -> None:
    """Make everything, in `in/` within an empty folder."""
    root = folder / "in"
    _write_corpora(root)
    tokens = _write_vocabulary(root)
    config = {**CONFIG, "data": {"max_seq_length": SEQ, "vocab_size": len(tokens), "do_lower_case": False}}
    _write_json(root / "config.json", config)
    _write_json(root / "hparams.json", {"vocab_size": len(tokens), "max_seq_length": SEQ, "train_batch_size": 4})
    _write_json(root / "recipe.json", RECIPE)
    _write_scores(root)
    length = ("--max_seq_length", str(SEQ), "--num_processes", "1")
    build = ("--corpus", "in/text/a.txt,in/text/b.txt", "--vocab", "in/vocab/vocab.txt", "--output", "in/records", *length)
    _command(folder, "build_data", *build, "--heldout_fraction", "0.2")
    loose = root / "loose"
    loose.mkdir()
    for shard in (root / "records").glob("*.tfrecord"):
        shutil.copy(shard, loose)
    learn = ("--corpus", "in/text/a.txt", "--vocab_size", "150", "--unused", "0", "--engine", "sentencepiece_bpe")
    _command(folder, "train_vocab", *learn, "--output", "in/spm/spm.model")
    _write_run(root, tokens)
    _command(folder, "export_hf", "--model_dir", "in/run", "--output", "in/hf")
    _command(folder, "export_tf1", "--model_dir", "in/run", "--output", "in/tf1")


RECIPE = {
    "name": "mine",
    "source": "Invented.",
    "sentences": "lines",
    "rules": [
        {"rule": "nfc"},
        {"rule": "squeeze", "to": 3, "digits": False, "signs": True},
        {"rule": "min_length", "characters": 2},
    ],
    "drop_duplicates": "line",
}


def _command(folder: Path, name: str, *words: str) -> None:
    outcome = runner.run(name, words, folder, seconds=120)
    assert outcome.code == 0, f"{name} {' '.join(words)}: {outcome.code}\n{outcome.stderr}"
    shutil.rmtree(runner.said_by(folder))


def _write_corpora(root: Path) -> None:
    """Write the same kind of text in every layout and compression."""
    text = root / "text"
    text.mkdir(parents=True)
    halves = [_lines(DOCUMENTS[:10]), _lines(DOCUMENTS[10:])]
    for name, content in zip(("a.txt", "b.txt"), halves, strict=True):
        (text / name).write_bytes(content)
    (root / "cp949.txt").write_bytes(halves[0].decode().encode("cp949"))
    for suffix in ("gz", "xz", "bz2"):
        (root / f"a.txt.{suffix}").write_bytes(compressed(f"a.txt.{suffix}", halves[0]))
    import zstandard

    (root / "a.txt.zst").write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(halves[0]))
    rows = [" ".join(document) for document in DOCUMENTS[:10]]
    (root / "a.jsonl").write_text("".join(json.dumps({"text": row, "id": 1}, ensure_ascii=False) + "\n" for row in rows))
    _write_json(root / "a.json", [{"text": row, "id": 1} for row in rows])
    _write_json(
        root / "modu.json", {"id": "x", "document": [_modu(number, document) for number, document in enumerate(DOCUMENTS)]}
    )
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        lines = [f"id{separator}text", *(f"{number}{separator}{row}" for number, row in enumerate(rows))]
        (root / f"a{suffix}").write_text("\n".join(lines) + "\n")
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": rows}), root / "a.parquet")
    with zipfile.ZipFile(root / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("one/a.txt"), halves[0], zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("two/b.txt"), halves[1], zipfile.ZIP_DEFLATED)
    (root / "a.tar.gz").write_bytes(compressed("a.tar.gz", _tar(text)))
    volumes, whole = root / "volumes", (root / "a.tar.gz").read_bytes()
    volumes.mkdir()
    for name, part in (("b.tar.gzaa", whole[: len(whole) // 2]), ("b.tar.gzab", whole[len(whole) // 2 :])):
        (volumes / name).write_bytes(part)
    (root / "dump.xml.bz2").write_bytes(compressed("dump.xml.bz2", _dump(rows).encode()))


def _lines(documents: list[list[str]]) -> bytes:
    return "\n\n".join("\n".join(document) for document in documents).encode() + b"\n"


def _tar(folder: Path) -> bytes:
    """Pack the files of a folder, with no time in it: a seed must mean the same damage at any time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            member = tarfile.TarInfo(path.name)
            member.size = path.stat().st_size
            tar.addfile(member, io.BytesIO(path.read_bytes()))
    return packed.getvalue()


def _modu(number: int, document: list[str]) -> dict[str, object]:
    paragraphs = [{"id": f"x.{number}.{line}", "form": sentence} for line, sentence in enumerate(document)]
    return {"id": f"x.{number}", "metadata": {}, "paragraph": paragraphs}


def _dump(rows: list[str]) -> str:
    pages = "".join(
        f"<page><title>글 {number}</title><ns>0</ns><id>{number}</id>"
        f"<revision><id>1</id><text>{row}.</text></revision></page>\n"
        for number, row in enumerate(rows, 1)
    )
    return f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="ko">\n{pages}</mediawiki>\n'


def _write_vocabulary(root: Path) -> list[str]:
    """Write vocab.txt with all characters, at a word's start and within; behind so many others that ids take two bytes."""
    characters = sorted(set("".join(SENTENCES)) - {" "})
    tokens = [*SPECIAL, *(f"[unused{number}]" for number in range(130)), *characters, *(f"##{each}" for each in characters)]
    (root / "vocab").mkdir()
    (root / "vocab" / "vocab.txt").write_text("\n".join(tokens) + "\n")
    _write_json(root / "vocab" / "vocab.txt.json", {"do_lower_case": False})
    (root / "terms.txt").write_text("고래\n##고래\n등대\n")
    return tokens


def _write_scores(root: Path) -> None:
    """Write what finetune and evaluate_checkpoints leave behind, as far as others read it, and a task's files."""
    score = {"task": "nsmc", "model": "models/small", "metrics": {"accuracy": 90.0}, "metric": "accuracy", "split": "test"}
    for seed in (0, 1):
        _write_json(root / "scores" / f"nsmc-{seed}" / "results.json", score | {"seed": seed, "steps": 7, "select": "last"})
    cells = [score | {"seed": seed, "step": step} for step in (0, 3) for seed in (0, 1)]
    _write_json(root / "evaluated" / "results.json", {"run": "runs/small", "tasks": ["nsmc"], "cells": cells})
    rows = [f"{number}\t{sentence}\t{number % 2}" for number, sentence in enumerate(SENTENCES[:24])]
    for name in ("ratings_train.txt", "ratings_test.txt"):
        (root / "nsmc").mkdir(exist_ok=True)
        (root / "nsmc" / name).write_text("\n".join(["id\tdocument\tlabel", *rows]) + "\n")


def _write_run(root: Path, tokens: list[str]) -> None:
    """Write the folder of a run that stopped at step 3, its weights random: nothing is trained."""
    import tensorflow as tf

    from electra_pretrain.checkpoint import bundle
    from electra_pretrain.config.load import load_config
    from electra_pretrain.records.manifest import load_manifest
    from electra_pretrain.train.input import Source
    from electra_pretrain.train.start import Start, record_run
    from electra_pretrain.train.trainer import Trainer

    config, run = load_config(str(root / "config.json")), root / "run"
    run.mkdir()
    manifest = load_manifest(str(root / "records"))
    record_run(Start(config, [Source(str(root / "records"), manifest)], str(run), None), "a processor")
    trainer = Trainer(config, manifest.vocabulary.special_ids, tf.distribute.get_strategy())
    values = {name: np.array(value) for name, value in trainer.variables().items()}
    values["global_step"] = np.array(3, values["global_step"].dtype)
    bundle.save(str(run), 3, values, 1)
    lines = [
        {"kind": kind, "step": step, "disc_loss": 0.5 / step, "disc_auc": 0.6}
        for step in (1, 2, 3)
        for kind in ("train", "heldout")
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _write_json(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n")
