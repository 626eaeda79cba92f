"""Fusions that end a layer: bias, dropout, residual and layer norm; see element_fusions."""

import functools

from common.compiled import compiled, float32
from common.lazy_tensorflow import tf
from modeling.kernels.draws import keep_scale
from modeling.kernels.plain import LAYER_NORM_EPSILON
from modeling.kernels.sums import column_sum, row_mean


def layer_norm(x, gamma, beta, dtype):
    """Layer norm of x [rows, width] with gamma, beta float32 [width]; result of type `dtype`."""

    forward, backward = _layer_norm(x.dtype, dtype)

    @tf.custom_gradient
    def fused(x, gamma, beta):
        state, normed, inverse = forward(x, gamma, beta)

        def gradient(slope):
            dx, products = backward(slope, normed, inverse, gamma)
            return dx, column_sum(products), column_sum(slope)

        return state, gradient

    return fused(x, gamma, beta)


def bias_dropout_residual_norm(x, bias, residual, gamma, beta, rate, key):
    """layer_norm(dropout(x + bias) + residual).

    Args:
      x: product, [rows, width].
      bias, gamma, beta: float32 [width].
      residual: [rows, width].
      rate, key: of the dropout, see element_fusions.dropout.

    Returns:
      [rows, width] of x's type.
    """
    forward, backward = _residual_norm(rate)

    @tf.custom_gradient
    def fused(x, bias, residual, gamma, beta):
        state, normed, inverse = forward(x, bias, residual, gamma, beta, *_keys(rate, key))

        def gradient(slope):
            dx, dz, products = backward(slope, normed, inverse, gamma, *_keys(rate, key))
            return dx, column_sum(dx), dz, column_sum(products), column_sum(slope)

        return state, gradient

    return fused(x, bias, residual, gamma, beta)


def bias_dropout_residual(x, bias, residual, rate, key):
    """dropout(x + bias) + residual of x's type; arguments as in bias_dropout_residual_norm."""
    forward, backward = _residual(rate)

    @tf.custom_gradient
    def fused(x, bias, residual):
        def gradient(slope):
            dx = backward(slope, key) if rate else slope
            return dx, column_sum(dx), slope

        return forward(x, bias, residual, *_keys(rate, key)), gradient

    return fused(x, bias, residual)


@functools.lru_cache(maxsize=None)
def _layer_norm(in_dtype, out_dtype):
    @compiled
    def norm_forward(x, gamma, beta):
        return _normalised(float32(x), gamma, beta, out_dtype)

    @compiled
    def norm_backward(slope, normed, inverse, gamma):
        dz, products = _norm_slopes(float32(slope), float32(normed), inverse, gamma)
        return tf.cast(dz, in_dtype), tf.cast(products, slope.dtype)

    return norm_forward, norm_backward


@functools.lru_cache(maxsize=None)
def _residual_norm(rate):
    @compiled
    def residual_norm_forward(x, bias, residual, gamma, beta, *keys):
        z = _added(x, bias, residual, rate, keys)
        return _normalised(z, gamma, beta, x.dtype)

    @compiled
    def residual_norm_backward(slope, normed, inverse, gamma, *keys):
        dz, products = _norm_slopes(float32(slope), float32(normed), inverse, gamma)
        dx = dz * keep_scale(tf.shape(dz), rate, *keys) if rate else dz
        return tuple(tf.cast(each, slope.dtype) for each in (dx, dz, products))

    return residual_norm_forward, residual_norm_backward


@functools.lru_cache(maxsize=None)
def _residual(rate):
    @compiled
    def residual_forward(x, bias, residual, *keys):
        return tf.cast(_added(x, bias, residual, rate, keys), x.dtype)

    @compiled
    def residual_backward(slope, *keys):
        return tf.cast(float32(slope) * keep_scale(tf.shape(slope), rate, *keys), slope.dtype)

    return residual_forward, residual_backward


def _added(x, bias, residual, rate, keys):
    z = float32(x) + bias
    if rate:
        z *= keep_scale(tf.shape(z), rate, *keys)
    return z + float32(residual)


def _normalised(z, gamma, beta, dtype):
    """(layer norm of z, z before gamma and beta, both of type `dtype`; 1 / standard deviation
    float32 [rows, 1]): z float32 [rows, width]."""
    centred = z - row_mean(z)
    inverse = tf.math.rsqrt(row_mean(tf.square(centred)) + LAYER_NORM_EPSILON)
    normed = centred * inverse
    return tf.cast(normed * gamma + beta, dtype), tf.cast(normed, dtype), inverse


def _norm_slopes(slope, normed, inverse, gamma):
    """Slopes of layer norm (Ba et al. 2016): of its argument, and of gamma in each row; all float32
    [rows, width], `inverse` [rows, 1]."""
    scaled = slope * gamma
    along = row_mean(scaled * normed)
    return inverse * (scaled - row_mean(scaled) - normed * along), slope * normed


def _keys(rate, key):
    return (key,) if rate else ()
