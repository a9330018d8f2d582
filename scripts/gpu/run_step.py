"""Run the training step of this folder on a device, by JAX alone: check it beside the CPU's results, then time it.

    python run_step.py                     # on JAX's own choice of a device
    python run_step.py --device cpu --json

Ends with code 1 if a result is wrong. `share_of_product` is the part of its matrix products' best rate that the step reaches;
the best rate is measured, with one large product in bfloat16.
"""  # fmt: skip

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import check
import plan
import program
from bench_turns import Engine, answer, take_turns

FOLDER = Path(__file__).resolve().parent
PRODUCT_SIZE = {"cpu": 1024}
DEFAULT_PRODUCT_SIZE = 8192
MIB = 2.0**-20


def main() -> None:
    args = parse_args()
    if args.device:
        os.environ["JAX_PLATFORMS"] = {"gpu": "cuda", "cpu": "cpu"}[args.device]
    # Torch's step waits on the same card.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    description = plan.read(FOLDER / "plan.json")
    facts = check_step(description)
    if args.check_only:
        report(facts, args.json)
    engine, timed = make_engine(description)
    facts |= timed
    if args.turns:
        answer(**facts)
        take_turns(engine, time.perf_counter)
        return
    seconds = time_steps(engine, args.steps, args.rounds)
    report(facts | rates(description, facts, statistics.median(seconds)) | {"all_seconds": seconds}, args.json)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("gpu", "cpu"), help="default: what JAX finds")
    parser.add_argument("--steps", type=int, default=20, help="of a turn (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check_only", action="store_true", help="do not time the step")
    parser.add_argument("--turns", action="store_true", help="wait for numbers of steps on standard input; for run_both.py")
    return parser.parse_args()


def check_step(description: plan.Plan) -> dict[str, Any]:
    """Run the small step once and compare its results; return what was found, and where."""
    import jax

    run, compile_seconds = _timed(lambda: program.load(FOLDER, description, "check"))
    variables, sums = run(*arguments(description, "check"))
    summary = check.summarize(description, *([jax.device_get(each) for each in some] for some in (sums, variables)))
    failures, used = check.failures(description, check.read(FOLDER / "expected.npz"), summary)
    device = jax.devices()[0]
    return {
        "step": description.title,
        "device": device.device_kind,
        "jax": jax.__version__,
        "checked": not failures,
        "failures": failures,
        "share_of_tolerance": used,
        "check_compile_s": compile_seconds,
    }


def arguments(description: plan.Plan, name: str) -> tuple[Any, Any]:
    """Put variables and batch on the device."""
    import jax

    placed: tuple[Any, Any] = jax.device_put((tuple(each.values() for each in description.variables), description.batch(name)))
    return placed


def make_engine(description: plan.Plan) -> tuple[Engine, dict[str, Any]]:
    """Compile the full step and run it once; return it, ready to be timed, and what it takes."""
    import jax

    run, compile_seconds = _timed(lambda: program.load(FOLDER, description, "full"))
    state, batch = arguments(description, "full")
    sums = None

    def run_many(steps: int) -> None:
        nonlocal state, sums
        for _ in range(steps):
            state, sums = run(state, batch)
        jax.block_until_ready((state, sums))

    run_many(1)
    totals = dict(zip([each.name for each in description.sums], jax.device_get(sums), strict=True))
    losses = _mean(totals, "masked_lm_loss", "masked_lm_slots"), _mean(totals, "disc_loss", "disc_tokens")
    shapes = [each.shape for each in description.variables if each.name in set(description.trained)]
    logits = [description.rows["full"] * description.slots, description.vocab_size]
    planned, held = run.memory_analysis(), jax.devices()[0].memory_stats() or {}
    facts = {
        "compile_s": compile_seconds,
        "first_losses": losses,
        "planned_memory_mib": (
            planned.argument_size_in_bytes
            + planned.output_size_in_bytes
            - planned.alias_size_in_bytes
            + planned.temp_size_in_bytes
        )
        * MIB,
        "peak_memory_mib": held["peak_bytes_in_use"] * MIB if "peak_bytes_in_use" in held else None,
        "product_tflop_per_s": product_rate(),
    }
    return Engine(shapes, logits, losses, run_many), facts


def product_rate() -> float:
    """Return the TFLOP/s of one large product of random bfloat16 matrices, the best of ten."""
    import jax

    size = PRODUCT_SIZE.get(jax.default_backend(), DEFAULT_PRODUCT_SIZE)
    keys = jax.random.split(jax.random.key(0))
    left, right = (jax.random.normal(key, (size, size), "bfloat16") for key in keys)
    product = jax.jit(lambda left, right: left @ right)
    jax.block_until_ready(product(left, right))
    return 2 * size**3 / min(_timed(lambda: jax.block_until_ready(product(left, right)))[1] for _ in range(10)) / 1e12


def time_steps(engine: Engine, steps: int, rounds: int) -> list[float]:
    """Return seconds a step, turn by turn."""
    return [_timed(lambda: engine.run(steps))[1] / steps for _ in range(rounds)]


def rates(description: plan.Plan, facts: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return what a step of so many seconds reaches."""
    tflop_per_s = description.step_flops / 1e12 / seconds
    return {
        "step_s": seconds,
        "tflop_per_s": tflop_per_s,
        "share_of_product": tflop_per_s / facts["product_tflop_per_s"],
        "sequences_per_s": description.rows["full"] / seconds,
    }


def report(facts: dict[str, Any], as_json: bool) -> None:
    """Print what was found and end, with code 1 if a result is wrong."""
    if as_json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name}: {value}")
    sys.exit(0 if facts["checked"] else 1)


def _mean(totals: dict[str, Any], over: str, under: str) -> float:
    return float(totals[over] / totals[under]) if over in totals else float("nan")


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


if __name__ == "__main__":
    main()
