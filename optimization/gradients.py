"""Gradients of a loss that is a sum of ratios, over micro-batches and over replicas.

A masked-LM loss is sum(w * nll) / sum(w) over the rows of one update, wherever they are computed:
the mean of two micro-batches' losses is another number when they hold different numbers of masks.
So the denominators are summed first, over all micro-batches and replicas; each micro-batch then
differentiates its own numerators over the joint denominators, and the gradients simply add up.
"""

import collections
from typing import Any, Dict, List, NamedTuple, Tuple

from common.lazy_tensorflow import tf


class Forward(NamedTuple):
    """A model built on one micro-batch.

    Attributes:
      losses: ordered dict name -> modeling.losses.Ratio or the like: an object with numerator and
        denominator (float32 scalars), epsilon, the weight of its quotient in the loss, and the
        count by which a sum is divided to be shown, or None.
      parameters: list of (variable, the tensor that the model computes with), the same variables in
        the same order in every call.
    """

    losses: Dict[str, Any]
    parameters: List[Tuple[Any, Any]]


class JointGradients(NamedTuple):
    """Gradients of one update, the same on every replica.

    Attributes:
      gradients: list of float32 tensors, each of its variable's shape.
      variables: list of as many variables.
      losses: ordered dict name -> float32 scalar, the quotient.
      weights: ordered dict name -> weight of that loss, a float or a scalar.
      loss: float32 scalar, the weighted sum of the losses.
      shown: ordered dict of the figures to report: loss, and below it each of the losses by its
        name, the same as above but for sums, which are divided by their counts.
    """

    gradients: List[Any]
    variables: List[Any]
    losses: Dict[str, Any]
    weights: Dict[str, Any]
    loss: Any
    shown: Dict[str, Any]


def joint_gradients(forward, features, num_micro_batches, replicas):
    """Gradients of the loss over the whole batch of an update, all replicas together.

    Args:
      forward: function of a dict of features that builds the model and returns a Forward.
      features: dict name -> [rows, ...], the rows of this replica.
      num_micro_batches: how many sequential micro-batches the rows are computed in; must divide
        them.
      replicas: an object of optimization.replicas.

    Returns:
      JointGradients. Parameters that the loss does not depend on are dropped, so they get no slots.

    Raises:
      ValueError: the loss depends on no parameter, or the rows cannot be divided.
    """
    # With several micro-batches only the denominators of this one are computed: they depend on the
    # features alone, and TensorFlow runs nothing that is not fetched.
    whole = forward(features)
    counts = {name: r.count for name, r in whole.losses.items() if r.count is not None}
    joint = replicas.sum([r.denominator for r in whole.losses.values()] + list(counts.values()))
    denominators = collections.OrderedDict(zip(whole.losses, joint))
    counts = dict(zip(counts, joint[len(denominators) :]))
    if num_micro_batches == 1:
        gradients, numerators = _gradients_of(whole, denominators)
    else:
        gradients, numerators = _accumulate(
            forward, features, num_micro_batches, whole, denominators
        )
    pairs = [(g, variable) for g, (variable, _) in zip(gradients, whole.parameters)]
    pairs = [(g, variable) for g, variable in pairs if g is not None]
    if not pairs:
        raise ValueError("the loss depends on no trainable parameter")
    sums = replicas.sum([g for g, _ in pairs] + numerators)
    numerators = dict(zip(whole.losses, sums[len(pairs) :]))
    losses, loss = _quotients(whole.losses, numerators, denominators)
    per_value, total = _quotients(whole.losses, numerators, dict(denominators, **counts))
    shown = collections.OrderedDict([("loss", total), *sorted(per_value.items())])
    variables = [variable for _, variable in pairs]
    weights = collections.OrderedDict((name, r.weight) for name, r in whole.losses.items())
    return JointGradients(sums[: len(pairs)], variables, losses, weights, loss, shown)


def _quotients(ratios, numerators, denominators):
    """(ordered dict name -> quotient, their weighted sum) of dicts by the same names."""
    quotients = collections.OrderedDict(
        (name, _quotient(numerators[name], denominators[name], ratio.epsilon))
        for name, ratio in ratios.items()
    )
    return quotients, tf.add_n([ratios[name].weight * v for name, v in quotients.items()])


def _gradients_of(micro_batch, denominators):
    """(dense gradient or None for each parameter, numerators) of one micro-batch, a Forward."""
    loss = tf.add_n(
        [
            ratio.weight * _quotient(ratio.numerator, denominators[name], ratio.epsilon)
            for name, ratio in micro_batch.losses.items()
        ]
    )
    gradients = tf.gradients(loss, [tensor for _, tensor in micro_batch.parameters])
    # Row-wise gradients are made dense: the norm over unmerged rows would be another number.
    dense = [None if g is None else tf.cast(tf.convert_to_tensor(g), tf.float32) for g in gradients]
    return dense, [ratio.numerator for ratio in micro_batch.losses.values()]


def _accumulate(forward, features, num_micro_batches, whole, denominators):
    """The sums of _gradients_of over the micro-batches, in a loop inside the graph."""
    features = {name: _split(name, value, num_micro_batches) for name, value in features.items()}
    reached = []

    def body(index, gradients, numerators):
        # Not value[index]: XLA of TensorFlow 1.15, and so a TPU, slices at constants only.
        micro_batch = forward({name: tf.gather(value, index) for name, value in features.items()})
        new, new_numerators = _gradients_of(micro_batch, denominators)
        reached[:] = [g is not None for g in new]
        gradients = [old if g is None else old + g for old, g in zip(gradients, new)]
        return [index + 1, gradients, [a + b for a, b in zip(numerators, new_numerators)]]

    zeros = [tf.zeros(variable.shape.as_list()) for variable, _ in whole.parameters]
    _, gradients, numerators = tf.while_loop(
        lambda index, *_: index < num_micro_batches,
        body,
        [tf.constant(0), zeros, [tf.zeros([]) for _ in whole.losses]],
        parallel_iterations=1,  # one micro-batch's activations in memory at a time
        back_prop=False,
        maximum_iterations=num_micro_batches,
    )
    return [g if is_reached else None for g, is_reached in zip(gradients, reached)], numerators


def _split(name, value, num_micro_batches):
    """[rows, ...] -> [num_micro_batches, rows / num_micro_batches, ...]; where sizes are not known
    before, the graph fails if they cannot be divided."""
    sizes = value.shape.as_list()
    if sizes[0] is not None and sizes[0] % num_micro_batches:
        raise ValueError(
            "{}: {} rows cannot be split into {} micro-batches".format(
                name, sizes[0], num_micro_batches
            )
        )
    of_each = None if sizes[0] is None else sizes[0] // num_micro_batches
    shape = [num_micro_batches, -1 if of_each is None else of_each]
    shape += [
        tf.shape(value)[axis] if size is None else size for axis, size in enumerate(sizes) if axis
    ]
    split = tf.reshape(value, shape)
    split.set_shape([num_micro_batches, of_each, *sizes[1:]])
    return split


def _quotient(numerator, denominator, epsilon):
    return tf.math.divide_no_nan(numerator, denominator + epsilon)
