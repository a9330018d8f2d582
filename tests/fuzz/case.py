"""One case: a target, what of it is damaged and how, and a seed; it is run, and what it breaks of the promise is told.

The promise: bad input gets one clear line, and nothing that a user has is destroyed, half read or half written.
"""

import fnmatch
import functools
import hashlib
import os
import random
import shlex
import shutil
import stat
import threading
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import command_lines, runner
from tests.fuzz.damage import inflict
from tests.fuzz.damage.places import swapped
from tests.fuzz.damage.registry import kinds_of, may_be_valid
from tests.fuzz.targets import PRINTED, TARGETS, Target

CODES = (0, 1, 2, 69, 75)
UNREAD = 141  # as a shell calls the end of one whose output nobody reads
LONGEST_LINE = 2_000
_one_at_a_time = threading.Lock()


class Case(NamedTuple):
    """What is run.

    Attributes:
        target: name of a target.
        subject: one of its inputs, an option of its command (`--seed`), or "streams".
        kind: of damage to a file, of value of an option, or of stream.
        seed: of where the damage falls.
    """

    target: str
    subject: str
    kind: str
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.target} {self.subject} {self.kind} {self.seed}"

    @property
    def command(self) -> str:
        """The command that runs it again."""
        return f"python -m tests.fuzz {shlex.join(str(part) for part in self)}"


class Prepared(NamedTuple):
    """A case whose damage is done.

    Attributes:
        words: of the command line.
        names: of which the error must say at least one.
        may_succeed: exit code 0 is right, whatever comes out.
        stream: how a stream is broken, or "".
    """

    words: list[str]
    names: tuple[str, ...]
    may_succeed: bool
    stream: str = ""


def prepare(case: Case, folder: Path) -> Prepared:
    """Do the damage of a case in `folder`, which holds valid inputs.

    Raises:
        NotApplicable: there is nothing to damage so.
    """
    target = TARGETS[case.target]
    words = shlex.split(target.words)
    if case.subject == "streams":
        return Prepared(words, (), True, case.kind)
    if case.subject.startswith("--"):
        changed = command_lines.changed(target, case.subject, case.kind)
        return Prepared(changed.words, (case.subject, *changed.names), changed.may_succeed)
    kind, path = kinds_of(target.inputs[case.subject])[case.kind], folder / case.subject
    said = inflict(kind, path, random.Random(str(case)))
    concerned = target.inputs if kind is swapped else [case.subject]
    names = (*(name for each in concerned for name in _names_of(each)), *target.names)
    return Prepared(words, names, may_be_valid(target.inputs[case.subject], kind, said))


def _names_of(path: str) -> tuple[str, ...]:
    """Say what a message may call a file: by its name, its checkpoint's, or its folder's path."""
    parts = path.split("/")
    folders = tuple("/".join(parts[:count]) for count in range(2, len(parts)))
    return (parts[-1], parts[-1].split(".data-")[0].removesuffix(".index"), *folders)


def run(case: Case, valid: Path, folder: Path) -> tuple[runner.Outcome, list[str]]:
    """Run a case in `folder`, which is made; `valid` holds the inputs as they should be.

    Returns:
        How the command ended, and what it broke of the promise: a line each.
    """
    target = TARGETS[case.target]
    shutil.copytree(valid / "in", folder / "in")
    prepared = prepare(case, folder)
    before = contents(folder)
    outcome = runner.run(target.command, prepared.words, folder, prepared.stream)
    after = contents(folder)
    made = {path: content for path, content in after.items() if path not in before}
    faults = [
        *_ended(outcome, prepared.stream),
        *_said(target, prepared, outcome),
        *_destroyed(before, after),
        *_left(folder, made),
    ]
    if outcome.code != 0 and not prepared.stream:  # which breaks when all is done
        faults += [f"failed, and left {path} as if it were whole" for path in made if _any_of(path, target.whole)]
    elif (
        outcome.code == 0
        and not prepared.may_succeed
        and not (target.goes_on and any(name in outcome.stderr for name in prepared.names))
    ):
        faults += _other_result(target, made | {PRINTED: outcome.stdout}, valid, folder)
    return outcome, faults


