"""Deduplication keeps what a plain Python set keeps, in order; killed and run again it ends in the same bytes."""

import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from electra_pretrain import dedup_corpus
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.dedup import comparison
from electra_pretrain.corpus.dedup import keys as dedup
from electra_pretrain.corpus.dedup import pipeline as job
from electra_pretrain.corpus.provenance import read_steps, write_steps
from electra_pretrain.corpus.reader import Corpus
from tests.cli.test_commands import run
from tests.conftest import ROOT, SAMPLE_CORPUS

BENCH = ROOT / "scripts" / "bench_dedup.py"
PROGRESS = re.compile(r"^\w+: (check sources|read and hash|find \w+|sign|compare|cluster|write parts):")


def dedup_text(folder, corpus, by="line", *more):
    """Run the command; what stays, as documents."""
    output = folder / "out"
    arguments = ["--corpus", str(corpus), "--output", str(output), "--by", by, "--num_processes", "1", *map(str, more)]
    dedup_corpus.dedup_corpus(dedup_corpus.parse_args(arguments))
    return documents_in(output)


def documents_in(output):
    return list(Corpus(sorted(map(str, output.glob("part-*.txt")))).documents())


def reference(documents, by):
    """The same with a set."""
    seen, kept = set(), []
    for document in documents:
        remaining = []
        for unit in ["\n".join(document)] if by == "document" else document:
            key = unicodedata.normalize("NFC", unit)
            if key not in seen:
                seen.add(key)
                remaining += unit.split("\n")
        if remaining:
            kept.append(remaining)
    return kept


