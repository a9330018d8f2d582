"""The process that compiles: asked, waited for, and its failures told in one line."""

import logging
import sys

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.xla import compiler
from electra_pretrain.xla.compiler import Compiler

# A compiler that compiles nothing.
PROCESS = """
import json, sys, time
path, target, *compiled = sys.argv[1:]
if target == "broken":
    sys.exit("I am broken")
if target == "slow":
    time.sleep(1)
print("a warning of the library's")
print(json.dumps({"bytes": open(path, "rb").read().decode(), "target": target, "compiled": compiled}))
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    (tmp_path / "fake_compiler.py").write_text(PROCESS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Compiler("XPU", ("json",), "xpu-check", "fake_compiler", "an hour")


def test_what_the_process_prints_is_returned(fake):
    assert fake.ask(b"module", "x1") == {"bytes": "module", "target": "x1", "compiled": []}
    assert fake.ask(b"module", "x1", "out.txt")["compiled"] == ["out.txt"]


def test_that_it_still_runs_is_said_again_and_again(fake, monkeypatch, caplog):
    monkeypatch.setattr(compiler, "LINE_INTERVAL_SECONDS", 0.2)
    with caplog.at_level(logging.INFO):
        fake.ask(b"", "slow")
    assert "a base model takes an hour" in caplog.messages[0]
    assert sum(message.startswith("compiling for") for message in caplog.messages) >= 2


def test_a_process_that_stops_is_told_in_one_line(fake):
    with pytest.raises(UserError, match=r"the XPU compiler stopped with code 1: I am broken; .*\[xpu-check\]") as refused:
        fake.ask(b"", "broken")
    assert "\n" not in str(refused.value)


def test_missing_packages_are_named_and_nothing_is_run(monkeypatch):
    missing = Compiler("XPU", ("json", "no_such_package"), "xpu-check", "fake_compiler", "an hour")
    monkeypatch.setattr(sys, "executable", "/no/python")
    assert not missing.is_installed()
    with pytest.raises(UserError, match=r"XPU compiler is not installed \(no_such_package\); run: pip install '.*xpu-check"):
        missing.ask(b"", "x1")
