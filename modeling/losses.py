"""Losses as (numerator, denominator) pairs.

The masked-LM loss is sum(w * nll) / sum(w): over micro-batches, replicas or an evaluation the two
sums must be added up apart and divided once; a mean of batch means is another number.
"""

import collections

import tensorflow.compat.v1 as tf


class Ratio(
    collections.namedtuple(
        "Ratio", ["numerator", "denominator", "epsilon", "weight"], defaults=[1.0]
    )
):
    """A float32 scalar pair; `epsilon` is added once, to the summed denominator.

    `weight`, a float or a scalar tensor that is the same for all rows, is what a loss is multiplied
    by in the sum that is trained on; it is reported without.
    """

    __slots__ = ()

    def value(self):
        """numerator / (denominator + epsilon), a scalar."""
        return self.numerator / (self.denominator + self.epsilon)


def total(ratios):
    """The sum that is trained on: sum of weight * value over an iterable of Ratio, a scalar."""
    return tf.add_n([ratio.weight * ratio.value() for ratio in ratios])


def cross_entropy(logits, labels):
    """-log softmax(logits)[label]: logits [N, classes], labels int32 [N] -> float32 [N]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=labels, logits=tf.cast(logits, tf.float32)
    )


def weighted_ratio(values, weights, epsilon=0.0, weight=1.0):
    """Ratio of sum(values * weights) and sum(weights): values, weights float32 [N]."""
    return Ratio(tf.reduce_sum(values * weights), tf.reduce_sum(weights), epsilon, weight)


def mean_over_rows(row_losses, counted):
    """Ratio of the losses of the rows that count and the number of all rows.

    Args:
      row_losses: float32 [batch].
      counted: float32 [batch], 1 or 0; a row of 0 adds nothing to the sum but is one of all.
    """
    return Ratio(tf.reduce_sum(row_losses * counted), tf.reduce_sum(tf.ones_like(counted)), 0.0)


def summed(values, weights):
    """sum(values * weights) as a Ratio over 1: values, weights float32 [N].

    Some programs train on a sum where others take a mean. Denominators are summed over replicas
    as all of them are, so on R replicas the sum over their rows is divided by R, just as the mean
    over shards that those programs took of their gradients; the parts of an accumulated batch
    share one denominator and simply add up.
    """
    return Ratio(tf.reduce_sum(values * weights), tf.ones([]), 0.0)


def accuracy_ratio(logits, labels, weights):
    """Ratio of correct and all: logits [N, classes], labels int32 [N], weights float32 [N]."""
    correct = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return weighted_ratio(tf.cast(correct, tf.float32), weights)
