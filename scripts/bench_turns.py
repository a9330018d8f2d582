"""What both sides of bench_train.py agree on: an engine says what it built, then runs steps when it is told to."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Engine(NamedTuple):
    """A training step, ready to run.

    Attributes:
        shapes: of every trained parameter.
        logits: shape of the generator's logits, rows and words.
        losses: of the first step: (generator, discriminator).
        run: runs so many steps; returns once the last is done.
    """

    shapes: Sequence[Sequence[int]]
    logits: Sequence[int]
    losses: tuple[float, float]
    run: Callable[[int], object]


def parse_args(description: str | None) -> argparse.Namespace:
    """Parse the config's arguments; add the cores that this process was given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--breakdown", action="store_true", help="time what a step consists of, print it and end")
    parser.add_argument("--attention", default="sdpa", help="of the torch side, as transformers names it")
    parser.add_argument("--device", default="cpu", help="of the torch side (default %(default)s)")
    args = parser.parse_args()
    args.threads = len(os.sched_getaffinity(0))
    return args


def take_turns(engine: Engine, clock: Callable[[], float]) -> None:
    """Tell what was built; then, for each number of steps on standard input, run them and answer with seconds a step.

    A step that is not counted goes first, since the other engine's turn has emptied the caches.
    """
    # A kernel in torch's Linear is the transpose of ours.
    answer(shapes=sorted(sorted(shape) for shape in engine.shapes), logits=engine.logits, losses=engine.losses)
    for line in sys.stdin:
        steps = int(line)
        engine.run(1)
        began = clock()
        engine.run(steps)
        answer(seconds=(clock() - began) / steps)


def answer(**values: object) -> None:
    print(json.dumps(values), flush=True)
