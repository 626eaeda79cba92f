"""The arithmetic inside layers.

Layers use these methods alone for the operations between two matrix products, so that an object
with the same methods (fused, other precision) can replace PlainKernels.
"""

import math

import tensorflow.compat.v1 as tf

LAYER_NORM_EPSILON = 1e-12


def gelu_erf(x):
    """x * Phi(x) with the error function; Hendrycks & Gimpel 2016, equation 1."""
    return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))


def gelu_tanh(x):
    """The tanh approximation of gelu; Hendrycks & Gimpel 2016, section 2."""
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1.0 + tf.tanh(inner))


ACTIVATIONS = {
    "gelu_erf": gelu_erf,
    "gelu_tanh": gelu_tanh,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "linear": lambda x: x,
}


class PlainKernels:
    """Ordinary TensorFlow operations in float32."""

    def __init__(self, seed=0, step_seed=0, one_hot_embedding=False):
        """Makes the kernels of one pass through the model.

        Args:
          seed: int; every draw takes the next seed counted from it.
          step_seed: int or int32 scalar tensor that differs from step to step. Draws depend on the
            two seeds alone, so a resumed run repeats those of an uninterrupted one.
          one_hot_embedding: look rows up by a matrix product, which is fast on TPUs.
        """
        self._seed = seed
        self._step_seed = step_seed
        self._one_hot_embedding = one_hot_embedding
        self._draws = 0

    def matmul(self, x, kernel, transpose_kernel=False):
        """x [rows, in] times kernel [in, out] ([out, in] if transposed) -> [rows, out]."""
        return tf.matmul(x, kernel, transpose_b=transpose_kernel)

    def dense(self, x, kernel, bias, activation="linear"):
        """activation(x @ kernel + bias): x [rows, in], kernel [in, out] -> [rows, out]."""
        return ACTIVATIONS[activation](tf.nn.bias_add(self.matmul(x, kernel), bias))

    def embedding(self, table, ids):
        """Rows of table [size, width] at ids [...] -> [..., width]."""
        if not self._one_hot_embedding:
            return tf.gather(table, ids)
        size, width = table.shape.as_list()
        one_hot = tf.one_hot(tf.reshape(ids, [-1]), size, dtype=table.dtype)
        return tf.reshape(self.matmul(one_hot, table), ids.shape.as_list() + [width])

    def layer_norm(self, x, gamma, beta):
        """Normalises the last axis of x [..., width]: biased variance, epsilon in the root."""
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        return centred * tf.math.rsqrt(variance + LAYER_NORM_EPSILON) * gamma + beta

    def uniform(self, shape):
        """Uniform draws from [0, 1): float32 of `shape`, new at every call; see `__init__`."""
        self._draws += 1
        seed = tf.stack([self._seed + self._draws, tf.cast(self._step_seed, tf.int32)])
        return tf.random.stateless_uniform(shape, seed)

    def dropout(self, x, rate):
        """Zeroes a fraction `rate` of x, scales the rest by 1 / (1 - rate); rate 0 returns x."""
        if not rate:
            return x
        kept = self.uniform(tf.shape(x)) >= rate
        return tf.where(kept, x * (1.0 / (1.0 - rate)), tf.zeros_like(x))

    def attention_probs(self, scores, mask_bias, scale, rate):
        """dropout(softmax(scores * scale + mask_bias)).

        Args:
          scores: [batch, heads, seq, seq], query by key.
          mask_bias: [batch, 1, 1 or seq, seq], added to every head.
          scale: float.
          rate: dropout rate.

        Returns:
          [batch, heads, seq, seq].
        """
        return self.dropout(tf.nn.softmax(scores * scale + mask_bias), rate)

    def bias_dropout_residual(self, x, bias, residual, rate):
        """dropout(x + bias) + residual: x and residual [rows, width]."""
        return self.dropout(tf.nn.bias_add(x, bias), rate) + residual

    def bias_dropout_residual_norm(self, x, bias, residual, gamma, beta, rate):
        """layer_norm(dropout(x + bias) + residual): x and residual [rows, width]."""
        return self.layer_norm(self.bias_dropout_residual(x, bias, residual, rate), gamma, beta)
