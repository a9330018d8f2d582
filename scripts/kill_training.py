"""Kill a run at random moments with SIGKILL, start it again each time, and compare its end with that of a run left alone.

    python scripts/kill_training.py --config tiny.json --data data --folder killed --set training.num_train_steps=400

It works from outside: processes are started as a user starts them, and only the run's folder is looked at. Where the kills fall
depends on the machine's speed, what is compared does not. The end is the same if the newest checkpoint is, bit for bit,
`metrics.jsonl` is, fields of time aside, and the folder holds the same files.
"""  # fmt: skip

import argparse
import collections
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINT = re.compile(r"model\.ckpt-(\d+)\.index$")
TEMPORARY = re.compile(r"\.tmp-\d+")
TIME_FIELDS = ("per_second", "seconds", "hours_left", "share_of_peak")
POLL_SECONDS = 0.0005
# What the kills are aimed at, in turn; where one falls is read from the folder afterwards.
AIMS = ("start-up", "training", "writing a checkpoint", "evaluation", "writing a checkpoint")


class Pace(NamedTuple):
    """How long things took where nothing was killed, in seconds."""

    to_first_line: float  # from the start to the first metrics
    training: float  # from there to the end
    checkpoint: float  # from one to the next


class Look(NamedTuple):
    """A run's folder at one moment."""

    temporaries: tuple[str, ...]
    newest: int  # step of the newest complete checkpoint, 0 if there is none
    written: int  # when metrics.jsonl was, 0 if it never was

    @classmethod
    def at(cls, folder: Path) -> "Look":
        names = os.listdir(folder) if folder.is_dir() else []
        path = folder / "metrics.jsonl"
        return cls(
            tuple(name for name in names if TEMPORARY.search(name)),
            max((int(match.group(1)) for name in names if (match := CHECKPOINT.search(name))), default=0),
            path.stat().st_mtime_ns if path.exists() else 0,
        )

    @property
    def writes_checkpoint(self) -> bool:
        return any(name.startswith("model.ckpt") for name in self.temporaries)


def main() -> None:
    args = parse_args()
    print(f"seed {args.seed}: {args.kills} kills", flush=True)
    command = [sys.executable, "-m", "electra_pretrain.run_pretraining", "--config", args.config, "--data", args.data]
    command += [word for override in args.set for word in ("--set", override)]
    straight, killed = Path(args.folder) / "straight", Path(args.folder) / "killed"
    pace = run_straight(command, straight)
    activities = run_killed(command, killed, pace, args.kills, random.Random(args.seed))
    print("; ".join(f"{activity}: {count}" for activity, count in sorted(activities.items())))
    if wrong := differences(straight, killed):
        sys.exit("kill_training: not the same end: " + "; ".join(wrong))
    if activities.total() < args.kills:
        sys.exit(f"kill_training: not proven: finished after {activities.total()} kills; ask for more training.num_train_steps")
    print(f"the same end, bit for bit, after {activities.total()} kills")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="section.field=value")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of records, made by build_data")
    parser.add_argument("--folder", required=True, metavar="DIR", help="for both runs; new or empty")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    if os.path.isdir(args.folder) and os.listdir(args.folder):
        parser.error(f"--folder {args.folder}: is not empty; name a new one")
    return args


def run_straight(command: list[str], folder: Path) -> Pace:
    """Let a run be, and measure its pace."""
    process, began = start(command, folder), time.monotonic()
    watch(process, lambda: Look.at(folder).written > 0)
    first_line = time.monotonic()
    if process.wait():
        sys.exit(f"kill_training: the run that nobody killed ended with code {process.returncode}; see {folder}.log")
    training = time.monotonic() - first_line
    checkpoints = sum(row["kind"] == "heldout" for row in metrics(folder))
    return Pace(first_line - began, training, training / max(1, checkpoints))


def run_killed(command: list[str], folder: Path, pace: Pace, kills: int, moments: random.Random) -> "collections.Counter[str]":
    """Kill and start again until so many kills are done or the run is; then let it finish. Kills by activity."""
    activities: collections.Counter[str] = collections.Counter()
    for number in range(kills):
        before = Look.at(folder)
        process, began = start(command, folder), time.monotonic()
        aim = AIMS[number % len(AIMS)]
        wait_for(aim, process, folder, before, pace, kills, moments)
        process.kill()
        if process.wait() == 0:  # it was faster
            return activities
        if process.returncode > 0:
            sys.exit(f"kill_training: a run ended by itself with code {process.returncode}; see {folder}.log")
        after = Look.at(folder)
        activity = activity_of(folder, before, after)
        activities[activity] += 1
        place = f"after {time.monotonic() - began:.3f} s, at checkpoint {after.newest}, in: {activity}"
        print(f"kill {number + 1}, aimed at {aim}: {place}", flush=True)
    if start(command, folder).wait():
        sys.exit(f"kill_training: the last run failed; see {folder}.log")
    return activities


