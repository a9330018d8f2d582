"""Standard streams of every kind: closed, without a reader, of another encoding, full; seen from outside, as a shell does."""

import json
import subprocess
import sys

import pytest

from electra_pretrain.core.streams import _spell

SCRIPT = """
import contextlib, logging, os, sys
from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core.errors import UserError

def command(args):
    with open("made", "w") as file:
        with contextlib.suppress(OSError):
            os.write(2, b"from below ")
        logging.getLogger("electra_pretrain").warning("told")
        print('["가😀…", "' + os.fsdecode(b"\\xff") + '"]' * args.lines)
        file.write("whole")
    if args.fail:
        raise UserError("가: no such file …")

def parse():
    parser = command_parser("example", "")
    parser.add_argument("--lines", type=int, default=1)
    parser.add_argument("--fail", action="store_true")
    return parser.parse_args()

run_command("example", parse, command)
"""
TOLD = "from below example: warning: told\n"


@pytest.fixture
def shell(tmp_path):
    """Runs a command line in which $RUN stands for the command above; returns its exit code, output and errors."""
    (tmp_path / "example.py").write_text(SCRIPT, encoding="utf-8")

    def run(line, **environment):
        settings = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path)), **environment}
        line = line.replace("$RUN", f"{sys.executable} -W error example.py")
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], cwd=tmp_path, env=settings, capture_output=True)
        return done.returncode, done.stdout, done.stderr.decode("ascii" if environment else "utf-8")

    return run


def test_closed_streams_leave_every_file_as_it_should_be(shell, tmp_path):
    """Else the file that is opened next would be number 2, and get what is said from below."""
    assert shell("$RUN 2>&- >&- <&-") == (0, b"", "")
    assert (tmp_path / "made").read_text() == "whole"
    assert shell("$RUN --fail 2>&- >&-")[0] == 1


def test_a_reader_that_has_gone_ends_a_command_in_silence(shell):
    assert shell("$RUN --lines 90000 | true") == (141, b"", TOLD)
    assert shell("$RUN --help | true")[2] == ""
    assert shell("$RUN 2>&1 >/dev/null | true")[0] == 0, "messages that nobody reads ended the work"


@pytest.mark.parametrize("buffered", [True, False])
def test_a_full_disk_behind_standard_output_is_told(shell, buffered):
    code, _, err = shell("$RUN >/dev/full", **({} if buffered else {"PYTHONUNBUFFERED": "1"}))
    assert code == 1 and err.startswith(
        "from below example: warning: told\nexample: error: standard output: No space left on device; "
    )
    assert err.count("\n") == 2


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}])
def test_what_a_terminal_cannot_show_is_spelled(shell, environment):
    code, out, err = shell("$RUN --fail", **environment)
    assert (code, err) == (1, TOLD + "example: error: \\uac00: no such file \\u2026\n")
    assert json.loads(out.decode("ascii")) == ["가😀…", "\udcff"], "what was JSON is JSON"


def test_characters_are_spelled_as_in_json():
    assert _spell(UnicodeEncodeError("ascii", "a😀\udcffb", 1, 3, "")) == ("\\ud83d\\ude00\\udcff", 3)
    with pytest.raises(UnicodeDecodeError):
        _spell(UnicodeDecodeError("ascii", b"\xff", 0, 1, ""))
