"""Compile a program for a TPU with its real compiler, on any x86 Linux machine.

    python -m electra_pretrain.tpu.compile step.hlo v3:2x2x1 [compiled.txt]

The third argument is where to write the compiled program, to see which operations move most.
Run as a process of its own: the compiler's library and TensorFlow's would be in each other's way. Prints one JSON object.
"""  # fmt: skip

import json
import math
import os
import re
import sys
from typing import Any


def main(path: str, topology: str, compiled_path: str | None = None) -> None:
    """Compile the module in a file and print what the compiler says."""
    # The library looks for the metadata server of a TPU VM unless told that there is none.
    os.environ.update(TPU_SKIP_MDS_QUERY="1", TPU_WORKER_ID="0", TPU_WORKER_HOSTNAMES="localhost", JAX_PLATFORMS="cpu")
    # Its lock keeps two processes from one TPU; here there is none, and two checks may run at once.
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"
    with open(path, "rb") as file:
        result, text = compile_module(file.read(), topology)
    if compiled_path is not None:
        with open(compiled_path, "w") as out:
            out.write(text)
    print(json.dumps(result))


def compile_module(hlo: bytes, topology: str) -> tuple[dict[str, Any], str]:
    """Compile a serialised HLO module; return what the compiler says of it, and the compiled program's text.

    Returns:
        "device", and either "error" (the compiler's refusal) or sizes in bytes, operations, seconds:
        `arguments`, `outputs`, `aliased`, `temporaries`, `flops`, `bytes_accessed`, `seconds`, `unknown_costs`.
    """
    import numpy as np
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir
    from jax.experimental import topologies

    device = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices[0]
    with mlir.make_ir_context():
        module = ir.Module.parse(to_stablehlo(hlo))
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    options.device_assignment = xla_client.DeviceAssignment.create(np.array([[device.id]], np.int32))
    try:
        executable = device.client.compile(module, xla_client.DeviceList((device,)), options)
    except Exception as error:  # the compiler's own error class differs between releases
        return {"device": device.device_kind, "error": str(error)}, ""
    memory, cost = executable.get_compiled_memory_stats(), executable.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    text = executable.hlo_modules()[0].to_string()
    facts = {
        "device": device.device_kind,
        "arguments": memory.argument_size_in_bytes,
        "outputs": memory.output_size_in_bytes,
        "aliased": memory.alias_size_in_bytes,
        "temporaries": memory.temp_size_in_bytes,
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "seconds": cost["optimal_seconds"],
        # TPUs have no 64-bit integers; what splits and joins those of the step counter has no known cost.
        "unknown_costs": max(text.count('custom_call_target="X64'), math.ceil(-cost["optimal_seconds"])),
    }
    return facts, text


def to_stablehlo(hlo: bytes) -> str:
    """Return the same module in the form that the compiler's present releases take."""
    from jax._src.lib import xla_client

    text: str = xla_client._xla.mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(hlo))
    # StableHLO knows no copy; a reshape to the same shape says the same.
    return re.sub(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.reshape \1 : (\2) -> \2", text)


if __name__ == "__main__":
    main(*sys.argv[1:])
