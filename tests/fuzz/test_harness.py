"""The harness itself: a seed means the same damage at any time, and what a command breaks of the promise is seen."""

import contextlib
import random
import shutil

import pytest

from tests.fuzz import runner
from tests.fuzz.case import Case, contents, run
from tests.fuzz.damage import NotApplicable, inflict
from tests.fuzz.damage.registry import TYPES, kinds_of
from tests.fuzz.targets import TARGETS, Target

EXAMPLES = {kind: path for target in TARGETS.values() for path, kind in target.inputs.items()}
COMMAND = "tests.fuzz.misbehaving"


@pytest.mark.parametrize("type_name", TYPES)
def test_a_seed_means_the_same_damage_at_any_time(type_name, valid, tmp_path):
    damaged = 0
    for name, kind in kinds_of(type_name).items():
        found = []
        for number in range(2):
            folder = tmp_path / f"{name}-{number}"
            path = folder / EXAMPLES[type_name]
            shutil.copytree((valid / EXAMPLES[type_name]).parent, path.parent)
            with contextlib.suppress(NotApplicable):
                inflict(kind, path, random.Random(3))
                found.append(contents(folder))
        assert found[:1] == found[1:], name
        damaged += bool(found)
    assert damaged >= len(kinds_of(type_name)) - 4  # in JSON of ASCII alone, say, CP949 changes nothing


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        ("error", None),
        ("good", None),
        ("traceback", "ends with 70"),
        ("traceback", "says Traceback"),
        ("hang", "hangs"),
        ("spin", "hangs"),
        ("crash", "ends with SIGSEGV"),
        ("memory", "names neither of a.txt"),
        ("two_lines", "2 lines of errors"),
        ("anothers_line", "a line of another's: W0000"),
        ("nameless", "names neither of a.txt"),
        ("graph", "says {{function_node"),
        ("silent", "the last line is no error"),
        ("destroy", "destroys in/text/b.txt"),
        ("temporary", "leaves out.tmp-1-host"),
        ("left_elsewhere", "leaves $TMPDIR/x"),
        ("whole", "failed, and left out as if it were whole"),
        ("code", "ends with 3"),
    ],
)
def test_what_is_broken_is_seen(way, fault, valid, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "SECONDS", 3)
    monkeypatch.setitem(TARGETS, "bad", Target(COMMAND, way, {"in/text/a.txt": "text"}))
    _, faults = run(Case("bad", "in/text/a.txt", "bit_flipped"), valid, tmp_path / "case")
    assert any(each.startswith(fault) for each in faults) if fault else not faults, faults


@pytest.mark.parametrize(("type_name", "seen"), [("text", False), ("fixed_text", True)])
def test_another_result_is_seen_where_a_checksum_stands_for_the_input(type_name, seen, valid, tmp_path, monkeypatch):
    monkeypatch.setitem(TARGETS, "bad", Target(COMMAND, "good", {"in/text/a.txt": type_name}))
    _, faults = run(Case("bad", "in/text/a.txt", "bit_flipped"), valid, tmp_path / "case")
    assert faults == (["succeeds, and out is another"] if seen else [])
