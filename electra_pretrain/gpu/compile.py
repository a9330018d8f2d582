"""Compile a program for an NVIDIA GPU with XLA's own compiler, on any x86 Linux machine.

    python -m electra_pretrain.gpu.compile step.hlo a100-40gb [compiled.txt]

The third argument is where to write the compiled program, to see which kernels move most.
Run as a process of its own: the compiler's library and TensorFlow's would be in each other's way. Prints one JSON object.
"""  # fmt: skip

import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from electra_pretrain.gpu.cards import Card, find_card
from electra_pretrain.gpu.kernels import program_kernels
from electra_pretrain.gpu.memory import largest_at_peak
from electra_pretrain.gpu.roofline import summary
from electra_pretrain.gpu.target import exchange_table, product_table, target_config
from electra_pretrain.xla.compile import answer, compile_module, memory_of
from electra_pretrain.xla.launches import unknown_loops
from electra_pretrain.xla.program import Program
from electra_pretrain.xla.report import LARGEST_BUFFERS

_FLAGS = (
    # Nothing can be tried out without a card; and without that, Triton's products find no tiles: cuBLAS's take their place.
    "--xla_gpu_autotune_level=0",
    "--xla_gpu_enable_triton_gemm=false",
    # Its cost model's figure for each kernel is written into the compiled program.
    "--xla_gpu_collect_cost_model_stats=true",
)


def main(path: str, card_name: str, compiled_path: str | None = None) -> None:
    """Compile the module in a file and print what can be said of it."""
    card = find_card(card_name)
    with tempfile.TemporaryDirectory() as folder:
        _prepare(card, Path(folder))
        with open(path, "rb") as file:
            result, text = compile_for(card, file.read())
    answer(result, text, compiled_path, "gpu_check")


def _prepare(card: Card, folder: Path) -> None:
    """Tell the compiler, which is not imported yet, that there is no GPU, and what it may not try."""
    (products := folder / "products.txtpb").write_text(product_table(card))
    (exchanges := folder / "exchanges.txtpb").write_text(exchange_table(card))
    settings = [
        f"--xla_gpu_experimental_matmul_perf_table_path={products}",
        f"--xla_gpu_experimental_collective_perf_table_path={exchanges}",
    ]
    if toolkit := _toolkit():
        settings.append(f"--xla_gpu_cuda_data_dir={toolkit}")
    os.environ.update(JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="-1")
    # The user's own flags come last: the last of two that contradict each other counts.
    os.environ["XLA_FLAGS"] = " ".join((*_FLAGS, *settings, os.environ.get("XLA_FLAGS", "")))


def _toolkit() -> str | None:
    """Return where the extra's ptxas lies: an assembler of the machine's own may be missing, or not know the card any more."""
    try:
        found = importlib.util.find_spec("nvidia.cuda_nvcc")
    except ModuleNotFoundError:
        return None
    return next(iter(found.submodule_search_locations or ()), None) if found else None


def compile_for(card: Card, hlo: bytes) -> tuple[dict[str, Any], str]:
    """Compile a serialised HLO module; return what can be said of it, and the compiled program's text.

    Returns:
        either "error" (the compiler's refusal), or sizes in bytes as `xla.compile.memory_of` has them, what
        `gpu.roofline.summary` adds up, `unknown_loops`, and `largest`: `gpu.memory.Held` of what takes most of the temporaries.
    """
    from jax.experimental import topologies

    topology = topologies.get_topology_desc(platform="cuda", target_config=target_config(card), topology="1x1x1")
    try:
        executable = compile_module(hlo, topology.devices[0])
    except Exception as error:  # the compiler's own error class differs between releases
        return {"error": str(error)}, ""
    text = executable.hlo_modules()[0].to_string()
    program = Program(text)
    facts = {
        **memory_of(executable),
        **summary(program_kernels(program), card),
        "unknown_loops": unknown_loops(program),
        "largest": largest_at_peak(program)[:LARGEST_BUFFERS],
    }
    return facts, text


if __name__ == "__main__":
    main(*sys.argv[1:])
