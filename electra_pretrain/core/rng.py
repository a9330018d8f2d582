"""Every random bit: a hash of (seed, step, purpose, row, element), in TensorFlow and in NumPy, bit for bit the same.

A generated bit has no state and no order: the row is counted in the *global* batch, so that masks, samples and dropout do not
depend on how a batch is split over replicas or accumulated parts. Nothing else in the package draws. On an accelerator the
hash is plain integer arithmetic on an index, which the compiler fuses into whatever consumes the bits.

The mixing steps are the 32-bit finaliser "lowbias32" found by C. Wellons' search for multiply-xorshift hashes of low bias.
Two 32-bit words per row are derived from (seed, purpose, step, row); one enters before, one between the element's two rounds.
Elements are spaced by an odd constant (a Weyl sequence): plain counting left the top bit's sums over a row 1% too spread out.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

_MULTIPLIER_1, _MULTIPLIER_2 = 0x7FEB352D, 0x846CA68B
_CHAINS = (0x9E3779B9, 0x6A09E667)
_SPACING = 0x9E3779B1
# 23 bits and a half step: every value is exact in float32 and none is 0 or 1, so that logarithms are finite.
_MANTISSA_SHIFT, _MANTISSA_SCALE = 9, 2.0**-23


def purpose_word(purpose: str) -> int:
    """Return the 32-bit number that stands for a purpose, such as "mask" or a dropout's place in the network."""
    return zlib.crc32(purpose.encode("utf-8"))


class Selection(NamedTuple):
    """Some of the elements along one axis.

    Attributes:
        axis: which one, the rows' not counted.
        indices: int32 [B, n]: for each row the elements that are wanted.
    """

    axis: int
    indices: Any


class Random(NamedTuple):
    """Source of random tensors for the rows at hand, in TensorFlow.

    Attributes:
        seed: the run's seed, 0 <= seed < 2**32.
        step: scalar integer tensor (or int); a new step gives new bits.
        rows: [B] integer tensor, each row's index in the global batch.
    """

    seed: int
    step: Any
    rows: Any

    def bits(
        self, purpose: "str | tf.Tensor", shape: Sequence[int], selection: Selection | None = None, rows_axis: int = 0
    ) -> "tf.Tensor":
        """Return bits, uint32 [B, *shape], or those of the `selection`; `shape` is static, with fewer than 2**32 elements.

        A purpose may be given as its word, a uint32 scalar. The same bits stand in another order with `rows_axis` 1:
        [shape[0], B, *shape[1:]].
        """
        import tensorflow as tf

        def word(value: Any) -> Any:
            return tf.cast(value, tf.uint32)

        def constant(value: int) -> Any:
            return tf.constant(value, tf.uint32)

        def shift(x: Any, count: int) -> Any:
            return tf.bitwise.right_shift(x, constant(count))

        of_purpose = constant(purpose_word(purpose)) if isinstance(purpose, str) else purpose
        words = [constant(self.seed), of_purpose, word(self.step), word(self.rows)]
        rows = [1] * rows_axis + [-1] + [1] * (len(shape) - rows_axis)
        key_0, key_1 = (tf.reshape(_row_key(constant(chain), words, shift, constant), rows) for chain in _CHAINS)
        return _element_bits(_add_element_index(key_0, shape, selection, rows_axis), key_1, shift, constant)

    def uniform(self, purpose: "str | tf.Tensor", shape: Sequence[int]) -> "tf.Tensor":
        """Return float32 [B, *shape], uniform in the open interval (0, 1)."""
        import tensorflow as tf

        high = tf.bitwise.right_shift(self.bits(purpose, shape), tf.constant(_MANTISSA_SHIFT, tf.uint32))
        # Through int32: the conversion of unsigned integers is slow or missing on some devices.
        return (tf.cast(tf.cast(high, tf.int32), tf.float32) + 0.5) * _MANTISSA_SCALE


