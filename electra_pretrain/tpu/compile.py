"""Compile a program for a TPU with its real compiler, on any x86 Linux machine.

    python -m electra_pretrain.tpu.compile step.hlo v3:2x2x1 [compiled.txt]

The third argument is where to write the compiled program, to see which operations move most.
Run as a process of its own: the compiler's library and TensorFlow's would be in each other's way. Prints one JSON object.
"""  # fmt: skip

import math
import os
import sys
from typing import Any

from electra_pretrain.core.tensorflow_startup import LOAD_LIBRARY, PJRT_VARIABLES
from electra_pretrain.xla.compile import answer, compile_module, memory_of


def main(path: str, topology: str, compiled_path: str | None = None) -> None:
    """Compile the module in a file and print what the compiler says."""
    # The library looks for the metadata server of a TPU VM unless told that there is none.
    os.environ.update(TPU_SKIP_MDS_QUERY="1", TPU_WORKER_ID="0", TPU_WORKER_HOSTNAMES="localhost", JAX_PLATFORMS="cpu")
    # A run that is checked may have been told to leave this machine's chips alone, or how to reach them.
    for name in (LOAD_LIBRARY, *PJRT_VARIABLES):
        os.environ.pop(name, None)
    # Its lock keeps two processes from one TPU; here there is none, and two checks may run at once.
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"
    with open(path, "rb") as file:
        result, text = compile_for(topology, file.read())
    answer(result, text, compiled_path, "tpu_check")


def compile_for(topology: str, hlo: bytes) -> tuple[dict[str, Any], str]:
    """Compile a serialised HLO module; return what the compiler says of it, and the compiled program's text.

    Returns:
        "device", and either "error" (the compiler's refusal) or sizes in bytes, operations, seconds:
        `arguments`, `outputs`, `aliased`, `temporaries`, `flops`, `bytes_accessed`, `seconds`, `unknown_costs`.
    """
    from jax.experimental import topologies

    device = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices[0]
    try:
        executable = compile_module(hlo, device)
    except Exception as error:  # the compiler's own error class differs between releases
        return {"device": device.device_kind, "error": str(error)}, ""
    cost = executable.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    text = executable.hlo_modules()[0].to_string()
    facts = {
        "device": device.device_kind,
        **memory_of(executable),
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "seconds": cost["optimal_seconds"],
        # TPUs have no 64-bit integers; what splits and joins those of the step counter has no known cost.
        "unknown_costs": max(text.count('custom_call_target="X64'), math.ceil(-cost["optimal_seconds"])),
    }
    return facts, text


if __name__ == "__main__":
    main(*sys.argv[1:])
