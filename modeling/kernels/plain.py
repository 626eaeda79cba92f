"""Ordinary TensorFlow operations: the reference that other kernels are compared with."""

import math

from common.lazy_tensorflow import tf
from modeling import losses
from modeling.kernels.activations import ACTIVATIONS

LAYER_NORM_EPSILON = 1e-12


class PlainKernels:
    """Everything between and including the matrix products of a network, in float32.

    Layers use these methods alone, so that an object with the same methods can replace this one. A
    state is what one layer hands to the next: [rows, width] or [batch, seq, width], of the kernels'
    own type. Tables of embeddings, parameters and scores are float32 in all of them.
    """

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
        """x [rows, in] times kernel [in, out] ([out, in] if transposed) -> [rows, out], of x's
        type."""
        return tf.matmul(x, kernel, transpose_b=transpose_kernel)

    def dense(self, x, kernel, bias, activation="linear"):
        """activation(x @ kernel + bias): x [rows, in], kernel [in, out] -> [rows, out], of x's
        type."""
        return self.bias_activation(self.matmul(x, kernel), bias, activation)

    def bias_activation(self, x, bias, activation):
        """activation(x + bias) of x's type: x [rows, width], bias [width] -> [rows, width]."""
        return ACTIVATIONS[activation](tf.nn.bias_add(x, bias))

    def scores(self, x, kernel, bias, transpose_kernel=False):
        """x @ kernel + bias as what a loss is computed of: float32 [rows, out]; see `matmul`."""
        return tf.nn.bias_add(self.matmul(x, kernel, transpose_kernel), bias)

    def products_of_states(self, x, states):
        """Every state of x times every one of `states` in the same row, as what a loss is computed
        of: states [batch, n, width] and [batch, seq, width] -> float32 [batch, n, seq]."""
        return tf.matmul(tf.cast(x, tf.float32), tf.cast(states, tf.float32), transpose_b=True)

    def cross_entropy(self, scores, labels):
        """-log softmax(scores)[label]: scores [N, classes], labels int32 [N] -> float32 [N]."""
        return losses.cross_entropy(scores, labels)

    def embedding(self, table, ids):
        """Rows of table [size, width] at ids [...] -> float32 [..., width]."""
        if not self._one_hot_embedding:
            return tf.gather(table, ids)
        size, width = table.shape.as_list()
        one_hot = tf.one_hot(tf.reshape(ids, [-1]), size, dtype=table.dtype)
        return tf.reshape(self.matmul(one_hot, table), ids.shape.as_list() + [width])

    def layer_norm(self, x, gamma, beta):
        """Normalises the last axis of x [..., width]: biased variance, epsilon in the root; gives a
        state."""
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

    def project_heads(self, x, parameters, seq_length, heads):
        """The states x [batch * seq, in] through linear layers, cut into heads.

        Args:
          parameters: list of (kernel [in, heads * size], bias).
          seq_length: int, or scalar tensor where it is not static.
          heads: int.

        Returns:
          list of states [batch, heads, seq, size], one for each of `parameters`.
        """
        projected = []
        for kernel, bias in parameters:
            size = kernel.shape.as_list()[1] // heads
            split = tf.reshape(self.dense(x, kernel, bias), [-1, seq_length, heads, size])
            projected.append(tf.transpose(split, [0, 2, 1, 3]))
        return projected

    def attention(self, query, key, value, mask_bias, rate):
        """Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1) with dropout.

        Args:
          query, key, value: states [batch, heads, seq, size].
          mask_bias: float32 [batch, 1, 1 or seq, seq], added to the scores of every head.
          rate: dropout rate of the probabilities.

        Returns:
          state [batch * seq, heads * size].
        """
        heads, _, size = query.shape.as_list()[1:]
        scores = tf.matmul(query, key, transpose_b=True)
        probs = self.attention_probs(scores, mask_bias, 1.0 / math.sqrt(size), rate)
        context = tf.transpose(tf.matmul(probs, value), [0, 2, 1, 3])
        return tf.reshape(context, [-1, heads * size])

    def attention_probs(self, scores, mask_bias, scale, rate):
        """dropout(softmax(scores * scale + mask_bias)).

        Args:
          scores: [batch, heads, seq, seq], query by key.
          mask_bias: see `attention`.
          scale: float.
          rate: dropout rate.

        Returns:
          state [batch, heads, seq, seq].
        """
        return self.dropout(tf.nn.softmax(scores * scale + mask_bias), rate)

    def bias_dropout_residual(self, x, bias, residual, rate):
        """dropout(x + bias) + residual: product x and state [rows, width] -> state."""
        return self.dropout(tf.nn.bias_add(x, bias), rate) + residual

    def bias_dropout_residual_norm(self, x, bias, residual, gamma, beta, rate):
        """layer_norm(dropout(x + bias) + residual): product x and state [rows, width] -> state."""
        return self.layer_norm(self.bias_dropout_residual(x, bias, residual, rate), gamma, beta)
