"""What a killed process left half-written is told from what a live one writes."""

import os
import socket
import subprocess
import sys

import pytest

from electra_pretrain.core import files
from electra_pretrain.core.temporaries import is_left_over, name_for

HOST = socket.gethostname()


@pytest.fixture(scope="module")
def dead():
    """The number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True).stdout)


def test_a_live_process_keeps_its_file(dead):
    live = os.getppid()
    assert not is_left_over(f"a.tmp-{live}-{HOST}") and not is_left_over(f"a.tmp-{live}-{HOST}.index")
    assert is_left_over(f"a.tmp-{dead}-{HOST}") and is_left_over(f"a.tmp-{live}-{HOST[::-1]}x")
    assert is_left_over(os.path.basename(name_for("x/a")))  # of an earlier process of the same number: this one has just begun
    assert is_left_over(f"a.tmp-{10**30}-{HOST}") and is_left_over(f"a.tmp-0-{HOST}")


@pytest.mark.parametrize("name", ["a", "a.tmp", "a.tmp-1", "a.tmp-x-host", "a.tmp-12", "tmp-12-host"])
def test_other_names_are_nobodys(name):
    assert not is_left_over(name)


def test_what_was_left_of_the_files_named_goes(tmp_path, dead):
    kept = ["page.html", "notes.tmp-1", f"other.html.tmp-{dead}-h", f"page.html.tmp-{os.getppid()}-{HOST}"]
    for name in [*kept, f"page.html.tmp-{dead}-{HOST}"]:
        (tmp_path / name).write_text("x")
    files.remove_temporaries(str(tmp_path), r"page\.html")
    files.remove_temporaries(str(tmp_path / "none"), ".*")
    other = tmp_path / f"page.html.tmp-{dead}-{HOST[::-1]}x"
    other.write_text("another machine may be writing it")
    files.remove_temporaries(str(tmp_path), r"page\.html", elsewhere=False)
    assert other.exists()
    files.remove_temporaries(str(tmp_path), r"page\.html")
    assert sorted(os.listdir(tmp_path)) == sorted(kept)


def test_a_dead_process_whose_parent_sleeps_writes_no_more():
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_left_over(f"page.html.tmp-{process.pid}-{HOST}")
