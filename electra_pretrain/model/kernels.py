"""How work is handed to the devices: passes over memory that are compiled as one, gradients by hand, what is computed again.

Whatever depends on the device stands here: a GPU's program asks for more than others do (docs/gpu_performance.md).
"""

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

GradientFunction = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")

_GPU, _TPU = "GPU", "TPU"
_PROGRAM: ContextVar[tuple[str, ...]] = ContextVar("program", default=())  # what for: a GPU, or a TPU and its generation

# YNNPACK, to which XLA hands a CPU's reductions, is built at a function's first call, without a lock on its constants: two
# threads that meet there write past the end of them, and the process dies. Our steps are no slower without it.
_WITHOUT_YNNPACK = "--xla_cpu_experimental_ynn_fusion_type="


def _keep_ynnpack_out() -> None:
    """Tell XLA, which reads its flags at its first compilation; the user's own come last, and count."""
    if tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 21):  # an older one ends the process over a flag unknown to it
        os.environ["XLA_FLAGS"] = f"{_WITHOUT_YNNPACK} {os.environ.get('XLA_FLAGS', '')}".rstrip()


_keep_ynnpack_out()


def gpu_program() -> AbstractContextManager[None]:
    """Trace what follows for a GPU, as part of one program that XLA compiles; it cannot run in any other way.

    Enter it within the function that is compiled: a replica is traced in a thread of its own.
    """
    return _program(_GPU)


def tpu_program(generation: str = "") -> AbstractContextManager[None]:
    """Trace what follows for a TPU in the same way; its generation is "v3" for one, "" where that is not known."""
    return _program(_TPU, generation)


@contextmanager
def _program(*device: str) -> Iterator[None]:
    token = _PROGRAM.set(device)
    try:
        yield
    finally:
        _PROGRAM.reset(token)


def in_gpu_program() -> bool:
    """Return whether this is traced within `gpu_program`."""
    return _PROGRAM.get()[:1] == (_GPU,)


def in_tpu_program() -> bool:
    """Return whether this is traced within `tpu_program`."""
    return _PROGRAM.get()[:1] == (_TPU,)


def is_for_tpu_of(*generations: str) -> bool:
    """Return whether this is traced within `tpu_program` of one of some generations."""
    return _PROGRAM.get() in [(_TPU, generation) for generation in generations]


def arrange(x: tf.Tensor) -> tf.Tensor:
    """Swap the first two axes in a GPU's program, where the blocks take [S, B, H]; else return x as it is. Twice: undone.

    In that order a head's queries, keys and values are matrices at even distances, which cuBLAS takes as they are. Whatever
    order the batch comes first in has to be copied, before each product of attention and after it.
    """
    return tf.transpose(x, [1, 0, *range(2, x.shape.rank)]) if in_gpu_program() else x


def rows_axis() -> int:
    """Return which axis of the blocks' hidden states is the batch's."""
    return 1 if in_gpu_program() else 0


def barrier(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return the same tensors; in a GPU's program they are then computed once, together, and read from memory after that.

    XLA would rather compute the same again in each kernel that needs it, from more and wider operands than it has itself.
    """
    return held(*tensors) if in_gpu_program() else tensors


def held(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return the same tensors, computed once, together, and read from memory after that; in an accelerator's program only."""
    assert _PROGRAM.get(), "XLA alone knows this operation"
    return tuple(gen_xla_ops.xla_optimization_barrier(input=tensors))


def rounded(x: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return float32 x, which was just widened from dtype, as its values in that: XLA drops the way there and back on GPUs."""
    if not in_gpu_program() or dtype == tf.float32:
        return x
    if dtype == tf.bfloat16:
        return gen_xla_ops.xla_reduce_precision(operand=x, exponent_bits=8, mantissa_bits=7)
    # Of float16 that would leave no number below 2**-14.
    return tf.cast(barrier(tf.cast(x, dtype))[0], tf.float32)


def with_gradient(function: Callable[..., tuple[Any, GradientFunction]]) -> Callable[..., Any]:
    """Return a differentiable function, given one that returns its value and the function of its gradient."""
    wrapped: Callable[..., Any] = tf.custom_gradient(function)
    return wrapped


def fused(function: Callable[P, R]) -> Callable[P, R]:
    """Compile elementwise work and reductions, on a CPU, to single passes over memory.

    TensorFlow makes a pass of each operation, and most of a step's time on a CPU went into them. Matrix products stay outside:
    the compiler's are slower than oneDNN's. A TPU's and a GPU's program are compiled as a whole anyhow. No gradient flows
    through: it belongs to `with_gradient`.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        accelerated = _PROGRAM.get() or tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU")
        result: R = (function if accelerated else compiled)(*args, **kwargs)
        return result

    return call


def copies(x: tf.Tensor, count: int) -> Sequence[tf.Tensor]:
    """Return x several times, for as many uses, whose gradients a GPU's program adds one by one.

    So each sum is the addend of a product that cuBLAS adds to what it writes; XLA alone makes a kernel of several sums.
    """
    if not in_gpu_program():
        return [x] * count

    def gradient(*upstream: tf.Tensor) -> tf.Tensor:
        total = upstream[0]
        for one in upstream[1:]:
            (total,) = barrier(total + one)
        return total

    def forward(x: tf.Tensor) -> tuple[list[tf.Tensor], GradientFunction]:
        uses = [x]
        while len(uses) < count:
            uses += barrier(uses[-1])
        return uses, gradient

    uses: Sequence[tf.Tensor] = with_gradient(forward)(x)
    return uses


def remat(block: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Return block(x), of which the gradient keeps x alone: what the block computes on the way is computed again."""

    def forward(x: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
        def gradient(upstream: tf.Tensor, variables: Sequence[tf.Variable] = ()) -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                again = after(x, upstream)
                tape.watch(again)
                output = block(again)
            x_gradient, *others = tape.gradient(output, [again, *variables], upstream)
            return x_gradient, others

        return block(x), gradient

    return with_gradient(forward)(x)


def after(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Return x, to be used once `gradient` is known: 0 or NaN is added as the gradient's first element is a number or not.

    A compiler merges equal computations; without this it would keep what the forward pass computed from x until the gradient
    asks for it again.
    """
    if in_gpu_program():
        return barrier(x, gradient)[0]
    first = tf.reshape(gradient, [-1])[0]
    return x + tf.where(tf.equal(first, first), tf.zeros([], x.dtype), tf.constant(math.nan, x.dtype))


def again(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Return x; in a GPU's program once `gradient` is known, so that what was computed from it need not be kept until then."""
    return barrier(x, gradient)[0]


def first_of_largest(x: tf.Tensor) -> tf.Tensor:
    """Return int32 [...]: argmax over the last axis, as two plain reductions, which the CPU's compiler vectorises.

    Where nothing is a number it is the last index: within the range, as what is looked up by it must be.
    """
    largest = tf.reduce_max(x, axis=-1, keepdims=True)
    last = x.shape[-1] - 1
    return tf.reduce_min(tf.where(x >= largest, tf.range(last + 1), last), axis=-1)
