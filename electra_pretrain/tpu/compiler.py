"""Ask the TPU's real compiler what a program costs; it runs in a process of its own, `tpu.compile`."""

from electra_pretrain.tpu.chips import Slice
from electra_pretrain.tpu.report import StepCost, read_result
from electra_pretrain.xla.compiler import Compiler

COMPILER = Compiler(
    "TPU", ("jax", "libtpu"), extra="tpu-check", module="electra_pretrain.tpu.compile", takes="some three minutes"
)


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
    return read_result(COMPILER.ask(module, target.compiler_name, compiled_path), target, num_steps)
