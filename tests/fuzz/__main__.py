"""Run cases by hand.

    python -m tests.fuzz build in/a.txt.gz bit_flipped 7      # one case, with all that it says
    python -m tests.fuzz --seeds 3 --only inspect             # all kinds of damage to a target's inputs, three seeds
"""  # fmt: skip

import argparse
import collections
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.fuzz import material, runner
from tests.fuzz.case import Case, run
from tests.fuzz.damage import NotApplicable
from tests.fuzz.selection import every_case


def main() -> None:
    args = _parse_args()
    runner.SECONDS = args.seconds
    with tempfile.TemporaryDirectory() as scratch:
        valid = Path(scratch, "valid")
        valid.mkdir()
        material.make(valid)
        if args.case:
            target, subject, kind, seed = args.case
            sys.exit(_show(Case(target, subject.lstrip(" "), kind, int(seed)), valid, Path(scratch, "case")))
        sys.exit(_search(args, valid, Path(scratch, "case")))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help="target, subject, kind, seed")
    parser.add_argument("--seeds", type=int, default=1, help="cases of each kind (default %(default)s)")
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose line holds this")
    parser.add_argument("--seconds", type=float, default=runner.SECONDS, help="until a case hangs (default %(default)s)")
    parser.add_argument("--slow", action="store_true", help="targets that take seconds, too")
    words = sys.argv[1:]
    # An option may be what a case is about.
    return parser.parse_args([f" {word}" if place == 1 and len(words) == 4 else word for place, word in enumerate(words)])


def _show(case: Case, valid: Path, folder: Path) -> int:
    outcome, faults = run(case, valid, folder)
    print(f"{outcome.code} after {outcome.seconds:.2f} s\n{outcome.stdout}{outcome.stderr}")
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "as promised")
    return bool(faults)


def _search(args: argparse.Namespace, valid: Path, folder: Path) -> int:
    counts: collections.Counter[str] = collections.Counter()
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for case in every_case(args.slow, seed):
            if not re.search(args.only, str(case)):
                continue
            try:
                outcome, faults = run(case, valid, folder)
            except NotApplicable:
                continue
            finally:
                for path in folder.parent.glob(f"{folder.name}*"):
                    shutil.rmtree(path, ignore_errors=True)
            counts["with faults" if faults else str(outcome.code)] += 1
            for fault in faults:
                print(f"{case.command}\n    {fault}", flush=True)
            if faults and outcome.stderr:
                print(f"    {outcome.stderr.strip().splitlines()[-1][:250]}", flush=True)
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
    return counts["with faults"] > 0


if __name__ == "__main__":
    main()
