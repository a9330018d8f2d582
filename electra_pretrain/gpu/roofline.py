"""How long kernels take at least: each as long as its bytes or its products do, whichever take longer (the roofline model)."""

from collections.abc import Sequence
from typing import Any

from electra_pretrain.gpu.cards import Card
from electra_pretrain.gpu.kernels import Kernel


def summary(kernels: Sequence[Kernel], card: Card) -> dict[str, Any]:
    """Add up a step's kernels.

    Returns:
        `kernels` (launches), `bytes_accessed`, `flops`; and in seconds: `seconds` (the sum of each kernel's longer one),
        `bandwidth_seconds` and `arithmetic_seconds` (of all bytes, of all products), `model_seconds` (`seconds` with the
        figure of XLA's cost model in place of those kernels' that it has one for).
    """
    return {
        "kernels": sum(each.times for each in kernels),
        "bytes_accessed": sum(each.times * each.bytes for each in kernels),
        "flops": sum(each.times * each.flops for each in kernels),
        "seconds": sum(each.times * _seconds(each, card) for each in kernels),
        "bandwidth_seconds": sum(each.times * _moving(each, card) for each in kernels),
        "arithmetic_seconds": sum(each.times * _multiplying(each, card) for each in kernels),
        "model_seconds": sum(
            each.times * (_seconds(each, card) if each.model_seconds is None else each.model_seconds) for each in kernels
        ),
    }


def _seconds(kernel: Kernel, card: Card) -> float:
    return max(_moving(kernel, card), _multiplying(kernel, card))


def _moving(kernel: Kernel, card: Card) -> float:
    return kernel.bytes / (card.gb_per_s * 1e9)


def _multiplying(kernel: Kernel, card: Card) -> float:
    return kernel.flops / (card.peak_tflops(_DTYPES.get(kernel.dtype, kernel.dtype)) * 1e12) if kernel.flops else 0.0


# What XLA calls the types of products' operands, and what a config calls them.
_DTYPES = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}
