"""Messages: one format on standard error, levels that --quiet and --verbose choose, workers that speak as their command."""

import logging
import os
import sys

import pytest
import tqdm

from electra_pretrain.core import messages, tensorflow_startup
from electra_pretrain.core.progress import Progress
from electra_pretrain.execution.processes import worker_pool

log = logging.getLogger("electra_pretrain.somewhere")


@pytest.fixture(autouse=True)
def as_before():
    before = messages.speaker()
    yield
    messages.configure(*before)


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        (messages.QUIET, "x: warning: loss 2 rises\n"),
        (messages.NORMAL, "x: step 1\nx: warning: loss 2 rises\n"),
        (messages.VERBOSE, "x: detail\nx: step 1\nx: warning: loss 2 rises\n"),
    ],
)
def test_levels(capfd, level, heard):
    messages.configure("x", level)
    log.debug("detail")
    log.info("step %d", 1)
    log.warning("loss %d rises", 2)
    captured = capfd.readouterr()
    assert captured.err == heard and captured.out == ""


def test_what_is_configured_twice_speaks_once(capfd):
    messages.configure("one")
    messages.configure("two")
    log.info("here")
    assert capfd.readouterr().err == "two: here\n"


def test_a_command_run_with_python_m_is_heard_under_its_own_name(capfd):
    """Its module is then called `__main__`, and so is its logger."""
    messages.configure("stage")
    logging.getLogger("__main__").info("told")
    logging.getLogger("__main__").warning("warned")
    messages.configure("stage", messages.QUIET)
    logging.getLogger("__main__").info("not told")
    assert capfd.readouterr().err == "stage: told\nstage: warning: warned\n"


def test_tensorflows_own_messages_are_for_the_verbose():
    from absl import logging as absl_logging

    messages.configure("x")
    assert absl_logging.get_verbosity() == absl_logging.ERROR
    messages.configure("x", messages.VERBOSE)
    assert absl_logging.get_verbosity() == absl_logging.INFO


def speak():
    log.info("from a worker")
    return messages.speaker()


def test_workers_speak_as_their_command(capfd):
    messages.configure("dedup_corpus", messages.NORMAL)
    with worker_pool(2) as run:
        assert list(run(speak, [()])) == [("dedup_corpus", messages.NORMAL)]
    assert "dedup_corpus: from a worker\n" in capfd.readouterr().err


def test_progress_is_a_line_of_its_command_and_silent_where_quiet(capfd):
    messages.configure("build_data")
    with Progress("tokenise", 2, "MB") as progress:
        progress.update(2)
    assert capfd.readouterr().err.startswith("build_data: tokenise: 2 of 2 MB")
    messages.configure("build_data", messages.QUIET)
    with Progress("tokenise", 2, "MB") as progress:
        progress.update(2)
    assert capfd.readouterr().err == ""


def test_a_line_does_not_tear_a_bar(monkeypatch, capfd):
    written = []
    monkeypatch.setattr(tqdm.tqdm, "write", lambda line, file: written.append((line, file)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    messages.configure("x")
    log.info("beside a bar")
    assert written == [("x: beside a bar", sys.stderr)]


@pytest.mark.parametrize(("level", "heard"), [(messages.NORMAL, ""), (messages.VERBOSE, "from C++\n")])
def test_what_tensorflow_says_from_below_is_for_the_verbose(capfd, level, heard):
    messages.configure("x", level)
    with tensorflow_startup.stderr_aside():
        os.write(2, b"from C++\n")
    assert capfd.readouterr().err == heard


def test_a_line_that_quotes_endless_text_keeps_its_beginning_and_its_end():
    line = messages.in_one_line(f"words.txt, line 1: {'가' * 10**6} is no term; take it out")
    assert len(line) < 1100 and line.startswith("words.txt, line 1: 가") and line.endswith("가 is no term; take it out")
    assert messages.in_one_line("가" * 1000) == "가" * 1000
