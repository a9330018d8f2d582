"""Ask the TPU's real compiler what a program costs; it runs in a process of its own, `tpu.compile`."""

import json
import logging
import subprocess
import sys
import tempfile
import time
from typing import Any

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import duration
from electra_pretrain.tpu.chips import Slice
from electra_pretrain.tpu.report import StepCost, read_result

# What the compiler runs in; pinned together in the extra.
PACKAGES = ("jax", "libtpu")
INSTALL = optional.extra_name("tpu-check")
LINE_INTERVAL_SECONDS = 60.0
_log = logging.getLogger(__name__)


def is_installed() -> bool:
    """Return whether the compiler can be asked here."""
    return not optional.missing(*PACKAGES)


def check_installed() -> None:
    """Refuse to go on without the compiler.

    Raises:
        UserError: packages of the extra are missing; they are named.
    """
    if missing := optional.missing(*PACKAGES):
        raise UserError(f"the TPU compiler is not installed ({', '.join(missing)}); run: pip install {INSTALL}")


def compile_for(target: Slice, module: bytes, num_steps: int, compiled_path: str | None = None) -> StepCost:
    """Compile one replica's step and return what the compiler says of it.

    Args:
        target: the TPU.
        module: the step as a serialised HLO module.
        num_steps: how many steps the hours are for.
        compiled_path: where to write the compiled program.

    Raises:
        OutOfMemory: the step does not fit the replica's memory; the largest buffers are named.
        UserError: the compiler is not installed, or refuses the step.
    """
    check_installed()
    with tempfile.NamedTemporaryFile(suffix=".hlo") as file:
        file.write(module)
        file.flush()
        arguments = [file.name, target.compiler_name, *([compiled_path] if compiled_path else [])]
        return read_result(_compile(arguments), target, num_steps)


def _compile(arguments: list[str]) -> dict[str, Any]:
    """Run the compiler's process, saying once a minute that it still runs; return what it printed."""
    command = [sys.executable, "-m", "electra_pretrain.tpu.compile", *arguments]
    _log.info("compiling; a base model takes some three minutes on two cores")
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                out, complaints = process.communicate(timeout=LINE_INTERVAL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                _log.info("compiling for %s", duration(time.monotonic() - began))
    if process.returncode:
        lines = complaints.strip().splitlines() or ["it said nothing"]
        raise UserError(
            f"the TPU compiler stopped with code {process.returncode}: {lines[-1]}; "
            f"its releases are pinned: pip install {INSTALL} in a fresh environment"
        )
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return result
