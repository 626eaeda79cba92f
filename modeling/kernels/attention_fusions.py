"""Fusions of attention: states cut into heads, and scores to probabilities; see element_fusions."""

import functools

from common.compiled import compiled, float32
from common.lazy_tensorflow import tf
from modeling.kernels.draws import keep_scale
from modeling.kernels.sums import column_sum, row_max, row_sum


def split_heads(x, bias, seq_length, heads):
    """(x + bias) cut into heads: x [batch * seq, heads * size], bias float32 [heads * size] ->
    [batch, heads, seq, size] of x's type; `seq_length`: int or scalar tensor."""
    forward, backward = _split_heads(heads)
    # A compiled function knows sizes by the shapes of its arguments alone.
    row = tf.zeros(tf.stack([seq_length]), tf.bool)

    @tf.custom_gradient
    def fused(x, bias):
        def gradient(slope):
            dx = backward(slope)
            return dx, column_sum(dx)

        return forward(x, bias, row), gradient

    return fused(x, bias)


@functools.lru_cache(maxsize=None)
def _split_heads(heads):
    @compiled
    def heads_forward(x, bias, row):
        shape = tf.stack([-1, tf.size(row), heads, x.shape.as_list()[1] // heads])
        z = tf.cast(float32(x) + bias, x.dtype)
        return tf.transpose(tf.reshape(z, shape), [0, 2, 1, 3])

    @compiled
    def heads_backward(slope):
        width = slope.shape.as_list()[1] * slope.shape.as_list()[3]
        return tf.reshape(tf.transpose(slope, [0, 2, 1, 3]), [-1, width])

    return heads_forward, heads_backward


def attention_probs(scores, mask_bias, scale, rate, key):
    """dropout(softmax(scores * scale + mask_bias)).

    Args:
      scores: [batch, heads, seq, seq], query by key.
      mask_bias: float32 [batch, 1, 1 or seq, seq]; gets no gradient.
      scale: float.
      rate, key: of the dropout, see element_fusions.dropout; rate 0: no key.

    Returns:
      [batch, heads, seq, seq] of the type of scores.
    """
    forward, backward = _attention_probs(scale, rate)

    @tf.custom_gradient
    def fused(scores):
        outputs = forward(scores, mask_bias, *_keys(rate, key))

        def gradient(slope):
            return backward(outputs[-1], slope, *_keys(rate, key))

        return outputs[0], gradient

    return fused(scores)


@functools.lru_cache(maxsize=None)
def _attention_probs(scale, rate):
    @compiled
    def probs_forward(scores, mask_bias, *keys):
        z = float32(scores) * scale + mask_bias
        powers = tf.exp(z - row_max(z))
        probs = powers * (1.0 / row_sum(powers))
        kept = [tf.cast(probs, scores.dtype)]
        if rate:
            dropped = probs * keep_scale(tf.shape(probs), rate, *keys)
            kept.insert(0, tf.cast(dropped, scores.dtype))
        return tuple(kept)

    @compiled
    def probs_backward(probs, slope, *keys):
        slope, p = float32(slope), float32(probs)
        if rate:
            slope *= keep_scale(tf.shape(probs), rate, *keys)
        return tf.cast(p * (slope - row_sum(slope * p)) * scale, probs.dtype)

    return probs_forward, probs_backward


def _keys(rate, key):
    return (key,) if rate else ()
