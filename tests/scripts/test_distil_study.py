"""distil_study.py: a whole study in small, from records to the page."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SEQ, VOCAB_SIZE

SIZES = ["model.hidden_size=32", "model.intermediate_size=64", "model.embedding_size=32", "optimizer.num_warmup_steps=2"]
SIZES += ["training.train_batch_size=8", "training.eval_batch_size=8", "training.num_eval_steps=2"]


@pytest.mark.slow
def test_from_records_to_a_table(tmp_path, records):
    nsmc = tmp_path / "nsmc"
    nsmc.mkdir()
    for name in ("train", "dev"):
        rows = [f"정말 {'좋은' if label else '나쁜'} 영화 {number}\t{label}" for number in range(16) for label in (0, 1)]
        (nsmc / f"{name}.tsv").write_text("\n".join(["document\tlabel", *rows]) + "\n", encoding="utf-8")
    sizes = [*SIZES, f"data.vocab_size={VOCAB_SIZE}", f"data.max_seq_length={SEQ}"]
    words = ["--folder", tmp_path / "study", "--data", records, "--nsmc", nsmc, "--split", "dev", "--seeds", "2"]
    words += ["--teacher_steps", "20", "--minutes", "0.001", *(word for each in sizes for word in ("--set", each))]

    def run(command, *more):
        line = [sys.executable, ROOT / "scripts" / "distil_study.py", command, *words, *more]
        return subprocess.run(
            list(map(str, line)), env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, encoding="utf-8", check=False
        )

    early = run("time")
    assert early.returncode and "holds no teacher; run the command teacher first" in early.stderr
    for command in ("teacher", "time", "students"):
        done = run(command)
        assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(.+: [\d.]+ ms a step, \d+ steps in 0.001 minutes\n){3}", run("time").stdout)
    assert run("teacher").stdout == "" == run("students").stdout  # nothing is done twice
    page = tmp_path / "page.md"
    page.write_text("# Title\n")
    assert "lacks the lines <!-- distil_study -->" in run("report", "--page", page).stderr
    page.write_text("# Title\n\n<!-- distil_study -->\n<!-- end of distil_study -->\n")
    table = run("report", "--page", page).stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")][2:]
    assert [row[0] for row in rows] == ["teacher", "random weights", "the teacher's layers", "the teacher's layers, distilled"]
    assert table.strip() in page.read_text()
    sizes = [float(row[1].removesuffix(" MB")) for row in rows]
    assert sizes[0] > sizes[1] == sizes[2] == sizes[3]
    for row in rows:
        assert re.fullmatch(r"\d+\.\d{2} ± \d+\.\d{2}", row[5]) and float(row[2]) > 0
