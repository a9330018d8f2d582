"""A program in StableHLO as a JAX function, by JAX's public interface: `jax.export` calls what others made, too."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from plan import Plan


def load(folder: Path, plan: Plan, name: str) -> Callable[..., Any]:
    """Compile a folder's program: (variables, batch) -> (variables, sums); the variables given are written over.

    Args:
        folder: of bench_gpu.py.
        plan: its description.
        name: "check" or "full".
    """
    import jax

    batch = [(each.shape, str(each.dtype)) for each in plan.batch(name)]
    variables = [(each.shape, each.dtype) for each in plan.variables]
    sums = [(each.shape, each.dtype) for each in plan.sums]
    call = _function((folder / f"{name}.stablehlo").read_bytes(), batch + variables, sums + variables)

    def step(variables: Any, batch: Any) -> Any:
        results = call(*batch, *variables)
        # Variables first, so that JAX pairs each with the argument whose memory it takes.
        return results[len(sums) :], results[: len(sums)]

    shapes = tuple(jax.ShapeDtypeStruct(*each) for each in variables), tuple(jax.ShapeDtypeStruct(*each) for each in batch)
    compiled: Callable[..., Any] = jax.jit(step, donate_argnums=0).lower(*shapes).compile()
    return compiled


def _function(artifact: bytes, arguments: Sequence[Any], results: Sequence[Any]) -> Callable[..., Any]:
    """Return the function that calls the artifact: an exported one of the same arguments and results, its body replaced."""
    import jax
    from jax import export, numpy

    jax.config.update("jax_enable_x64", True)  # the step counter is an int64

    def train_step(*_: Any) -> Any:
        return tuple(numpy.zeros(*each) for each in results)

    shapes = [jax.ShapeDtypeStruct(*each) for each in arguments]
    exported = export.export(jax.jit(train_step, keep_unused=True))(*shapes)
    call: Callable[..., Any] = dataclasses.replace(exported, mlir_module_serialized=artifact).call
    return call
