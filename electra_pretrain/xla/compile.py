"""Compile an HLO module ahead of time for a device that only a description stands for; runs in the compiler's own process."""

import json
import re
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.marks import of_program


def answer(result: dict[str, Any], text: str, compiled_path: str | None, command: str) -> None:
    """Print what a compiler's process found, as one JSON object, and write the compiled program where it is asked for.

    Args:
        result: what it found.
        text: the program.
        compiled_path: where it is asked for; None: nowhere.
        command: that asked for it, and knows by its name what it wrote.
    """
    if compiled_path is not None:
        files.make_parent(compiled_path)
        files.write_text(compiled_path, of_program(command) + text)
    print(json.dumps(result))


def compile_module(hlo: bytes, device: Any) -> Any:
    """Compile a serialised HLO module.

    Args:
        hlo: the module, one replica's program.
        device: of a topology that `jax.experimental.topologies` describes.

    Returns:
        the executable, which cannot be run here.
    """
    import numpy as np
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir

    with mlir.make_ir_context():
        module = ir.Module.parse(to_stablehlo(hlo))
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    options.device_assignment = xla_client.DeviceAssignment.create(np.array([[device.id]], np.int32))
    return device.client.compile(module, xla_client.DeviceList((device,)), options)


def memory_of(executable: Any) -> dict[str, int]:
    """Return sizes in bytes: `arguments`, `outputs`, `aliased` (outputs that take an argument's place), `temporaries`."""
    memory = executable.get_compiled_memory_stats()
    return {
        "arguments": memory.argument_size_in_bytes,
        "outputs": memory.output_size_in_bytes,
        "aliased": memory.alias_size_in_bytes,
        "temporaries": memory.temp_size_in_bytes,
    }


def to_stablehlo(hlo: bytes) -> str:
    """Return the same module in the form that the compilers' present releases take."""
    from jax._src.lib import xla_client

    text: str = xla_client._xla.mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(hlo))
    # StableHLO knows no copy; a reshape to the same shape says the same.
    return re.sub(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.reshape \1 : (\2) -> \2", text)