def write(path, documents):
    path.write_text("\n\n".join("\n".join(document) for document in documents) + "\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def small_blocks(block_characters=30):
    """Many blocks, parts and ranges of keys even of a few lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "TEXT_BLOCK_CHARACTERS", block_characters)
        patch.setattr(job, "MAX_PART_BYTES", 150)
        patch.setattr(comparison, "SORT_BYTES_PER_RECORD", 20_000_000)
        yield


few_lines = st.sampled_from(
    ["가", "나다", "가가", "좋아요", unicodedata.normalize("NFD", "좋아요"), "ㅋㅋ", "a b", "😀", "é", "e\u0301"]
)
some_documents = st.lists(st.lists(few_lines, min_size=1, max_size=5), min_size=1, max_size=30)


@pytest.mark.parametrize("by", ["line", "document"])
@given(documents=some_documents)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stays_is_what_a_set_keeps(tmp_path_factory, by, documents):
    folder = tmp_path_factory.mktemp("random")
    with small_blocks():
        kept = dedup_text(folder, write(folder / "corpus.txt", documents), by)
    assert kept == reference(documents, by)


@given(
    keys=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40),
    num_ranges=st.integers(1, 5),
)
@settings(deadline=None)
def test_sorting_in_ranges_links_each_repetition_to_its_first(keys, num_ranges):
    # Small numbers in the second row, the first row spread over all 64 bits.
    rows = np.array([[first << 62 for first, _ in keys], [second for _, second in keys]], np.uint64).reshape(2, -1)
    found = dedup.sort_keys(rows, np.arange(len(keys), dtype=np.uint64))
    ranges = [dedup.key_range(found.records, number, num_ranges) for number in range(num_ranges)]
    assert np.array_equal(np.concatenate(ranges, axis=1), found.records)
    first = {}
    wanted = [(place, first[key]) for place, key in enumerate(keys) if first.setdefault(key, place) != place]
    assert [tuple(link) for link in found.links.T.tolist()] == wanted
    assert found.records[2].tolist() == [first[key] for key in sorted(first)]


@pytest.fixture
def repetitive(tmp_path):
    """Documents of the sample corpus, some twice, lines of some in others; more than one block."""
    draws = random.Random(0)
    documents = list(Corpus(sorted(map(str, SAMPLE_CORPUS.glob("*.txt")))).documents())
    lines = [line for document in documents for line in document]
    mixed = [draws.sample(lines, 5) for _ in range(100)]
    near = [[f"{line} ㅎㅎ" if len(line) > 60 else line for line in document] for document in documents[::3]]
    everything = documents + draws.sample(documents, len(documents) // 2) + mixed + near
    draws.shuffle(everything)
    return write(tmp_path / "corpus.txt", everything)


@pytest.mark.parametrize("by", ["line", "document"])
def test_processes_and_memory_do_not_show_in_the_bytes(tmp_path, repetitive, by, monkeypatch):
    monkeypatch.setattr(job, "TEXT_BLOCK_CHARACTERS", 20_000)
    wanted = reference(Corpus([str(repetitive)]).documents(), by)
    one, two = tmp_path / "one", tmp_path / "two"
    kept = dedup_text(one, repetitive, by, "--near", "0.9", "--dropped", one / "dropped")
    assert sum(map(len, kept)) < sum(map(len, wanted))
    monkeypatch.setattr(comparison, "SORT_BYTES_PER_RECORD", 2_000_000)
    dedup_text(two, repetitive, by, "--near", "0.9", "--num_processes", "2", "--dropped", two / "dropped")
    assert (one / "dropped").read_bytes() == (two / "dropped").read_bytes()
    names = sorted(os.listdir(one / "out"))
    assert names == sorted(os.listdir(two / "out")) and len(names) > 1
    for name in names:
        assert (one / "out" / name).read_bytes() == (two / "out" / name).read_bytes()
    assert dedup_text(tmp_path, repetitive, by) == wanted


def test_counts_provenance_and_what_was_dropped(tmp_path, capsys):
    corpus = write(tmp_path / "in.txt", [["가", "나"], ["다", "가"], ["나"], ["라"]])
    write_steps(str(tmp_path), [{"command": "clean_corpus", "recipe": "default"}])
    kept = dedup_text(tmp_path, corpus, "line", "--dropped", tmp_path / "dropped.jsonl")
    assert kept == [["가", "나"], ["다"], ["라"]]
    assert "4 of 6 lines in 3 of 4 documents stay; 2 repeated lines dropped" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert rows == [
        {"number": 4, "reason": "repeated", "file": str(corpus), "line": 5, "text": "가"},
        {"number": 5, "reason": "repeated", "file": str(corpus), "line": 7, "text": "나"},
    ]
    cleaned, step = read_steps([str(tmp_path / "out" / "part.txt")])
    assert cleaned["command"] == "clean_corpus" and step["command"] == "dedup_corpus"
    assert step["counts"] == {"documents": 4, "lines": 6, "repeated": 2, "near": 0, "kept_documents": 3, "kept_lines": 4}
    assert step["settings"]["by"] == "line" and step["sources"][0]["bytes"] == corpus.stat().st_size
    assert sorted(os.listdir(tmp_path / "out")) == ["corpus.json", "part-00000-of-00001.txt"]


def test_what_was_dropped_knows_its_file_id_and_title(tmp_path):
    rows = [{"id": 7, "title": "첫 글", "text": "가\n나"}, {"id": 8, "title": "둘째 글", "text": "가\n나"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for by, texts in (("document", ["가\n나"]), ("line", ["가", "나"])):
        dedup_text(tmp_path / by, tmp_path / "in.jsonl", by, "--dropped", tmp_path / f"{by}.jsonl")
        found = [json.loads(line) for line in (tmp_path / f"{by}.jsonl").read_text().splitlines()]
        origin = {"file": str(tmp_path / "in.jsonl"), "line": 2, "id": "8", "title": "둘째 글"}
        first = 3 if by == "line" else 2
        assert found == [
            {"number": number, "reason": "repeated", **origin, "text": text} for number, text in enumerate(texts, start=first)
        ]


def test_a_lone_surrogate_is_no_way_out(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "\\ud83d 가"}\n{"text": "\\ud83d 가"}\n{"text": "나"}\n')
    with pytest.raises(UserError, match=r"in.jsonl, line 1: holds half a surrogate pair"):
        dedup_text(tmp_path, tmp_path / "in.jsonl")


def test_a_line_a_million_times_costs_one_record_a_block(tmp_path):
    keys = np.zeros((2, 1_000_000), np.uint64)
    assert dedup.sort_keys(keys, np.arange(1_000_000, dtype=np.uint64)).records.shape == (3, 1)


def test_finished_output_is_kept_and_other_output_refused(tmp_path, capfd, monkeypatch):
    corpus = write(tmp_path / "in.txt", [["가", "나", "가"]])
    dedup_text(tmp_path, corpus)
    with monkeypatch.context() as patch:
        patch.setattr(job, "key_block", None)  # nothing is done again
        assert dedup_text(tmp_path, corpus) == [["가", "나"]]
    arguments = ["--corpus", corpus, "--output", tmp_path / "out", "--by", "document"]
    assert_one_line(run(dedup_corpus, arguments, capfd), "other input or settings")
    write(corpus, [["가", "나", "다"]])
    arguments[-1] = "line"
    assert_one_line(run(dedup_corpus, arguments, capfd), "other input or settings")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "part-00000-of-00001.txt").write_text("mine")
    assert_one_line(run(dedup_corpus, [*arguments, "--output", foreign], capfd), "not of this command")
    assert (foreign / "part-00000-of-00001.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--near", "2"], "--near 2.0"),
        (["--memory_gb", "0.1"], "need 0.9 GB at least"),
        (["--memory_gb", "nan"], "--memory_gb nan: must be a number of gigabytes"),
        (["--num_processes", "0"], "--num_processes 0"),
        (["--corpus", "nothing/*.txt"], "no such file"),
        (["--corpus", "{folder}/empty.txt"], "empty"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capfd, arguments, part):
    corpus = write(tmp_path / "in.txt", [["가"]])
    (tmp_path / "empty.txt").touch()
    arguments = [argument.format(folder=tmp_path) for argument in arguments]
    given = [] if "--corpus" in arguments else ["--corpus", corpus]
    assert_one_line(run(dedup_corpus, [*given, "--output", tmp_path / "out", "--by", "line", *arguments], capfd), part)


def assert_one_line(result, part):
    code, err = result
    lines = [line for line in err.splitlines() if not PROGRESS.match(line)]
    assert code == 1 and len(lines) == 1 and part in lines[0], err


def command(corpus, output, *more):
    arguments = ["--corpus", corpus, "--output", output, "--dropped", f"{output}.dropped", "--num_processes", "1", *more]
    return [sys.executable, "-m", "electra_pretrain.dedup_corpus", *map(str, arguments)]


def test_a_full_disk_is_one_line_and_the_rerun_goes_on(tmp_path, repetitive):
    """A limit on the size of files stands for the disk: the writes fail alike."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))

    output = tmp_path / "out"
    whole = command(repetitive, output, "--by", "line")
    result = subprocess.run(whole, preexec_fn=limit, capture_output=True, text=True)
    assert_one_line((result.returncode, result.stderr), "File too large")
    assert not list(output.glob("part-*"))
    subprocess.run(whole, check=True, capture_output=True)
    assert documents_in(output) == reference(Corpus([str(repetitive)]).documents(), "line")


KILLED_AT = """
import os, signal, sys
from electra_pretrain import dedup_corpus
from electra_pretrain.core import files
from electra_pretrain.corpus.dedup import pipeline
pipeline.TEXT_BLOCK_CHARACTERS = 60_000
left = int(sys.argv.pop(1))
def replace(source, target, before=files.replace):
    global left
    left -= 1
    if left == 0: os.kill(os.getpid(), signal.SIGKILL)
    before(source, target)
    if left == -1000: os.kill(os.getpid(), signal.SIGKILL)
files.replace = replace
dedup_corpus.main()
"""


def test_killed_at_any_write_it_ends_in_the_same_bytes(tmp_path, repetitive):
    """The process kills itself at some of the moments when a file would be put in place, again and again."""

    def start(output, at):
        arguments = [*command(repetitive, output, "--by", "line", "--near", "0.8")[3:], "--num_processes", "1"]
        return subprocess.run([sys.executable, "-c", KILLED_AT, str(at), *arguments], capture_output=True, text=True)

    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert start(straight, -1).returncode == 0
    ends = []
    # Ever more files lie there: each try gets past where the one before was killed.
    for at in (1, 3, 9, 7, 8, 5, 2, 4, 1, 2, 1, -1):
        ends.append(start(killed, at).returncode)
    assert ends.count(-signal.SIGKILL) >= 6 and ends[-1] == 0
    assert sorted(os.listdir(killed)) == sorted(os.listdir(straight))
    for name in os.listdir(straight):
        assert (killed / name).read_bytes() == (straight / name).read_bytes()
    assert Path(f"{killed}.dropped").read_bytes() == Path(f"{straight}.dropped").read_bytes()


@pytest.mark.slow
def test_killed_twenty_times_with_workers_it_ends_in_the_same_bytes(tmp_path):
    """`kill -9` from outside at random moments, two worker processes."""
    draws = random.Random(0)
    corpus = write(tmp_path / "in.txt", [[f"줄 {draws.randrange(500_000)} 번" for _ in range(20)] for _ in range(50_000)])
    more = ["--by", "line", "--near", "0.9", "--num_processes", "2"]
    began = time.monotonic()
    subprocess.run(command(corpus, tmp_path / "straight", *more), check=True)
    whole = time.monotonic() - began
    kills = 0
    while True:
        process = subprocess.Popen(command(corpus, tmp_path / "killed", *more))
        try:
            code = process.wait(draws.uniform(0.1, 0.3) * whole if kills < 20 else None)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            time.sleep(0.5)
    assert code == 0 and kills > 5, f"{kills} kills of a run of {whole:.1f} s"
    for name in os.listdir(tmp_path / "straight"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


@pytest.mark.slow
def test_memory_stays_in_its_bound(tmp_path):
    """20 million lines whose records alone are 0.5 GB, sorted within the least memory that two processes take."""
    arguments = ["--folder", str(tmp_path), "--millions", "20", "--memory_gb", "0.9"]
    result = subprocess.run([sys.executable, str(BENCH), *arguments], capture_output=True, text=True)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, result.stderr
    memory = float(re.search(r"memory ([\d.]+) GB", result.stdout)[1])
    assert memory < 0.9
