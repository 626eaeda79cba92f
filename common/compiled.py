"""Functions that XLA compiles inside a graph of ordinary operations."""

import functools

from common.lazy_tensorflow import tf

# More parts than these are slower again: XLA then reads each of them from memory.
_FOLDS = (8, 4, 2)


def compiled(function):
    """`function` of tensors, compiled by XLA for each combination of shapes when it first runs.

    What it computes between reading its arguments and writing its results stays in registers. In a
    graph of TensorFlow 2; TensorFlow 1.15 has no such functions.
    """

    @functools.lru_cache(maxsize=None)
    def whole():
        return tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*args):
        # Not whole()(*args): that would put the call into a context of XLA's control flow, and a
        # tf.while_loop around it would take its results for values from outside.
        tensors = [tf.convert_to_tensor(arg) for arg in args]
        return whole().get_concrete_function(*tensors)(*tensors)

    return call


def float32(x):
    """The type that compiled functions compute in."""
    return tf.cast(x, tf.float32)


def folded(x, combine):
    """x [..., width] with its last axis folded into fewer numbers of the same sum or maximum.

    XLA reduces a row one number after the other on CPUs; pieces that lie side by side it combines
    with full vectors first.

    Args:
      x: the static width is used where there is one.
      combine: tf.add or tf.maximum.
    """
    width = x.shape.as_list()[-1]
    parts = next((p for p in _FOLDS if width is not None and width % p == 0), 1)
    if parts == 1:
        return x
    size = width // parts
    return functools.reduce(combine, [x[..., i * size : (i + 1) * size] for i in range(parts)])


def square_sum(x):
    """Sum of the squares of x [..., width]: float32 scalar."""
    # Rows first: in one long sum small squares would be lost.
    of_rows = tf.reduce_sum(folded(tf.square(float32(x)), tf.add), axis=-1)
    return tf.reduce_sum(folded(tf.reshape(of_rows, [-1]), tf.add))
