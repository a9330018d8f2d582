"""Compile a program for a TPU with its real compiler, on any x86 Linux machine.

    python -m electra_pretrain.tpu.compile step.hlo v3:2x2x1

Run as a process of its own: the compiler's library and TensorFlow's would be in each other's way. Prints one JSON object.
"""  # fmt: skip

import json
import os
import re
import sys
from typing import Any


def main(path: str, topology: str) -> None:
    # The library looks for the metadata server of a TPU VM unless told that there is none.
    os.environ.update(TPU_SKIP_MDS_QUERY="1", TPU_WORKER_ID="0", TPU_WORKER_HOSTNAMES="localhost", JAX_PLATFORMS="cpu")
    with open(path, "rb") as file:
        result = compile_module(file.read(), topology)
    print(json.dumps(result))


def compile_module(hlo: bytes, topology: str) -> dict[str, Any]:
    """What the compiler says of a serialised HLO module.

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
        return {"device": device.device_kind, "error": str(error)}
    memory, cost = executable.get_compiled_memory_stats(), executable.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    dump = os.environ.get("ELECTRA_PRETRAIN_DUMP_HLO")
    text = executable.hlo_modules()[0].to_string()
    if dump:
        with open(dump, "w") as file:
            file.write(text)
    return {
        "device": device.device_kind,
        "arguments": memory.argument_size_in_bytes,
        "outputs": memory.output_size_in_bytes,
        "aliased": memory.alias_size_in_bytes,
        "temporaries": memory.temp_size_in_bytes,
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "seconds": cost["optimal_seconds"],
    }


def to_stablehlo(hlo: bytes) -> str:
    """The same module in the form that the compiler's present releases take."""
    from jax._src.lib import xla_client

    text: str = xla_client._xla.mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(hlo))
    # StableHLO knows no copy; a reshape to the same shape says the same.
    return re.sub(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.reshape \1 : (\2) -> \2", text)


if __name__ == "__main__":
    main(*sys.argv[1:])
