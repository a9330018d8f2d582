"""Products between [B, S, H] and [B, H, S], columns, which a TPU stores without padding when they are split into heads."""

import tensorflow as tf

from electra_pretrain.model.kernels import GradientFunction, in_tpu_program, with_gradient


def to_columns(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiply x [B, S, I] by kernel [I, O] -> [B, O, S]."""
    return _to_columns(x, kernel) if in_tpu_program() else tf.einsum("bsi,io->bos", x, kernel)


def from_columns(columns: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiply columns [B, I, S] by kernel [I, O] -> [B, S, O]."""
    return _from_columns(columns, kernel) if in_tpu_program() else tf.einsum("bis,io->bso", columns, kernel)


@with_gradient
def _to_columns(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.einsum("bos,io->bsi", upstream, kernel), tf.einsum("bsi,bos->io", x, upstream)

    return _into_columns(kernel, x), gradient


@with_gradient
def _from_columns(columns: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _into_columns(tf.transpose(kernel), upstream), tf.einsum("bis,bso->io", columns, upstream)

    return tf.einsum("bis,io->bso", columns, kernel), gradient


def _into_columns(kernel: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Multiply as a batch of products of a kernel each: [I, O] and [B, S, I] -> [B, O, S].

    The kernel's copies are never made. Of a single product, [B · S, I] by [I, O], the result has O last, and would be copied.
    """
    copies = tf.broadcast_to(kernel, [x.shape[0], *kernel.shape])
    return tf.matmul(copies, x, transpose_a=True, transpose_b=True)