def contents(folder: Path) -> dict[str, str]:
    """Return what each file, link or special file in a folder is, by its path in it; of a file the hash."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*names, *(each for each in folders if os.path.islink(os.path.join(parent, each)))):
            path = Path(parent, name)
            found[str(path.relative_to(folder))] = _content(path)
    return found


def _content(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {os.readlink(path)}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else f"special {stat.S_IFMT(mode)}"


def _ended(outcome: runner.Outcome, stream: str) -> list[str]:
    if outcome.code == runner.HANGS:
        return [f"hangs: no end after {outcome.seconds:.0f} s"]
    return (
        []
        if outcome.code in CODES or (outcome.code == UNREAD and stream == "stdout_nobody_reads")
        else [f"ends with {outcome.code}"]
    )


def _said(target: Target, prepared: Prepared, outcome: runner.Outcome) -> list[str]:
    """Hold what was said on standard error against the promise of one line."""
    lines = outcome.stderr.split("\n")
    faults = [f"says {bad}" for bad in ("Traceback", "{{function_node") if bad in outcome.stderr]
    if outcome.stderr and lines[-1] != "":
        faults.append("its last line has no end")
    lines = [line for line in lines if line]
    for line in lines:
        if not line.isprintable():
            faults.append(f"a line with unprintable characters: {line[:80]!r}")
        if len(line) > LONGEST_LINE:
            faults.append(f"a line of {len(line)} characters: {line[:80]}…")
    if outcome.code not in (1, 2, 69) or prepared.stream.startswith("stderr") or faults:
        return faults
    speaker = target.command.rpartition(".")[2]
    errors = [line for line in lines if line.startswith(f"{speaker}: error: ")]
    if not lines or lines[-1] not in errors:
        return [f"the last line is no error: {lines[-1:]}"]
    strange = [line for line in lines if not line.startswith(f"{speaker}: ")]
    if outcome.code != 2 and strange:  # the parser shows how the command is used
        faults.append(f"a line of another's: {strange[0]}")
    if len(errors) > 1 and target.command != "inspect_data":  # which names every fault
        faults.append(f"{len(errors)} lines of errors")
    told = [*lines, outcome.stdout if lines[-1].endswith("see above") else ""]
    if prepared.names and not any(name in text for name in prepared.names for text in told):
        faults.append(f"names neither of {', '.join(prepared.names)}: {lines[-1]}")
    return faults


def _destroyed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [f"destroys {path}" for path, content in before.items() if after.get(path) != content]


def _left(folder: Path, made: dict[str, str]) -> list[str]:
    said = runner.said_by(folder) / runner.TEMPORARY
    temporaries = [path for path in made if ".tmp-" in path]
    return [f"leaves {path}" for path in (*temporaries, *(f"$TMPDIR/{path}" for path in contents(said)))]


def _other_result(target: Target, made: dict[str, str], valid: Path, folder: Path) -> list[str]:
    """Compare what came out of damaged input with what comes out of it as it should be."""
    found, expected = _compared(target, made), _result(target.command, target.words, valid, folder.with_name("undamaged"))
    expected = _compared(target, expected)
    other = [path for path in sorted(found.keys() | expected.keys()) if found.get(path) != expected.get(path)]
    return [f"succeeds, and {', '.join(other)} is another"] if other else []


def _result(command: str, words: str, valid: Path, folder: Path) -> dict[str, str]:
    with _one_at_a_time:
        return _undamaged(command, words, valid, folder)


@functools.cache
def _undamaged(command: str, words: str, valid: Path, folder: Path) -> dict[str, str]:
    """Return what comes out where nothing is damaged."""
    shutil.copytree(valid / "in", folder / "in")
    before = contents(folder)
    outcome = runner.run(command, shlex.split(words), folder)
    assert outcome.code == 0, f"{command} {words}: {outcome.code}\n{outcome.stderr}"
    made = {path: content for path, content in contents(folder).items() if path not in before} | {PRINTED: outcome.stdout}
    for each in (folder, runner.said_by(folder)):
        shutil.rmtree(each)
    return made


def _compared(target: Target, made: dict[str, str]) -> dict[str, str]:
    return {path: content for path, content in made.items() if not _any_of(path, target.not_compared)}


def _any_of(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)
