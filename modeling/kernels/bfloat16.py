"""Matrix products in bfloat16, and ordinary operations in float32 between them."""

from common.lazy_tensorflow import tf
from modeling.kernels.plain import PlainKernels
from modeling.kernels.weights import CastWeights

# Scores of fewer classes are computed in float32: their product costs next to nothing, and eight
# bits would make equal what is not.
WIDE_SCORES = 1024


class Bfloat16Kernels(PlainKernels):
    """PlainKernels whose states are bfloat16.

    For TPUs, whose compiler sees the whole step, and wherever XLA cannot be had.
    """

    def __init__(
        self, seed=0, step_seed=0, one_hot_embedding=False, holds_weights=False, earlier=None
    ):
        """See PlainKernels; `holds_weights`, `earlier`: see FusedKernels."""
        super().__init__(seed, step_seed, one_hot_embedding)
        self._between = PlainKernels(seed, step_seed)
        self._weights = CastWeights(tf.bfloat16, holds_weights, earlier and earlier._weights)

    def matmul(self, x, kernel, transpose_kernel=False):
        if x.dtype == tf.bfloat16:
            kernel = self._weights(kernel)
        return super().matmul(x, kernel, transpose_kernel)

    def bias_activation(self, x, bias, activation):
        return tf.cast(self._between.bias_activation(_float32(x), bias, activation), x.dtype)

    def scores(self, x, kernel, bias, transpose_kernel=False):
        if bias.shape.as_list()[0] < WIDE_SCORES:
            x = _float32(x)
        product = self.matmul(x, kernel, transpose_kernel)
        return tf.nn.bias_add(_float32(product), bias)

    def layer_norm(self, x, gamma, beta):
        return _state(self._between.layer_norm(_float32(x), gamma, beta))

    def uniform(self, shape):
        return self._between.uniform(shape)

    def dropout(self, x, rate):
        return tf.cast(self._between.dropout(_float32(x), rate), x.dtype)

    def attention_probs(self, scores, mask_bias, scale, rate):
        return _state(self._between.attention_probs(_float32(scores), mask_bias, scale, rate))

    def bias_dropout_residual(self, x, bias, residual, rate):
        x, residual = _float32(x), _float32(residual)
        return _state(self._between.bias_dropout_residual(x, bias, residual, rate))

    def bias_dropout_residual_norm(self, x, bias, residual, gamma, beta, rate):
        arguments = _float32(x), bias, _float32(residual), gamma, beta, rate
        return _state(self._between.bias_dropout_residual_norm(*arguments))


def _float32(x):
    return tf.cast(x, tf.float32)


def _state(x):
    return tf.cast(x, tf.bfloat16)
