"""Dropout masks as a function of counters, cheap enough to be computed twice."""

import numpy as np

from common.lazy_tensorflow import tf

_GOLDEN = 0x9E3779B1  # 2**32 over the golden ratio, made odd
_WORD = 2**32


def draw_key(seed, draw, step_seed):
    """The key of one draw.

    Args:
      seed, draw: ints; of the run, and counted in a pass.
      step_seed: int or int32 scalar tensor, other in every step.

    Returns:
      uint32 [3] tensor.
    """
    words = np.random.RandomState([seed % _WORD, draw]).randint(0, _WORD, 2, np.uint64)
    step = tf.bitcast(tf.cast(step_seed, tf.int32), tf.uint32)
    return tf.stack([step] + [tf.constant(int(word), tf.uint32) for word in words])


def keep_scale(shape, rate, key):
    """Dropout's factors, inside a compiled function.

    Every element is a hash of its number and the key, so a backward pass draws the same mask again
    and reads none from memory.

    Args:
      shape: int32 vector tensor; fewer than 2**32 elements.
      rate: float, share of zeros.
      key: uint32 [3], see draw_key.

    Returns:
      float32 of `shape`: 0, or 1 / (1 - rate).
    """
    first = _mixed(key[0] + key[1])
    second = _mixed(first + key[2])
    numbers = tf.reshape(tf.cast(tf.range(tf.reduce_prod(shape)), tf.uint32), shape)
    drawn = _mixed(numbers * _word(_GOLDEN) + first, second)
    kept = drawn >= _word(int(rate * _WORD))
    return tf.where(kept, tf.fill(shape, np.float32(1.0 / (1.0 - rate))), tf.zeros(shape))


def _mixed(x, inner=None):
    """A bijection of uint32 in which each bit depends on all (C. Wellons, "Prospecting for hash
    functions", 2018: lowbias32); `inner` is added between its two rounds."""
    x = _shift_xor(x, 16) * _word(0x7FEB352D)
    x = _shift_xor(x if inner is None else x + inner, 15) * _word(0x846CA68B)
    return _shift_xor(x, 16)


def _shift_xor(x, bits):
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, _word(bits)))


def _word(value):
    return tf.constant(value, tf.uint32)
