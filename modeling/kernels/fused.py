"""Kernels whose matrix products are ordinary operations and all between them compiled."""

from common.lazy_tensorflow import tf
from modeling.kernels import (
    attention_fusions,
    cross_entropy_fusion,
    element_fusions,
    norm_fusions,
)
from modeling.kernels.bfloat16 import WIDE_SCORES
from modeling.kernels.draws import draw_key
from modeling.kernels.plain import PlainKernels
from modeling.kernels.weights import CastWeights


class FusedKernels(PlainKernels):
    """PlainKernels' methods with fusions between products in float32 or bfloat16.

    Ordinary operations write and read every intermediate result; a fusion reads its arguments and
    writes its results once. Products stay ordinary, so that oneDNN or cuBLAS computes them. Dropout
    masks are other ones than PlainKernels', likewise a function of seed, step and rows alone.
    """

    def __init__(self, seed=0, step_seed=0, dtype=None, holds_weights=False, earlier=None):
        """Makes the kernels of one pass through the model.

        Args:
          seed, step_seed: see PlainKernels.
          dtype: of states and products, tf.float32 or tf.bfloat16; None: tf.float32.
          holds_weights: see CastWeights.
          earlier: kernels of another pass in the same step, see CastWeights; None: there was none.
        """
        super().__init__(seed, step_seed)
        self._dtype = dtype or tf.float32
        self._weights = CastWeights(self._dtype, holds_weights, earlier and earlier._weights)
        self._factors = {}  # id of scores -> (scores, product, bias)

    def matmul(self, x, kernel, transpose_kernel=False):
        if x.dtype == self._dtype:
            kernel = self._weights(kernel)
        return super().matmul(x, kernel, transpose_kernel)

    def bias_activation(self, x, bias, activation):
        return element_fusions.bias_activation(x, bias, activation)

    def scores(self, x, kernel, bias, transpose_kernel=False):
        if bias.shape.as_list()[0] < WIDE_SCORES:
            return super().scores(tf.cast(x, tf.float32), kernel, bias, transpose_kernel)
        product = self.matmul(x, kernel, transpose_kernel)
        scores = tf.nn.bias_add(tf.cast(product, tf.float32), bias)
        self._factors[id(scores)] = scores, product, bias
        return scores

    def cross_entropy(self, scores, labels):
        # Of the product that the scores were made of: where nothing else reads them, they are never
        # computed.
        if id(scores) not in self._factors:
            return super().cross_entropy(scores, labels)
        _, product, bias = self._factors[id(scores)]
        return cross_entropy_fusion.cross_entropy(product, bias, labels)

    def layer_norm(self, x, gamma, beta):
        flat = tf.reshape(x, [-1, x.shape.as_list()[-1]])
        state = norm_fusions.layer_norm(flat, gamma, beta, self._dtype)
        return state if x.shape.ndims == 2 else tf.reshape(state, tf.shape(x))

    def dropout(self, x, rate):
        return element_fusions.dropout(x, rate, self._key()) if rate else x

    def project_heads(self, x, parameters, seq_length, heads):
        return [
            attention_fusions.split_heads(self.matmul(x, kernel), bias, seq_length, heads)
            for kernel, bias in parameters
        ]

    def attention_probs(self, scores, mask_bias, scale, rate):
        key = self._key() if rate else None
        return attention_fusions.attention_probs(scores, mask_bias, scale, rate, key)

    def bias_dropout_residual(self, x, bias, residual, rate):
        key = self._key() if rate else None
        return norm_fusions.bias_dropout_residual(x, bias, residual, rate, key)

    def bias_dropout_residual_norm(self, x, bias, residual, gamma, beta, rate):
        key = self._key() if rate else None
        return norm_fusions.bias_dropout_residual_norm(x, bias, residual, gamma, beta, rate, key)

    def _key(self):
        """Key of the next draw."""
        self._draws += 1
        return draw_key(self._seed, self._draws, self._step_seed)
