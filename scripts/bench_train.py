"""Seconds a training step on this CPU, ours beside the same step from `transformers` and torch, turn by turn in one run.

    python scripts/bench_train.py                    # three cases
    python scripts/bench_train.py --cases 1 --profile

The same sizes, batch, masked positions, dropout, float32, cores; asserted: the same parameters, and like losses at the start.
Each engine lives in a process of its own and rests while the other computes; that is watched, too.
"""  # fmt: skip

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

SCRIPTS = Path(__file__).resolve().parent
ENGINES = ("ours", "torch")
IDLE_SHARE = 0.05  # of a turn, that the engine which waits may compute


class Case(NamedTuple):
    """What is trained, and how many steps make a turn."""

    title: str
    overrides: tuple[str, ...]
    steps: int
    config: str = "small_v3.json"

    @property
    def arguments(self) -> list[str]:
        overrides = ("training.compute_dtype=float32", *self.overrides)
        return ["--config", self.config, *(word for override in overrides for word in ("--set", override))]


CASES = (
    Case(
        "2 layers, 128 wide, 32 x 128",
        (
            "model.num_hidden_layers=2",
            "model.hidden_size=128",
            "model.intermediate_size=512",
            "model.num_attention_heads=2",
            "training.train_batch_size=32",
            "data.max_seq_length=128",
        ),
        steps=8,
    ),
    Case("KoELECTRA small, 16 x 128", ("training.train_batch_size=16", "data.max_seq_length=128"), steps=3),
    Case("KoELECTRA small, 4 x 512", ("training.train_batch_size=4",), steps=3),
)


class Turns:
    """An engine's process, which computes when told to and waits otherwise."""

    def __init__(self, engine: str, case: Case, attention: str) -> None:
        self._process = _start(engine, [*case.arguments, "--attention", attention])
        self.built = self._answer()

    def seconds(self, steps: int) -> float:
        """Run so many steps; return the seconds that one took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def cpu_seconds(self) -> float:
        """Return what was computed up to now, all threads together."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        return _read_answer(self._process)


def main() -> None:
    args = parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    threads = len(os.sched_getaffinity(0))
    packages = {name: version(name) for name in ("tensorflow", "torch", "transformers")}
    print(f"{threads} cores of {_processor()}, float32; " + ", ".join(f"{name} {number}" for name, number in packages.items()))
    print("generator as large as discriminator; seconds a step, median of", args.rounds, "turns each (smallest to largest)")
    results = []
    for number in args.cases:
        case = CASES[number - 1]
        results.append({"case": case.title, **compare(case, args.rounds, args.attention)})
        if args.profile:
            results[-1]["breakdown"] = show_breakdown(case)
    if args.json:
        Path(args.json).write_text(json.dumps({"threads": threads, "packages": packages, "cases": results}, indent=2) + "\n")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = range(1, len(CASES) + 1)
    parser.add_argument("--cases", type=int, nargs="+", choices=numbers, default=list(numbers), help="which (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine (default %(default)s)")
    parser.add_argument("--threads", type=int, help="cores that both are pinned to (default: all of this process's)")
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa", help="torch's (default %(default)s)")
    parser.add_argument("--profile", action="store_true", help="then tell where the time of our step goes")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there too")
    return parser.parse_args()


def compare(case: Case, rounds: int, attention: str) -> dict[str, Any]:
    """Let both take turns; print the case's line; return all numbers."""
    engines = {name: Turns(name, case, attention) for name in ENGINES}
    check_same(*(engines[name].built for name in ENGINES))
    times: dict[str, list[float]] = {name: [] for name in ENGINES}
    for _ in range(rounds):
        for name, other in zip(ENGINES, reversed(ENGINES), strict=True):
            before = engines[other].cpu_seconds()
            times[name].append(engines[name].seconds(case.steps))
            computed = engines[other].cpu_seconds() - before
            if computed > IDLE_SHARE * times[name][-1] * case.steps:
                sys.exit(f"bench_train: {other} computed for {computed:.2f} s while {name} had its turn")
    for engine in engines.values():
        engine.end()
    ratios = [theirs / ours for ours, theirs in zip(*(times[name] for name in ENGINES), strict=True)]
    shown = ", ".join(f"{name} {_spread(times[name], '.3f')}" for name in ENGINES)
    print(f"{case.title}: {shown}; ours is {_spread(ratios, '.2f')} times as fast", flush=True)
    return {
        "parameters": sum(math.prod(shape) for shape in engines["ours"].built["shapes"]),
        "first_losses": {name: engines[name].built["losses"] for name in ENGINES},
        "seconds": times,
        "ratio": statistics.median(ratios),
    }


def check_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Assert the same parameters, and first losses that only the drawn weights set apart."""
    assert ours["shapes"] == theirs["shapes"], "the two do not train the same parameters"
    assert ours["logits"] == theirs["logits"], "the two project other positions to the vocabulary"
    vocab_size = ours["logits"][1]
    for generator_loss, discriminator_loss in (ours["losses"], theirs["losses"]):
        assert abs(generator_loss - math.log(vocab_size)) < 0.2, f"generator loss {generator_loss} is not log V"
        assert abs(discriminator_loss - math.log(2)) < 0.2, f"discriminator loss {discriminator_loss} is not log 2"


def show_breakdown(case: Case) -> list[tuple[str, float]]:
    """Print and return where our step's time goes."""
    process = _start("ours", [*case.arguments, "--breakdown"])
    times: list[tuple[str, float]] = _read_answer(process)["breakdown"]
    process.wait()
    for name, seconds in times:
        print(f"    {name:<40} {seconds:.3f}")
    return times


def _start(engine: str, arguments: list[str]) -> "subprocess.Popen[str]":
    # The checkout's package, installed or not. An idle thread that spins would take the other engine's core.
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS.parent), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, str(SCRIPTS / f"bench_step_{engine}.py"), *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _read_answer(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        sys.exit(f"bench_train: an engine ended with code {process.wait()}; what it said stands above")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
