"""The command: what it writes and tells, the same bytes whatever happens on the way."""

import contextlib
import filecmp
import json
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
import zstandard

from electra_pretrain import clean_corpus
from electra_pretrain.core import compression, files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning import pipeline as clean_module
from electra_pretrain.corpus.cleaning import tasks as clean_tasks
from electra_pretrain.corpus.cleaning.recipe import load_recipe
from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.provenance import PROVENANCE_NAME, read_steps, write_steps
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.execution import resume

RAW = "첫 문장이다.\nhttp://a.kr\n\nㅋ\n\n둘째  문서의 문장이다ㅋㅋㅋㅋㅋ.\nabc abc\n"


def run(corpus, output, *more):
    arguments = ["--corpus", str(corpus), "--output", str(output), "--num_processes", "1", *map(str, more)]
    clean_corpus.clean_corpus(clean_corpus.parse_args(arguments))


def text_of(folder):
    return "".join(
        zstandard.ZstdDecompressor().stream_reader(open(folder / name, "rb"), read_across_frames=True).read().decode()
        for name in sorted(os.listdir(folder))
        if name.startswith("part-")
    )


def same_files(one, other):
    names = sorted(os.listdir(one))
    assert names == sorted(os.listdir(other))
    assert filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw" / "a.txt"
    path.parent.mkdir()
    path.write_text(RAW)
    return path


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks and several parts from a small corpus."""
    monkeypatch.setattr(clean_module, "TEXT_BLOCK_CHARACTERS", 300)
    monkeypatch.setattr(clean_module, "BLOCKS_PER_PART", 3)


@pytest.fixture
def long_corpus(tmp_path):
    path = tmp_path / "raw" / "long.txt"
    path.parent.mkdir()
    path.write_text("\n".join(f"{number}번째 문장이다ㅋㅋㅋㅋㅋㅋ!\n{'x' * (number % 7)}\n" for number in range(400)))
    return path


def test_text_counts_dropped_lines_and_what_to_do_next(tmp_path, raw, capsys):
    run(raw, tmp_path / "out", "--dropped", tmp_path / "dropped.jsonl")
    assert text_of(tmp_path / "out") == "첫 문장이다.\n\n둘째 문서의 문장이다ㅋㅋㅋ.\n\n"
    found = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert found == [
        {"reason": "urls: nothing left", "file": str(raw), "line": 2, "text": "http://a.kr"},
        {"reason": "min_length", "file": str(raw), "line": 4, "text": "ㅋ"},
        {"reason": "hangul_share", "file": str(raw), "line": 7, "text": "abc abc"},
    ]
    out = capsys.readouterr().out
    assert "documents: 2 of 3 kept (66.67%)" in out and "lines: 2 of 5 kept (40.00%)" in out
    assert f"electra_pretrain.dedup_corpus --corpus '{tmp_path}/out/*.txt.zst' --output {tmp_path}/out-unique --by line" in out


def test_the_step_holds_the_whole_recipe_and_follows_those_of_the_input(tmp_path, raw):
    write_steps(str(raw.parent), [{"command": "crawl"}])
    run(raw, tmp_path / "out", "--recipe", "default")
    first, step = read_steps([str(tmp_path / "out" / "part-00000.txt.zst")])
    assert first == {"command": "crawl"}
    assert step["command"] == "clean_corpus" and step["recipe"] == load_recipe("default").stated()
    assert step["paths"] == [str(raw)] and step["sources"] == [{"bytes": raw.stat().st_size, "sha256": files.sha256(str(raw))}]
    counts = step["counts"]
    assert (counts["documents"], counts["documents_kept"], counts["lines"], counts["lines_kept"]) == (3, 2, 5, 2)
    assert counts["characters"] == sum(map(len, [line.strip() for line in RAW.split("\n")]))
    assert counts["characters_kept"] == len(text_of(tmp_path / "out").replace("\n", ""))
    rules = {rule["rule"]: (rule["changed"], rule["dropped"]) for rule in counts["rules"]}
    assert {name: numbers for name, numbers in rules.items() if any(numbers)} == {
        "urls": (0, 1), "squeeze": (1, 0), "whitespace": (1, 0), "min_length": (0, 1), "hangul_share": (0, 1),
    }  # fmt: skip


def test_the_output_is_a_corpus_and_clean_text_stays_as_it_is(tmp_path, raw):
    run(raw, tmp_path / "out")
    paths = find_corpus(f"{tmp_path}/out/*")
    assert [os.path.basename(path) for path in paths] == ["part-00000.txt.zst"], "corpus.json is no text"
    assert list(Corpus(paths).documents()) == [["첫 문장이다."], ["둘째 문서의 문장이다ㅋㅋㅋ."]]
    run(f"{tmp_path}/out/*", tmp_path / "again")
    assert text_of(tmp_path / "again") == text_of(tmp_path / "out")
    assert [step["command"] for step in read_steps([f"{tmp_path}/again/x"])] == ["clean_corpus"] * 2


def test_same_bytes_for_any_number_of_processes(tmp_path, long_corpus, small_blocks):
    for processes in (1, 2, 3):
        dropped = tmp_path / f"{processes}.jsonl.zst"
        run(long_corpus, tmp_path / str(processes), "--dropped", dropped, "--num_processes", processes)
        same_files(tmp_path / "1", tmp_path / str(processes))
        assert dropped.read_bytes() == (tmp_path / "1.jsonl.zst").read_bytes()
    assert len(os.listdir(tmp_path / "1")) > 5


def test_a_failed_run_goes_on_and_cleans_nothing_twice(tmp_path, long_corpus, small_blocks, monkeypatch):
    run(long_corpus, tmp_path / "whole", "--dropped", tmp_path / "whole.jsonl")
    cleaned = []
    real, join = clean_tasks.Cleaner, files.concatenate

    class Failing(real):
        def __init__(self, recipe):
            if len(cleaned) in stops:
                stops.remove(len(cleaned))
                raise KeyboardInterrupt
            cleaned.append(1)
            super().__init__(recipe)

    def failing_join(sources, target):
        join(sources, target)
        if joins and joins.pop():
            raise KeyboardInterrupt

    monkeypatch.setattr(clean_tasks, "Cleaner", Failing)
    monkeypatch.setattr(files, "concatenate", failing_join)
    stops, joins, tries = {2, 4, 11}, [False, True, True], 0
    while not os.path.exists(tmp_path / "killed" / PROVENANCE_NAME):
        tries += 1
        with contextlib.suppress(KeyboardInterrupt):
            run(long_corpus, tmp_path / "killed", "--dropped", tmp_path / "killed.jsonl")
    assert tries == 6
    same_files(tmp_path / "whole", tmp_path / "killed")
    assert (tmp_path / "whole.jsonl").read_bytes() == (tmp_path / "killed.jsonl").read_bytes()
    run(long_corpus, tmp_path / "straight")
    assert len(cleaned) == 2 * len(list(Corpus([str(long_corpus)]).located_blocks(300))), "finished blocks were cleaned again"


def test_a_killed_process_goes_on_and_gives_the_same_bytes(tmp_path):
    """`kill -9` of the command, soon after it has finished another block."""
    corpus = tmp_path / "a.txt"
    corpus.write_text("\n\n".join("가나다라마바사 아자차카 " * 9 + str(number) for number in range(70_000)))
    command = [sys.executable, "-m", "electra_pretrain.clean_corpus", "--corpus", str(corpus), "--num_processes", "1"]
    kills = 0
    for wait in (0.0, 0.2):
        process = subprocess.Popen([*command, "--output", str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        known = markers(tmp_path / "killed")
        while markers(tmp_path / "killed") == known and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(wait)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 1
    for name in ("killed", "whole"):
        assert subprocess.run([*command, "--output", str(tmp_path / name)], capture_output=True).returncode == 0
    same_files(tmp_path / "whole", tmp_path / "killed")


def markers(folder):
    return len(list(folder.glob(".clean_corpus-*/*.json")))


def test_a_finished_run_is_not_done_again_and_another_is_refused(tmp_path, raw, capsys):
    out = tmp_path / "out"
    run(raw, out)
    before = {name: os.stat(out / name).st_mtime_ns for name in os.listdir(out)}
    first = capsys.readouterr().out
    run(raw, out)
    assert capsys.readouterr().out == first
    assert {name: os.stat(out / name).st_mtime_ns for name in os.listdir(out)} == before
    with pytest.raises(UserError, match="holds text of other input or settings"):
        run(raw, out, "--recipe", "lmkor")
    with pytest.raises(UserError, match=r"dropped.jsonl: not there, though .*/out is finished; put it back, or make"):
        run(raw, out, "--dropped", tmp_path / "dropped.jsonl")


def test_parts_of_another_unfinished_run_are_not_mixed_in(tmp_path, raw):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00007.txt.zst").write_bytes(b"")
    with pytest.raises(UserError, match="holds part-00007.txt.zst, of another run, or of others; choose another"):
        run(raw, tmp_path / "out")


def test_tables_in_cp949_with_bad_bytes(tmp_path, capsys):
    path = tmp_path / "a.csv"
    rows = ["no,review", '1,"첫 문장이다.\n둘째 문장이다."', "2,나쁜 바이트 ", "3,셋째 문장이다."]
    content = "\n".join(rows).encode("cp949").replace("바이트 ".encode("cp949"), b"\xff\x80")
    path.write_bytes(content)
    options = ["--column", "review", "--encoding", "euc-kr"]
    with pytest.raises(UserError, match=r"a\.csv, line 4: not CP949 \(byte 0xff at column 8\)"):
        run(path, tmp_path / "error", *options)
    run(path, tmp_path / "skip", *options, "--on_bad_bytes", "skip", "--dropped", tmp_path / "d.jsonl")
    assert text_of(tmp_path / "skip") == "첫 문장이다.\n둘째 문장이다.\n\n셋째 문장이다.\n\n"
    assert "lines or records with undecodable bytes: 1" in capsys.readouterr().out
    run(path, tmp_path / "replace", *options, "--on_bad_bytes", "replace")
    assert "나쁜 \ufffd" in text_of(tmp_path / "replace")
    with pytest.raises(UserError, match="holds text of other input or settings"):
        run(path, tmp_path / "replace", *options, "--on_bad_bytes", "skip")


def test_rows_of_parquet_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["첫 문장이다.", None, "x"]}), tmp_path / "a.parquet")
    run(tmp_path / "a.parquet", tmp_path / "out", "--dropped", tmp_path / "d.jsonl.gz")
    with files.open_raw(str(tmp_path / "d.jsonl.gz")) as file, compression.decompressed("d.gz", file) as lines:
        assert json.loads(lines.read()) == {
            "reason": "min_length", "file": str(tmp_path / "a.parquet"), "row": 3, "text": "x",
        }  # fmt: skip


def test_kiwi_splits_paragraphs(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("오늘은 비가 왔다. 우산이 없어서 3.5km를 뛰었다 그래서 젖었다! 끝\n\n다음 문서다.\n")
    run(path, tmp_path / "out", "--sentences", "kiwi")
    documents = list(Corpus([str(tmp_path / "out" / "part-00000.txt.zst")]).documents())
    assert [len(document) for document in documents][1] == 1
    assert documents[0][0] == "오늘은 비가 왔다." and len(documents[0]) >= 3
    assert "3.5km" in " ".join(documents[0])
    (step,) = read_steps([str(tmp_path / "out" / "x")])
    assert step["sentences"] == "kiwi" and set(step["libraries"]) == {"emoji", "kiwipiepy", "kiwipiepy_model"}


def own_recipe(path, **more):
    rules = [{"rule": "nfc"}, {"rule": "bylines", "domains": ["news"], "titles": ["기자"], "agencies": []}]
    path.write_text(json.dumps({"name": "mine", "source": "", "rules": rules, "drop_duplicates": None, **more}))
    return path


def test_the_domain_decides_and_is_kept(tmp_path, caplog):
    corpus, recipe = tmp_path / "a.txt", own_recipe(tmp_path / "mine.json")
    corpus.write_text("비가 온다. 홍길동 기자\n")
    with caplog.at_level(logging.INFO):
        run(corpus, tmp_path / "any", "--recipe", recipe)
    assert "not applied, for they are for news alone: bylines; for such text say --domain news" in caplog.messages
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run(corpus, tmp_path / "news", "--recipe", recipe, "--domain", "news")
    assert not [message for message in caplog.messages if "not applied" in message]
    assert text_of(tmp_path / "any") == "비가 온다. 홍길동 기자\n\n" and text_of(tmp_path / "news").split() == ["비가", "온다."]
    (without,), (with_domain,) = (read_steps([str(tmp_path / name / "x")]) for name in ("any", "news"))
    assert "domain" not in without and with_domain["domain"] == "news"
    assert without["recipe"] == with_domain["recipe"] == load_recipe(str(recipe)).stated()
    assert [len(step["counts"]["rules"]) for step in (without, with_domain)] == [1, 2]
    with pytest.raises(UserError, match="holds text of other input or settings"):
        run(corpus, tmp_path / "any", "--recipe", recipe, "--domain", "news")


def test_a_recipe_says_how_lines_are_split_and_the_option_overrides(tmp_path, caplog):
    corpus, recipe = tmp_path / "a.txt", own_recipe(tmp_path / "mine.json", sentences="kiwi")
    corpus.write_text("오늘은 비가 왔다. 우산이 없어서 젖었다.\n")
    with caplog.at_level(logging.INFO):
        run(corpus, tmp_path / "split", "--recipe", recipe)
    assert "the recipe mine splits lines into sentences by Kiwi; --sentences lines leaves them whole" in caplog.messages
    run(corpus, tmp_path / "whole", "--recipe", recipe, "--sentences", "lines")
    assert text_of(tmp_path / "split") == "오늘은 비가 왔다.\n우산이 없어서 젖었다.\n\n"
    assert text_of(tmp_path / "whole") == "오늘은 비가 왔다. 우산이 없어서 젖었다.\n\n"
    assert [read_steps([str(tmp_path / name / "x")])[0]["sentences"] for name in ("split", "whole")] == ["kiwi", "lines"]


def test_a_run_without_what_is_new_is_known_by_what_it_always_was(tmp_path, raw):
    """Finished outputs stay finished: nothing comes into what their fingerprint is made of."""
    run(raw, tmp_path / "out")
    (step,) = read_steps([str(tmp_path / "out" / "x")])
    assert set(step["recipe"]) == {"name", "source", "rules", "drop_duplicates"} and step["sentences"] == "lines"
    told = {"command", "fingerprint", "paths", "counts", "domain"}
    assert step["fingerprint"] == resume.fingerprint({key: value for key, value in step.items() if key not in told})


def test_mistakes_are_one_line_and_leave_nothing(tmp_path, raw, monkeypatch):
    out = tmp_path / "out"
    (tmp_path / "empty.txt").write_text("\n \n")
    for corpus, more, message in [
        (tmp_path / "empty.txt", [], "empty.txt: the corpus is empty"),
        (raw, ["--num_processes", "0"], "--num_processes 0: must be at least 1"),
        (raw, ["--encoding", "cp94"], "--encoding cp94: no such encoding"),
        (raw, ["--encoding", "utf-16"], "its lines cannot be told apart"),
        (raw, ["--domain", "news"], "--domain news: the recipe default knows none"),
        (raw, ["--recipe", "kocharelectra"], "no recipe of that name; did you mean"),
    ]:
        with pytest.raises(UserError, match=message):
            run(corpus, out, *more)
        assert not out.exists()
    with pytest.raises(UserError, match="holds .*, which is read"):
        run(raw, raw.parent)
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    from electra_pretrain.corpus.cleaning import sentences

    sentences._kiwi.cache_clear()
    with pytest.raises(UserError, match=r"pip install 'electra_pretrain\[kiwi\]'"):
        run(raw, out, "--sentences", "kiwi")
    assert not out.exists()


def test_when_every_line_was_dropped_it_says_so(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("x\ny\n")
    with pytest.raises(UserError, match="nothing is left"):
        run(tmp_path / "a.txt", tmp_path / "out")
    assert "lines: 0 of 2 kept" in capsys.readouterr().out
