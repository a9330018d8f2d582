"""Kill every command that writes at random moments with SIGKILL, run it again to its end, and compare with one left alone.

    python scripts/kill_test.py --folder killed
    python scripts/kill_test.py --folder killed --commands build_data,export_hf --kills 5 --seed 1

Processes are started as a user starts them, and what they made is compared byte for byte: names of files, and their contents,
the fields of `Case.aside` left out, which tell times and places. So a temporary file that is left counts as a difference. What
a command needs, commands before it have made. Kills of a training aimed at its checkpoints: kill_training.py.
"""  # fmt: skip

import argparse
import contextlib
import importlib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kill_cases import CASES, Case, write_inputs

ROOT = Path(__file__).resolve().parent.parent
STRAIGHT, KILLED = "straight", "killed"
Collect = Callable[[Path], None]


class Round(NamedTuple):
    """What came of a command's kills."""

    kills: int
    differences: list[str]


def main() -> None:
    args = parse_args()
    folder = Path(args.folder).resolve()
    write_inputs(folder / "inputs", ROOT)
    wanted = args.commands.split(",") if args.commands else [case.name for case in CASES]
    wrong = []
    for case in with_needs(CASES, wanted):
        with bucket(case) as collect:
            seconds = run_straight(case, folder, collect)
            if case.name not in wanted:
                continue
            kills, found = run_killed(case, folder, seconds, args.kills, random.Random(f"{args.seed} {case.name}"), collect)
        print(f"{case.name}: {seconds:.0f} s; {kills} kills; {'; '.join(found) or 'the same'}", flush=True)
        wrong += [case.name] if found or not kills else []
    if wrong:
        sys.exit(f"kill_test: not the same, or never killed: {', '.join(wrong)}; what they said: {folder}/*.log")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, metavar="DIR", help="for all that is made; new or empty")
    parser.add_argument("--commands", default="", metavar="NAME,NAME", help=f"of {', '.join(case.name for case in CASES)}")
    parser.add_argument("--kills", type=int, default=3, help="of each command (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default %(default)s)")
    args = parser.parse_args()
    if os.path.isdir(args.folder) and os.listdir(args.folder):
        parser.error(f"--folder {args.folder}: is not empty; name a new one")
    if unknown := set(filter(None, args.commands.split(","))) - {case.name for case in CASES}:
        parser.error(f"--commands: there is no {', '.join(sorted(unknown))}")
    return args


def with_needs(cases: Sequence[Case], wanted: Sequence[str]) -> list[Case]:
    """Choose cases by name, and those whose output they read, in the table's order."""
    by_name = {case.name: case for case in cases}
    found: set[str] = set()
    open_names = list(wanted)
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += by_name[name].needs
    return [case for case in cases if case.name in found]


@contextlib.contextmanager
def bucket(case: Case) -> Iterator[Collect]:
    """Run a bucket on this machine while the block lasts, if the command needs one; give what moves its objects to a folder."""
    if not case.stages:
        yield lambda folder: None
        return

    def collect(folder: Path) -> None:
        for name in proxy.objects():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(proxy.content(name))
            proxy.delete(name)

    sys.path.insert(0, str(ROOT))
    with importlib.import_module("tests.support.storage_emulator").running() as proxy:
        os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{proxy.server_address[1]}"
        yield collect
        del os.environ["STORAGE_EMULATOR_HOST"]


def run_straight(case: Case, folder: Path, collect: Collect) -> float:
    """Let a command be; return how many seconds it took."""
    prepare(case, folder / STRAIGHT)
    began = time.monotonic()
    finish(case, folder / STRAIGHT)
    seconds = time.monotonic() - began
    collect(folder / STRAIGHT / case.name)
    return seconds


def run_killed(
    case: Case, folder: Path, seconds: float, kills: int, moments: random.Random, collect: Collect = lambda folder: None
) -> Round:
    """Kill a command and start it again so many times, let it finish, and compare.

    One that is done before its moment came is compared too, and begun anew.
    """
    place, done = folder / KILLED, 0
    found: list[str] = []

    def compare() -> list[str]:
        collect(place / case.name)
        return differences(folder / STRAIGHT / case.name, place / case.name, case)

    prepare(case, place)
    for _ in range(kills):
        process = start(case, place)
        try:
            code = process.wait(moments.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
            continue
        if code and not says_done(case, place):
            return Round(done, [*found, f"ended by itself with code {code}, see {place}/{case.name}.log"])
        found += compare()
        prepare(case, place)
    finish(case, place)
    return Round(done, found + compare())


def prepare(case: Case, place: Path) -> None:
    """Make a command's folder, with what it works in."""
    shutil.rmtree(place / case.name, ignore_errors=True)
    (place / case.name).mkdir(parents=True)
    for source, target in case.copies.items():
        copied = place / case.name / target
        if (place / source).is_dir():
            shutil.copytree(place / source, copied, ignore=shutil.ignore_patterns(*case.not_copied))
        else:
            shutil.copy(place / source, copied)


def start(case: Case, place: Path) -> "subprocess.Popen[bytes]":
    """Start a command in the folder of all commands, where paths are the same for the killed as for the others."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    words = shlex.split(case.command)
    command = [sys.executable, "-m", f"electra_pretrain.{words[0]}", *words[1:]]
    with open(place / f"{case.name}.log", "ab") as log:
        printed = place / case.name / "printed"
        with open(printed, "wb") if case.prints else contextlib.nullcontext(log) as output:
            return subprocess.Popen(command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=log)


def finish(case: Case, place: Path) -> None:
    if (code := start(case, place).wait()) and not says_done(case, place):
        sys.exit(f"kill_test: {case.name} ended with code {code}; see {place}/{case.name}.log")


def says_done(case: Case, place: Path) -> bool:
    """Whether the command refused to do again what is done."""
    return bool(case.done_says) and case.done_says in (place / f"{case.name}.log").read_text().splitlines()[-1]


def differences(straight: Path, killed: Path, case: Case) -> list[str]:
    """Tell what sets two commands' folders apart."""
    ours, theirs = (
        {name for path in top.rglob("*") if not re.search(case.files_aside, name := str(path.relative_to(top)))}
        for top in (straight, killed)
    )
    found = [f"only in one: {', '.join(sorted(ours ^ theirs))}"] if ours != theirs else []
    both = (name for name in sorted(ours & theirs) if (straight / name).is_file())
    return found + [f"{name} differs" for name in both if content(straight / name, case) != content(killed / name, case)]


def content(path: Path, case: Case) -> Any:
    """Read a file; of JSON without the fields that tell times and places."""
    if case.aside and path.suffix in (".json", ".jsonl"):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        return [without(json.loads(line), case.aside) for line in lines]
    return path.read_bytes()


def without(value: Any, fields: tuple[str, ...]) -> Any:
    """Leave out, at any depth, the fields whose names end so."""
    if isinstance(value, dict):
        return {name: without(inner, fields) for name, inner in value.items() if not name.endswith(fields)}
    return [without(inner, fields) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
