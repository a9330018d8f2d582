"""How work is handed to the devices: passes over memory that are compiled as one, gradients by hand, what is computed again."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf

GradientFunction = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")


def with_gradient(function: Callable[..., tuple[tf.Tensor, GradientFunction]]) -> Callable[..., tf.Tensor]:
    """Return a differentiable function, given one that returns its value and the function of its gradient."""
    wrapped: Callable[..., tf.Tensor] = tf.custom_gradient(function)
    return wrapped


def fused(function: Callable[P, R]) -> Callable[P, R]:
    """Compile elementwise work and reductions, on a CPU, to single passes over memory.

    TensorFlow makes a pass of each operation, and most of a step's time on a CPU went into them. Matrix products stay outside:
    the compiler's are slower than oneDNN's. A TPU's program is compiled as a whole anyhow; on GPUs the compiler needs parts of
    CUDA that may not be installed. No gradient flows through: it belongs to `with_gradient`.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        accelerated = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU")
        result: R = (function if accelerated else compiled)(*args, **kwargs)
        return result

    return call


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
    first = tf.reshape(gradient, [-1])[0]
    return x + tf.where(tf.equal(first, first), tf.zeros([], x.dtype), tf.constant(math.nan, x.dtype))


def first_of_largest(x: tf.Tensor) -> tf.Tensor:
    """Return int32 [...]: argmax over the last axis, as two plain reductions, which the CPU's compiler vectorises.

    Where nothing is a number it is the last index: within the range, as what is looked up by it must be.
    """
    largest = tf.reduce_max(x, axis=-1, keepdims=True)
    last = x.shape[-1] - 1
    return tf.reduce_min(tf.where(x >= largest, tf.range(last + 1), last), axis=-1)
