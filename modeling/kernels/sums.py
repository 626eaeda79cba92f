"""Sums and maxima along rows and columns, which do not become vector code by themselves."""

from common.compiled import float32, folded
from common.lazy_tensorflow import tf


def row_mean(x):
    """Mean over the last axis: float32 [..., width] -> [..., 1]."""
    return row_sum(x) * (1.0 / x.shape.as_list()[-1])


def row_sum(x):
    """Sum over the last axis: float32 [..., width] -> [..., 1]."""
    return tf.reduce_sum(folded(x, tf.add), -1, keepdims=True)


def row_max(x):
    """Maximum over the last axis: float32 [..., width] -> [..., 1]."""
    return tf.reduce_max(folded(x, tf.maximum), -1, keepdims=True)


def column_sum(x):
    """Sum over the rows, outside of compiled functions: [rows, width] -> float32 [width]."""
    if x.dtype == tf.float32:
        return tf.raw_ops.BiasAddGrad(out_backprop=x)
    # In bfloat16 that operation is slow and adds in bfloat16; a product adds in float32.
    ones = tf.ones(tf.stack([1, tf.shape(x)[0]]), x.dtype)
    return float32(tf.reshape(tf.matmul(ones, x), [-1]))
