"""Fusions of single elements: bias and activation, dropout.

A fusion is what lies between two matrix products as one function that XLA compiles, and another one
for its gradient. Its arguments and results are float32 or bfloat16, all arithmetic is float32. Its
backward pass draws dropout masks again and leaves sums over rows to ordinary operations.
"""

import functools

from common.compiled import compiled, float32
from common.lazy_tensorflow import tf
from modeling.kernels.activations import ACTIVATIONS
from modeling.kernels.draws import keep_scale
from modeling.kernels.sums import column_sum


def bias_activation(x, bias, activation):
    """activation(x + bias): x [rows, width], bias float32 [width] -> [rows, width] of x's type."""
    forward, backward = _bias_activation(activation)

    @tf.custom_gradient
    def fused(x, bias):
        def gradient(slope):
            dx = backward(x, bias, slope)
            return dx, column_sum(dx)

        return forward(x, bias), gradient

    return fused(x, bias)


@functools.lru_cache(maxsize=None)
def _bias_activation(activation):
    function = ACTIVATIONS[activation]

    @compiled
    def activation_forward(x, bias):
        return tf.cast(function(float32(x) + bias), x.dtype)

    @compiled
    def activation_backward(x, bias, slope):
        z = float32(x) + bias
        return tf.cast(tf.gradients(function(z), z, float32(slope))[0], x.dtype)

    return activation_forward, activation_backward


def dropout(x, rate, key):
    """x with a share `rate` of zeros, the rest scaled by 1 / (1 - rate); `key`: see draws."""
    dropped = _dropout(rate)

    @tf.custom_gradient
    def fused(x):
        return dropped(x, key), lambda slope: dropped(slope, key)

    result = fused(x)
    result.set_shape(x.shape)
    return result


@functools.lru_cache(maxsize=None)
def _dropout(rate):
    @compiled
    def dropped(x, key):
        return tf.cast(float32(x) * keep_scale(tf.shape(x), rate, key), x.dtype)

    return dropped
