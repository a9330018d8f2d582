"""Compile a config's training step with the real TPU compiler, on any x86 Linux machine, before a TPU is paid for.

    python -m electra_pretrain.tpu_check --config base_v3.json --topology v3-8

Prints whether the step fits, what it computes and moves, and how long the compiler expects it to take. Takes minutes.
"""  # fmt: skip

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from typing import Any

from electra_pretrain.cli.arguments import add_config, chosen_config, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.schema import Config
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import duration
from electra_pretrain.tpu.chips import SLICES, find_slice
from electra_pretrain.tpu.report import OutOfMemory, StepCost, describe, read_result

# What the compiler runs in needs these; they are pinned together in the extra.
EXTRA = ("jax", "libtpu")
INSTALL = "'electra_pretrain[tpu-check]'"
LINE_INTERVAL_SECONDS = 60.0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("tpu_check", __doc__)
    add_config(parser)
    parser.add_argument("--topology", default="v3-8", metavar="NAME", help=f"one of {', '.join(SLICES)} (default %(default)s)")
    parser.add_argument(
        "--phase", type=int, metavar="N", help="check phase N of the config, from 1 (default: what follows them)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--compiled", metavar="FILE", help="write the compiled program here, to see what each operation costs")
    return parser.parse_args(argv)


def tpu_check(config: Config, topology: str, num_steps: int, compiled_path: str | None = None) -> StepCost:
    """What the compiler says of the config's step on the topology.

    Args:
        config: the experiment, or a phase of it.
        topology: a TPU's name on the price list.
        num_steps: how many steps the hours are for.
        compiled_path: where to write the compiled program.

    Raises:
        UserError: the step does not fit (the largest buffers and what to change are named), cannot be compiled, or the
            extra is not installed.
    """
    target = find_slice(topology)
    if missing := compiler_missing():
        raise UserError(f"the TPU compiler is not installed ({', '.join(missing)}); run: pip install {INSTALL}")
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.train.input import check_replicas
    from electra_pretrain.train.lowering import lower_step

    check_replicas(config, target.replicas)
    with tempfile.NamedTemporaryFile(suffix=".hlo") as module:
        with tensorflow_startup.stderr_aside():
            module.write(lower_step(config, target.replicas))
        module.flush()
        arguments = [module.name, target.compiler_name, *([compiled_path] if compiled_path else [])]
        result = read_result(_compile(arguments), target, num_steps)
    if isinstance(result, OutOfMemory):
        raise UserError(f"{result.message}; {_way_out(config, target.replicas)}")
    return result


def compiler_missing() -> list[str]:
    """Packages of the extra that are not installed."""
    return [name for name in EXTRA if importlib.util.find_spec(name) is None]


def _compile(arguments: list[str]) -> dict[str, Any]:
    """Run the compiler in a process of its own, saying once a minute that it still runs."""
    command = [sys.executable, "-m", "electra_pretrain.tpu.compile", *arguments]
    print("tpu_check: compiling; a base model takes some three minutes on two cores", file=sys.stderr, flush=True)
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                out, log = process.communicate(timeout=LINE_INTERVAL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                print(f"tpu_check: compiling for {duration(time.monotonic() - began)}", file=sys.stderr, flush=True)
    if process.returncode:
        lines = log.strip().splitlines() or ["it said nothing"]
        raise UserError(
            f"the TPU compiler stopped with code {process.returncode}: {lines[-1]}; "
            f"its releases are pinned: pip install {INSTALL} in a fresh environment"
        )
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return result


def _way_out(config: Config, replicas: int) -> str:
    training = config.training
    rows = training.train_batch_size // replicas // training.gradient_accumulation_steps
    ways = [] if training.remat else ["--set training.remat=true"]
    if not rows % 2:
        ways.append(f"--set training.gradient_accumulation_steps={2 * training.gradient_accumulation_steps}")
    if training.compute_dtype != "bfloat16":
        ways.insert(0, "--set training.compute_dtype=bfloat16")
    return f"try {', '.join([*ways, 'a smaller training.train_batch_size'])} (or a slice with more memory)"


def main() -> None:
    def command(args: argparse.Namespace) -> None:
        stages = chosen_config(args).all_phases()
        if args.phase is not None and not 1 <= args.phase <= len(stages):
            raise UserError(f"--phase {args.phase}: the config has {len(stages)} (the last: what follows its phases)")
        config, first_step, last_step = stages[-1 if args.phase is None else args.phase - 1]
        num_steps = last_step - first_step
        cost = tpu_check(config, args.topology, num_steps, args.compiled)
        print(json.dumps(cost._asdict()) if args.json else describe(cost, num_steps, args.topology))

    run_command("tpu_check", parse_args, command)


if __name__ == "__main__":
    main()
