"""Losses as (numerator, denominator) pairs.

The masked-LM loss is sum(w * nll) / sum(w): over micro-batches, replicas or an evaluation the two
sums must be added separately and divided once; a mean of batch means is another number.
"""

import typing

from common.lazy_tensorflow import tf


class Ratio(typing.NamedTuple):
    """A loss or metric as a quotient of two sums.

    Attributes:
      numerator, denominator: float32 scalars.
      epsilon: float, added once to the summed denominator.
      weight: float, or a scalar tensor that is equal for all rows: factor of this loss in the total
        that is trained on. The loss is reported without it.
      count: float32 scalar, how many values a sum has: the log and TensorBoard show their mean,
        which does not depend on the size of a batch. None: the quotient itself is shown.
    """

    numerator: typing.Any
    denominator: typing.Any
    epsilon: float
    weight: typing.Any = 1.0
    count: typing.Any = None

    def value(self):
        """numerator / (denominator + epsilon), a scalar."""
        return self.numerator / (self.denominator + self.epsilon)


def total(ratios):
    """The loss that is trained on: sum of weight * value over an iterable of Ratio, a scalar."""
    return tf.add_n([ratio.weight * ratio.value() for ratio in ratios])


def cross_entropy(logits, labels):
    """-log softmax(logits)[label]: logits [N, classes], labels int32 [N] -> float32 [N]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=labels, logits=tf.cast(logits, tf.float32)
    )


def binary_cross_entropy(logits, indicators):
    """-log sigmoid(logit) where the indicator is 1, -log(1 - sigmoid(logit)) where it is 0: logits
    [...], indicators int32 or float32 of the same shape -> float32 [...]."""
    return tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.cast(indicators, tf.float32), logits=tf.cast(logits, tf.float32)
    )


def weighted_ratio(values, weights, epsilon=0.0, weight=1.0):
    """Ratio of sum(values * weights) and sum(weights): values, weights float32 [N]."""
    return Ratio(tf.reduce_sum(values * weights), tf.reduce_sum(weights), epsilon, weight)


def mean_over_rows(row_losses, counted):
    """Ratio of the summed losses of counted rows and the number of all rows.

    Args:
      row_losses: float32 [batch].
      counted: float32 [batch], 1 or 0; a row with 0 counts in the denominator alone.
    """
    return Ratio(tf.reduce_sum(row_losses * counted), tf.reduce_sum(tf.ones_like(counted)), 0.0)


def summed(values, weights):
    """sum(values * weights) as a Ratio over 1: values, weights float32 [N].

    google-research/electra fine-tunes on a sum. Denominators are summed over replicas, so on R
    replicas the sum over their rows is divided by R, like the mean over shards that the original
    takes of its gradients; the micro-batches of an accumulated batch share one denominator and add
    up.
    """
    count = tf.reduce_sum(weights)
    return Ratio(tf.reduce_sum(values * weights), tf.ones([]), 0.0, count=count)


def accuracy_ratio(logits, labels, weights):
    """Ratio of correct and all: logits [N, classes], labels int32 [N], weights float32 [N]."""
    correct = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return weighted_ratio(tf.cast(correct, tf.float32), weights)


def is_full(weight):
    """Whether the weight of a loss is 1 throughout."""
    return isinstance(weight, float) and weight == 1.0


def weight_name(loss_name):
    """The name under which the weight of a loss is reported: pos_weight for pos_loss."""
    return loss_name[: -len("loss")] + "weight"
