"""Fusion of a softmax over a vocabulary; see element_fusions."""

from common.compiled import compiled, float32
from common.lazy_tensorflow import tf
from modeling.kernels.sums import column_sum, row_max, row_sum


def cross_entropy(x, bias, labels):
    """-log softmax(x + bias)[label], without the float32 scores in memory.

    Args:
      x: product, [N, classes].
      bias: float32 [classes].
      labels: int32 [N].

    Returns:
      float32 [N].
    """

    @tf.custom_gradient
    def fused(x, bias):
        nll, log_sum = _forward(x, bias, labels)

        def gradient(slope):
            dx = _backward(x, bias, labels, log_sum, slope)
            return dx, column_sum(dx)

        return nll, gradient

    return fused(x, bias)


@compiled
def _forward(x, bias, labels):
    z = float32(x) + bias
    top = row_max(z)
    log_sum = top + tf.math.log(row_sum(tf.exp(z - top)))
    own = row_sum(tf.where(_is_label(z, labels), z, tf.zeros_like(z)))
    return tf.squeeze(log_sum - own, -1), log_sum


@compiled
def _backward(x, bias, labels, log_sum, slope):
    z = float32(x) + bias
    dz = tf.exp(z - log_sum) - float32(_is_label(z, labels))
    return tf.cast(dz * slope[:, tf.newaxis], x.dtype)


def _is_label(z, labels):
    """bool [N, classes]."""
    return tf.equal(tf.range(tf.shape(z)[1])[tf.newaxis, :], labels[:, tf.newaxis])
