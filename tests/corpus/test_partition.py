"""A corpus cleaned and deduplicated by workers that read it themselves: the bytes of this machine's processes, on Beam too."""

import errno
import json
import os
import random
import subprocess

import numpy as np
import pytest

from electra_pretrain import clean_corpus, dedup_corpus
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import partition
from electra_pretrain.corpus.cleaning import pipeline as clean_job
from electra_pretrain.corpus.cleaning import tasks as clean_tasks
from electra_pretrain.corpus.cleaning.pipeline import clean
from electra_pretrain.corpus.cleaning.recipe import load_recipe
from electra_pretrain.corpus.dedup import comparison
from electra_pretrain.corpus.dedup import pipeline as dedup_job
from electra_pretrain.corpus.dedup import tasks as dedup_tasks
from electra_pretrain.corpus.dedup.arrays import load_one_of_several, save_several
from electra_pretrain.corpus.dedup.memory import Memory
from electra_pretrain.corpus.dedup.pipeline import dedup
from electra_pretrain.corpus.dedup.tasks import DedupSettings
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.execution import beam
from tests.conftest import SAMPLE_CORPUS
from tests.corpus.cleaning.test_clean_corpus import same_files
from tests.execution.test_beam import TWO_PROCESSES, here, needs_beam

CHARACTERS = 4000
MEMORY = Memory(10**9, None)


