"""Losses as (numerator, denominator) pairs.

The masked-LM loss is sum(w * nll) / sum(w): over micro-batches, replicas or an evaluation the two
sums must be added up apart and divided once; a mean of batch means is another number.
"""

import collections

import tensorflow.compat.v1 as tf


class Ratio(collections.namedtuple("Ratio", ["numerator", "denominator", "epsilon"])):
    """A float32 scalar pair; `epsilon` is added once, to the summed denominator."""

    __slots__ = ()

    def value(self):
        """numerator / (denominator + epsilon), a scalar."""
        return self.numerator / (self.denominator + self.epsilon)


def cross_entropy(logits, labels):
    """-log softmax(logits)[label]: logits [N, classes], labels int32 [N] -> float32 [N]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=labels, logits=tf.cast(logits, tf.float32)
    )


def weighted_ratio(values, weights, epsilon=0.0):
    """Ratio of sum(values * weights) and sum(weights): values, weights float32 [N]."""
    return Ratio(tf.reduce_sum(values * weights), tf.reduce_sum(weights), epsilon)


def accuracy_ratio(logits, labels, weights):
    """Ratio of correct and all: logits [N, classes], labels int32 [N], weights float32 [N]."""
    correct = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return weighted_ratio(tf.cast(correct, tf.float32), weights)