def numpy_bits(seed: int, purpose: str, rows: Any, num_elements: int, step: Any = 0) -> np.ndarray:
    """Return uint32 [B, num_elements]: what `Random(seed, step, rows).bits(purpose, [num_elements])` holds.

    Rows may have a step each, [B].
    """

    def constant(value: Any) -> Any:
        return np.asarray(value, np.uint32).reshape(-1)

    def shift(x: Any, count: int) -> Any:
        return x >> np.uint32(count)

    words = [constant(seed), constant(purpose_word(purpose)), constant(step), np.asarray(rows).astype(np.uint32)]
    key_0, key_1 = (_row_key(constant(chain), words, shift, constant)[:, None] for chain in _CHAINS)
    index = np.arange(num_elements, dtype=np.uint32)[None] * constant(_SPACING)
    return np.asarray(_element_bits(index + key_0, key_1, shift, constant))


def numpy_uniform(seed: int, purpose: str, rows: Any, num_elements: int, step: Any = 0) -> np.ndarray:
    """Return float64 [B, num_elements], uniform in (0, 1), from all 32 bits."""
    return (numpy_bits(seed, purpose, rows, num_elements, step) + 0.5) * 2.0**-32


def permutation(seed: int, purpose: str, row: int, length: int) -> np.ndarray:
    """Return int64 [length], a random order of 0..length-1."""
    return np.argsort(numpy_bits(seed, purpose, [row], length)[0], kind="stable")


class Stream:
    """Successive uniform numbers on the host for one (seed, purpose, row)."""

    _BLOCK, _MOST_BLOCKS = 256, 16

    def __init__(self, seed: int, purpose: str, row: int) -> None:
        self._seed, self._purpose, self._row = seed, purpose, row
        self._step = 0
        self._values: list[float] = []

    def uniform(self) -> float:
        """Draw the next number in (0, 1)."""
        if not self._values:
            # Twice as many at each time: a call costs as much as some thousand numbers.
            steps = np.arange(self._step, self._step + max(1, min(self._step, self._MOST_BLOCKS)))
            values = numpy_uniform(self._seed, self._purpose, [self._row] * len(steps), self._BLOCK, steps)
            self._values = values.ravel()[::-1].tolist()
            self._step += len(steps)
        return self._values.pop()

    def integer(self, low: int, high: int) -> int:
        """Draw the next integer, uniform in low..high, both included."""
        return low + int(self.uniform() * (high - low + 1))


def _finalize(x: Any, shift: Callable[[Any, int], Any], constant: Callable[[int], Any]) -> Any:
    x = (x ^ shift(x, 16)) * constant(_MULTIPLIER_1)
    x = (x ^ shift(x, 15)) * constant(_MULTIPLIER_2)
    return x ^ shift(x, 16)


def _row_key(state: Any, words: Sequence[Any], shift: Callable[[Any, int], Any], constant: Callable[[int], Any]) -> Any:
    for word in words:
        state = _finalize((state ^ word) + constant(0x9E3779B9), shift, constant)
    return state


def _element_bits(x: Any, key_1: Any, shift: Callable[[Any, int], Any], constant: Callable[[int], Any]) -> Any:
    x = (x ^ shift(x, 16)) * constant(_MULTIPLIER_1)
    x = x ^ key_1
    x = (x ^ shift(x, 15)) * constant(_MULTIPLIER_2)
    return x ^ shift(x, 16)


def _add_element_index(key: "tf.Tensor", shape: Sequence[int], selection: Selection | None, rows_axis: int) -> "tf.Tensor":
    """Return uint32 [B, *shape], or the `selection` of it: key [B, 1, …] plus 0, 1, 2, … times the spacing, axis by axis.

    The rows stand at `rows_axis` of key and result.

    Starting from the key: a sum of ranges alone would be folded into a constant of the whole shape, read from memory.
    """
    import tensorflow as tf

    stride = 1
    strides: list[int] = []
    for length in reversed(shape):
        strides.insert(0, stride * _SPACING % 2**32)
        stride *= length
    for axis, length in enumerate(shape):
        chosen = selection is not None and selection.axis == axis
        along = tf.cast(selection.indices if selection is not None and chosen else tf.range(length), tf.uint32)
        along *= tf.constant(strides[axis], tf.uint32)
        place = axis if axis < rows_axis else axis + 1
        sizes = [1] * (len(shape) + 1)
        sizes[place] = along.shape[-1]
        if chosen:
            sizes[rows_axis] = along.shape[0]
            along = along if rows_axis < place else tf.transpose(along)
        key += tf.reshape(along, sizes)
    return key