def wait_for(
    aim: str, process: "subprocess.Popen[bytes]", folder: Path, before: Look, pace: Pace, kills: int, moments: random.Random
) -> None:
    """Return at the moment to kill, or when the process has ended."""

    def rest(seconds: float) -> None:
        end = time.monotonic() + seconds
        watch(process, lambda: time.monotonic() >= end)

    if aim == "start-up":
        return rest(moments.uniform(0, pace.to_first_line))
    watch(process, lambda: Look.at(folder)[1:] != before[1:])
    if aim == "training":
        # All such kills together take no more than half of the run.
        rest(moments.uniform(0, pace.training / kills))
    elif aim == "writing a checkpoint":
        watch(process, lambda: Look.at(folder).writes_checkpoint)
        # Now and then a little later: between the files of a checkpoint.
        rest(moments.choice((0, moments.uniform(0, 0.02))))
    else:
        newest = Look.at(folder).newest
        watch(process, lambda: Look.at(folder).newest > newest)
        rest(moments.uniform(0, pace.checkpoint / 2))


def activity_of(folder: Path, before: Look, after: Look) -> str:
    """Tell what the run was doing when it was killed, by its folder."""
    if after.writes_checkpoint:
        return "writing a checkpoint"
    if after.temporaries:
        return "writing another file"
    if after[1:] == before[1:]:
        return "start-up"
    scored = any((row["kind"], row["step"]) == ("heldout", after.newest) for row in metrics(folder))
    return "training" if scored or not after.newest else "between a checkpoint and its evaluation's metrics"


def differences(straight: Path, killed: Path) -> list[str]:
    """Tell what sets two finished runs' folders apart."""
    ours, theirs = (sorted(name for name in os.listdir(folder)) for folder in (straight, killed))
    wrong = [f"files differ: {sorted(set(ours) ^ set(theirs))}"] if ours != theirs else []
    left = [str(path) for path in killed.rglob("*") if TEMPORARY.search(path.name)]
    wrong += [f"temporary files left: {left}"] if left else []
    rows = [
        [{name: value for name, value in row.items() if not name.endswith(TIME_FIELDS)} for row in metrics(folder)]
        for folder in (straight, killed)
    ]
    if rows[0] != rows[1]:
        odd = next((pair for pair in zip(*rows, strict=False) if pair[0] != pair[1]), f"{len(rows[0])}, {len(rows[1])} lines")
        wrong.append(f"metrics.jsonl differs: {odd}")
    return wrong + different_tensors(straight, killed)


def different_tensors(straight: Path, killed: Path) -> list[str]:
    """Name tensors of the newest checkpoints that are not the same bits."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    steps = [Look.at(folder).newest for folder in (straight, killed)]
    if steps[0] != steps[1]:
        return [f"newest checkpoints are of steps {steps}"]
    ours, theirs = (tf.train.load_checkpoint(str(folder / f"model.ckpt-{steps[0]}")) for folder in (straight, killed))
    names = set(ours.get_variable_to_shape_map()) | set(theirs.get_variable_to_shape_map())

    def content(reader: Any, name: str) -> tuple[str, tuple[int, ...], bytes] | None:
        if not reader.has_tensor(name):
            return None
        value = reader.get_tensor(name)
        return str(value.dtype), value.shape, value.tobytes()

    return [f"{name} differs" for name in sorted(names) if content(ours, name) != content(theirs, name)]


def start(command: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    """Start the command as a process whose words go to a log beside the run's folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.log", "ab") as log:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen([*command, "--model_dir", str(folder)], env=environment, stdout=log, stderr=log)


def watch(process: "subprocess.Popen[bytes]", happened: Callable[[], bool]) -> None:
    """Return as soon as it happened, or the process has ended."""
    while process.poll() is None and not happened():
        time.sleep(POLL_SECONDS)


def metrics(folder: Path) -> list[dict[str, object]]:
    """Read the rows of metrics.jsonl, which is never seen half-written."""
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