@pytest.fixture
def corpus(tmp_path):
    """Files that repeat one another, exactly and nearly; a small, an empty, a compressed one, and objects."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    documents = list(Corpus([str(SAMPLE_CORPUS / name) for name in ("news.txt", "comments.txt")]).documents())
    draws = random.Random(0)
    for number in range(4):
        near = [[f"{line} ㅎㅎ" for line in document] for document in draws.sample(documents, 8)]
        texts = ["\n".join(document) for document in draws.sample(documents, 40) + near]
        (folder / f"{number}.txt").write_text("\n\n".join(texts) + "\n")
    (folder / "1.txt").write_text("한 줄이다.\n\n두 줄이다.\n")
    (folder / "empty.txt").write_text("\n\n")
    (folder / "n.jsonl").write_text('{"text": "첫째 문장이다.\\n둘째 문장이다."}\n{"text": "한 줄이다."}\n')
    subprocess.run(["gzip", folder / "2.txt"], check=True)
    return Corpus(sorted(map(str, folder.iterdir())))


@pytest.fixture
def small(monkeypatch):
    """Many blocks, groups and parts from a small corpus; on a cluster too, where sizes travel with the tasks."""
    for module in (clean_job, dedup_job):
        monkeypatch.setattr(module, "TEXT_BLOCK_CHARACTERS", CHARACTERS)
    monkeypatch.setattr(clean_job, "BLOCKS_PER_PART", 3)
    monkeypatch.setattr(dedup_job, "MAX_PART_BYTES", 30_000)
    monkeypatch.setattr(comparison, "MAX_BLOCKS_PER_GROUP", 3)
    monkeypatch.setattr(comparison, "SORT_BYTES_PER_RECORD", 2_000_000)


def cleaned(corpus, folder, shared_dir=None, run=here):
    """A clean copy; what was dropped lies beside it."""
    clean(corpus, load_recipe("default"), f"{folder}/out", "lines", f"{folder}/dropped.jsonl.zst", run, shared_dir)


def deduplicated(corpus, folder, by, near, shared_dir=None, run=here):
    settings = DedupSettings(by, near, 0, True)
    return dedup(corpus, f"{folder}/out", f"{folder}/dropped.jsonl", settings, MEMORY, run, shared_dir)


def same(one, other):
    same_files(one / "out", other / "out")
    (name,) = (name for name in os.listdir(one) if name.startswith("dropped"))
    assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.fixture
def folders(tmp_path):
    for name in ("local", "apart"):
        (tmp_path / name).mkdir()
    return tmp_path / "local", tmp_path / "apart"


def test_files_read_apart_give_the_located_blocks_of_one_reader(corpus):
    measured = partition.measure(corpus, here)
    for characters in (1, 300, CHARACTERS, 10**9):
        plans = partition.plan(corpus, measured, characters)
        found = [block for plan in plans for block in plan.blocks()]
        assert found == list(enumerate(Corpus(corpus.paths).located_blocks(characters)))
        assert len(plans) > 2 or characters > CHARACTERS


@pytest.mark.parametrize("on_bad_bytes", ["skip", "replace"])
def test_cleaning_by_workers_that_read_gives_the_same_bytes(corpus, folders, tmp_path, small, on_bad_bytes):
    with open(corpus.paths[0], "ab") as file:
        file.write(b"\n\xb0\xa1 bad\n\xff\n")
    for folder, shared in zip(folders, (None, str(tmp_path / "shared")), strict=True):
        cleaned(Corpus(corpus.paths, Reading("text", "utf-8", on_bad_bytes)), folder, shared)
    same(*folders)
    assert len(os.listdir(folders[0] / "out")) > 3
    (step,) = json.loads((folders[0] / "out" / "corpus.json").read_text())["steps"]
    assert step["counts"]["damaged_lines"] == 2
    assert os.listdir(tmp_path / "shared") == [], "unfinished work is gone"


@pytest.mark.parametrize(("by", "near"), [("line", None), ("document", None), ("line", 0.7), ("document", 0.7)])
def test_deduplication_by_workers_that_read_gives_the_same_bytes(corpus, folders, tmp_path, small, by, near):
    deduplicated(corpus, folders[0], by, near)
    found = deduplicated(corpus, folders[1], by, near, str(tmp_path / "shared"))
    same(*folders)
    assert len(os.listdir(folders[0] / "out")) > 2
    assert found.repeated > 5 and (near is None or found.near > 5)
    assert os.listdir(tmp_path / "shared") == []


def test_unfinished_work_and_output_may_both_be_remote(corpus, folders, small):
    deduplicated(corpus, folders[0], "document", 0.7)
    deduplicated(corpus, "ram://dedup", "document", 0.7, "ram://dedup-work")
    for name in os.listdir(folders[0] / "out"):
        assert files.read_bytes(f"ram://dedup/out/{name}") == (folders[0] / "out" / name).read_bytes()
    cleaned(corpus, folders[1])
    cleaned(corpus, "ram://clean", "ram://clean-work")
    for name in os.listdir(folders[1] / "out"):
        assert files.read_bytes(f"ram://clean/out/{name}") == (folders[1] / "out" / name).read_bytes()
    assert files.list_dir("ram://clean/out") == sorted(os.listdir(folders[1] / "out"))


@pytest.mark.parametrize("job", ["clean", "dedup"])
def test_stopped_at_any_task_it_goes_on_and_ends_in_the_same_bytes(corpus, folders, tmp_path, small, job):
    def work(folder, *more):
        if job == "clean":
            return cleaned(corpus, folder, *more)
        return deduplicated(corpus, folder, "line", 0.7, *more)

    def stopping(function, tasks):
        for task in tasks:
            if len(done) == stop_at:
                raise KeyboardInterrupt
            done.append(function.__name__)
            yield function(*task)

    work(folders[0])
    shared, stop_at, tries = str(tmp_path / "shared"), 0, 0
    while not (folders[1] / "out" / "corpus.json").exists():
        done, tries, stop_at = [], tries + 1, stop_at + 3
        try:
            work(folders[1], shared, stopping)
        except KeyboardInterrupt:
            continue
    assert tries > 4
    same(*folders)
    assert os.listdir(shared) == []


def test_finished_blocks_are_not_made_again(corpus, folders, tmp_path, small, monkeypatch):
    def stopping(function, tasks):
        yield from here(function, tasks)
        if function.__name__ in ("clean_file", "key_file"):
            raise KeyboardInterrupt

    shared = str(tmp_path / "shared")
    for work in (lambda run: cleaned(corpus, folders[0], shared, run), lambda run: deduplicated(
        corpus, folders[1], "line", None, shared, run)):  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            work(stopping)
        with monkeypatch.context() as patch:
            patch.setattr(clean_tasks, "clean_block", None)
            patch.setattr(dedup_tasks, "key_block", None)
            work(here)


def test_one_array_of_several_is_read_as_it_was_written(tmp_path):
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 2**63, (3, columns)).astype(np.uint64) for columns in (0, 5, 0, 1, 7)]
    save_several(str(tmp_path / "arrays"), arrays)
    for number, array in enumerate(arrays):
        assert np.array_equal(load_one_of_several(str(tmp_path / "arrays"), number, len(arrays)), array)


def test_tasks_are_stored_as_they_come_and_large_ones_apart(tmp_path):
    tasks = [("가" * characters, number) for number, characters in enumerate((10, 400_000, 10, 10, 10, 400_000))]
    stored = beam._store(max, iter(tasks), str(tmp_path))
    assert [one.file for one in stored] == [0, 0, 1, 1, 1, 1]
    for one, task in zip(stored, tasks, strict=True):
        beam._load.cache_clear()
        assert beam.pickle.loads(beam._load(beam._tasks_path(str(tmp_path), one.file))[1][one.number]) == task


def test_only_what_dead_commands_of_this_machine_left_is_removed(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    prefix = beam._folder_prefix()
    kept = {f"{prefix}{os.getpid()}-ab12", f".beam-elsewhere-{dead.pid}-ab12", "part"}
    for name in (f"{prefix}{dead.pid}-ab12", *kept):
        (tmp_path / name).mkdir()
    beam._remove_abandoned(str(tmp_path))
    assert set(os.listdir(tmp_path)) == kept


@pytest.mark.parametrize("module", [clean_corpus, dedup_corpus])
def test_flags_of_a_runner_without_one_are_refused(tmp_path, module):
    arguments = ["--corpus", f"{SAMPLE_CORPUS}/news.txt", "--output", str(tmp_path / "out")]
    arguments += ["--by", "line"] if module is dedup_corpus else []
    command = getattr(module, module.__name__.split(".")[-1])
    for more in (["--beam_args=--x"], ["--work_dir", str(tmp_path)]):
        with pytest.raises(UserError, match="are for --runner"):
            command(module.parse_args([*arguments, *more]))
    assert not (tmp_path / "out").exists()


def test_too_little_memory_for_a_worker_is_said():
    with pytest.raises(UserError, match=r"--memory_gb 0.2: with --runner each worker process needs 0.3 GB at least"):
        Memory(200_000_000, None).of_a_sort(False)


@pytest.mark.parametrize(("first", "then"), [(False, True), (True, False)])
def test_a_run_begun_here_is_ended_elsewhere_and_the_other_way_round(corpus, folders, tmp_path, small, first, then):
    def stopping(function, tasks):
        for number, result in enumerate(here(function, tasks)):
            yield result
            if (function.__name__, number) in (("clean_block", 5), ("clean_file", 2), ("link_range", 3)):
                raise KeyboardInterrupt

    for name, work in (("clean", cleaned), ("dedup", lambda *more: deduplicated(*more[:2], "line", 0.7, *more[2:]))):
        whole, begun = (tmp_path / f"{name}-{kind}" for kind in ("whole", "begun"))
        for folder in (whole, begun):
            folder.mkdir()
        work(corpus, whole)
        with pytest.raises(KeyboardInterrupt):
            work(corpus, begun, f"{begun}/out" if first else None, stopping)
        assert any(name.startswith(".") for name in os.listdir(begun / "out"))
        work(corpus, begun, f"{begun}/out" if then else None)
        same(whole, begun)


def test_parts_on_another_file_system_are_copied(corpus, folders, tmp_path, small, monkeypatch):
    def replace(source, target, before=files.replace):
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        before(source, target)

    deduplicated(corpus, folders[0], "line", None)
    monkeypatch.setattr(files, "replace", replace)
    deduplicated(corpus, folders[1], "line", None, str(tmp_path / "shared"))
    same(*folders)


def test_tasks_that_a_killed_command_left_do_not_make_the_output_a_foreign_one(corpus, folders, small):
    deduplicated(corpus, folders[0], "line", None)
    (folders[1] / "out" / ".beam-host-1-ab12").mkdir(parents=True)
    deduplicated(corpus, folders[1], "line", None, f"{folders[1]}/out")
    (folders[1] / "out" / ".beam-host-1-ab12").rmdir()
    same(*folders)


def run_command(module, corpus, folder, *more):
    name = module.__name__.split(".")[-1]
    arguments = ["--corpus", ",".join(corpus.paths), "--output", f"{folder}/out", "--dropped", f"{folder}/dropped.jsonl"]
    getattr(module, name)(module.parse_args([*arguments, *more]))


ON_BEAM = ["--runner", "DirectRunner", "--beam_args", TWO_PROCESSES]


@needs_beam
def test_cleaning_by_two_worker_processes_on_beam_gives_the_same_bytes(corpus, folders, tmp_path, small):
    run_command(clean_corpus, corpus, folders[0], "--num_processes", "1")
    run_command(clean_corpus, corpus, folders[1], *ON_BEAM, "--work_dir", str(tmp_path / "shared"))
    same(*folders)
    assert os.listdir(tmp_path / "shared") == []


@needs_beam
def test_deduplicating_by_two_worker_processes_on_beam_gives_the_same_bytes(corpus, folders, small):
    for folder, more in zip(folders, (["--num_processes", "1"], ON_BEAM), strict=True):
        run_command(dedup_corpus, corpus, folder, "--by", "document", "--near", "0.7", *more)
    same(*folders)


@needs_beam
@pytest.mark.parametrize("module", [clean_corpus, dedup_corpus])
def test_a_mistake_on_a_worker_is_the_users_one_line_and_leaves_nothing(tmp_path, module):
    (tmp_path / "bad.txt").write_bytes("첫째 줄.\n".encode() + b"\xb0\xa1\n")
    more = ["--by", "line"] if module is dedup_corpus else []
    with pytest.raises(UserError, match=r"bad\.txt, line 2: not UTF-8"):
        run_command(module, Corpus([str(tmp_path / "bad.txt")]), tmp_path, *more, "--runner", "DirectRunner",
                    "--beam_args=--direct_running_mode=in_memory")  # fmt: skip
    assert os.listdir(tmp_path) == ["bad.txt"]


@needs_beam
def test_a_worker_that_lives_on_does_not_take_earlier_tasks_for_later_ones(tmp_path):
    with beam.beam_runner("DirectRunner", "--direct_running_mode=in_memory", str(tmp_path)) as run:
        assert [list(run(pow, [(base, 2)])) for base in (2, 3)] == [[4], [9]]
