"""Ask XLA's compiler for NVIDIA GPUs what a program costs; it runs in a process of its own, `gpu.compile`."""

from electra_pretrain.gpu.cards import Card
from electra_pretrain.gpu.report import StepCost, read_result
from electra_pretrain.xla.compiler import Compiler

COMPILER = Compiler(
    "GPU", ("jax", "jax_cuda12_plugin"), extra="gpu-check", module="electra_pretrain.gpu.compile", takes="about a minute"
)


def compile_for(card: Card, module: bytes, compute_dtype: str, num_steps: int, compiled_path: str | None = None) -> StepCost:
    """Compile one replica's step and return what can be said of it; that it fits is not checked.

    Args:
        card: the GPU.
        module: the step as a serialised HLO module.
        compute_dtype: of most products: whose peak the step is held against.
        num_steps: how many steps the hours are for.
        compiled_path: where to write the compiled program.

    Raises:
        UserError: the compiler is not installed, or refuses the step.
    """
    return read_result(COMPILER.ask(module, card.name, compiled_path), card, compute_dtype, num_steps)
