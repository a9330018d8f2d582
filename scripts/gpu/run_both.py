"""Time this folder's step and torch's, turn by turn in one run, and print one JSON line; run.sh calls it.

    python run_both.py [--device cpu] [--steps 20] [--rounds 5]

Each lives in a process of its own and rests while the other computes. Ends with code 1 if a result of our step is wrong, with 2
if a side did not run.
"""  # fmt: skip

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import plan
import run_step

FOLDER = Path(__file__).resolve().parent


class Side:
    """A process that computes when told to, and waits otherwise."""

    def __init__(self, script: str, arguments: list[str]) -> None:
        command = [sys.executable, str(FOLDER / script), "--turns", *arguments]
        self._script = script
        # An idle thread that spins would take the other's core.
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts, self.built = self._answer(), self._answer()

    def seconds(self, steps: int) -> float:
        """Run so many steps; return the seconds that one took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"{self._script} ended with code {self._process.wait()}; what it said stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    args = parse_args()
    description = plan.read(FOLDER / "plan.json")
    device = ["--device", args.device] if args.device else []
    result: dict[str, Any] = {}
    try:
        ours = Side("run_step.py", device)
        result |= ours.facts
        if description.torch and not args.alone:
            theirs = Side("torch_step.py", device + (["--eager"] if args.eager else []))
            result["torch_side"] = theirs.facts | {"same_network": same(description, ours.built, theirs.built)}
            sides = {"ours": ours, "torch": theirs}
        else:
            result["torch_side"], sides = None, {"ours": ours}
        times = turns(sides, args.steps, args.rounds)
    except ChildProcessError as error:
        print(json.dumps(result | {"error": str(error)}))
        sys.exit(2)
    result |= run_step.rates(description, result, statistics.median(times["ours"])) | {"all_seconds": times}
    if "torch" in times:
        result["torch_step_s"] = statistics.median(times["torch"])
        result["ratio_to_torch"] = statistics.median(theirs / ours for ours, theirs in zip(*times.values(), strict=True))
    print(json.dumps(result))
    sys.exit(0 if result["checked"] else 1)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("gpu", "cpu"), help="default: a GPU if there is one")
    parser.add_argument("--steps", type=int, default=20, help="of a turn (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default %(default)s)")
    parser.add_argument("--alone", action="store_true", help="without torch")
    parser.add_argument("--eager", action="store_true", help="torch without torch.compile")
    return parser.parse_args()


def turns(sides: dict[str, Side], steps: int, rounds: int) -> dict[str, list[float]]:
    """Let the sides take turns; return each one's seconds a step."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side.seconds(steps))
    for side in sides.values():
        side.end()
    return times


def same(description: plan.Plan, ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Return whether both train the same parameters and begin with the losses of weights that have learnt nothing."""
    alike = ours["shapes"] == theirs["shapes"] and ours["logits"] == theirs["logits"]
    expected = math.log(description.vocab_size), math.log(2)
    losses = [(loss, nothing) for built in (ours, theirs) for loss, nothing in zip(built["losses"], expected, strict=True)]
    return alike and all(abs(loss - nothing) < 0.3 for loss, nothing in losses)


if __name__ == "__main__":
    main()
