"""Which pieces of a row make up a word, and the order in which its tokens are masked so that words stay whole (method §2)."""

import tensorflow as tf

_HALF = 2**30


def number_words(input_ids: tf.Tensor, candidates: tf.Tensor, continues: tf.Tensor, unk: int) -> tf.Tensor:
    """Return int32 [B, S]: which word of its row a token belongs to, counted from 0.

    What may not be masked, such as a special token, is a word of its own, and so is `[UNK]`; a piece after it begins a word,
    whatever the piece is.

    Args:
        input_ids: int32 [B, S].
        candidates: bool [B, S], tokens that may be masked.
        continues: bool [V], pieces that go on with the word before them.
        unk: the id of `[UNK]`.
    """
    alone = ~candidates | (input_ids == unk)
    after = tf.pad(alone[:, :-1], [[0, 0], [1, 0]], constant_values=True)
    begins = alone | after | ~tf.gather(continues, input_ids)
    return tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1


def whole_first(keys: tf.Tensor, words: tf.Tensor, used: tf.Tensor, slots: int) -> tf.Tensor:
    """Return int32 [B, S]: scores, of which the `used` highest are of the tokens to mask; of equal ones the first come first.

    Words are taken in order of their keys, until one has more pieces than are left. Words of one piece fill what is left, in
    order of their keys; where there are too few, the first pieces of the word that did not fit.

    Args:
        keys: int32 [B, S], random, not below 0, the same for all pieces of a word; -1 for what may not be masked.
        words: int32 [B, S], of `number_words`.
        used: int32 [B], how many tokens of a row are masked, at most as many as may be.
        slots: what `used` is at most.
    """
    length = keys.shape[1]
    ordered, order = tf.math.top_k(keys, k=min(slots + 1, length))
    # The first token for which there is no place: what comes before it has one, but for pieces of the same word.
    first_out = tf.range(ordered.shape[1]) == used[:, tf.newaxis]
    key, position = (tf.reduce_sum(tf.where(first_out, each, 0), axis=1, keepdims=True) for each in (ordered, order))
    index = tf.range(length)
    before = (keys > key) | ((keys == key) & (index < position))
    cut_word = tf.reduce_sum(tf.where(index == position, words, 0), axis=1, keepdims=True)
    edges = words[:, 1:] != words[:, :-1]
    starts, ends = (tf.pad(edges, [[0, 0], side], constant_values=True) for side in ([1, 0], [0, 1]))
    # Three ranges of numbers, one below the other.
    scores = tf.where(words == cut_word, -_HALF - 1 - index, tf.int32.min)
    scores = tf.where(starts & ends, tf.bitwise.right_shift(keys, 1) - _HALF, scores)
    scores = tf.where(before & (words != cut_word), keys, scores)
    return tf.where(keys < 0, tf.int32.min, scores)
