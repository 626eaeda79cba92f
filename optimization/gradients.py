"""Gradients of a loss that is a sum of ratios, over parts of a batch and over replicas.

A masked-LM loss is sum(w * nll) / sum(w) over the rows of one update, wherever they are computed:
the mean of two parts' losses is another number when they hold different numbers of masks. So the
denominators are summed first, over all parts and replicas; every part then differentiates its own
numerators over the joint denominators, and the gradients of all parts just add up.
"""

import collections

import tensorflow.compat.v1 as tf

# losses: ordered dict name -> object with numerator, denominator (float32 scalars), epsilon, and
# the weight of its quotient in the sum that is differentiated; parameters: list of (variable,
# tensor), the same variables in the same order in every call.
Forward = collections.namedtuple("Forward", ["losses", "parameters"])

# gradients, variables: two lists of equal length; losses: ordered dict name -> float32 scalar;
# loss: their weighted sum.
JointGradients = collections.namedtuple(
    "JointGradients", ["gradients", "variables", "losses", "loss"]
)


def joint_gradients(forward, features, parts, replicas):
    """Gradients of the loss over the whole batch of an update, all replicas together.

    Args:
      forward: function of a dict of features that builds the model and returns a Forward.
      features: dict name -> [rows, ...], the rows of this replica.
      parts: in how many parts, one behind the other, the rows are computed; divides rows.
      replicas: an object of optimization.replicas.

    Returns:
      JointGradients, the same on every replica. A parameter that the loss does not reach is left
      out, and so gets no slots.

    Raises:
      ValueError: the loss depends on no parameter.
    """
    # With several parts only the denominators of this one are computed: they hang on the
    # features, and TensorFlow runs nothing that is not asked for.
    whole = forward(features)
    denominators = collections.OrderedDict(
        zip(whole.losses, replicas.sum([r.denominator for r in whole.losses.values()]))
    )
    if parts == 1:
        gradients, numerators = _part_gradients(whole, denominators)
    else:
        gradients, numerators = _accumulate(forward, features, parts, whole, denominators)
    pairs = [(g, variable) for g, (variable, _) in zip(gradients, whole.parameters)]
    pairs = [(g, variable) for g, variable in pairs if g is not None]
    if not pairs:
        raise ValueError("the loss depends on no trainable parameter")
    sums = replicas.sum([g for g, _ in pairs] + numerators)
    losses = collections.OrderedDict(
        (name, _quotient(numerator, denominators[name], whole.losses[name].epsilon))
        for name, numerator in zip(whole.losses, sums[len(pairs) :])
    )
    loss = tf.add_n([whole.losses[name].weight * value for name, value in losses.items()])
    return JointGradients(sums[: len(pairs)], [variable for _, variable in pairs], losses, loss)


def _part_gradients(part, denominators):
    """(dense gradients or None for each parameter, numerators) of one part."""
    loss = tf.add_n(
        [
            ratio.weight * _quotient(ratio.numerator, denominators[name], ratio.epsilon)
            for name, ratio in part.losses.items()
        ]
    )
    found = tf.gradients(loss, [tensor for _, tensor in part.parameters])
    # Row-wise gradients are made dense: the norm over unmerged rows would be another number.
    dense = [None if g is None else tf.cast(tf.convert_to_tensor(g), tf.float32) for g in found]
    return dense, [ratio.numerator for ratio in part.losses.values()]


def _accumulate(forward, features, parts, whole, denominators):
    """What _part_gradients gives, summed over the parts in a loop inside the graph."""
    features = {name: _in_parts(name, value, parts) for name, value in features.items()}
    reached = []

    def body(index, gradients, numerators):
        # Not value[index]: XLA of TensorFlow 1.15, and so a TPU, slices at constants only.
        part = forward({name: tf.gather(value, index) for name, value in features.items()})
        found, tops = _part_gradients(part, denominators)
        reached[:] = [g is not None for g in found]
        gradients = [old if g is None else old + g for old, g in zip(gradients, found)]
        return [index + 1, gradients, [old + top for old, top in zip(numerators, tops)]]

    zeros = [tf.zeros(variable.shape.as_list()) for variable, _ in whole.parameters]
    _, gradients, numerators = tf.while_loop(
        lambda index, *_: index < parts,
        body,
        [tf.constant(0), zeros, [tf.zeros([]) for _ in whole.losses]],
        parallel_iterations=1,  # one part's activations in memory at a time
        back_prop=False,
        maximum_iterations=parts,
    )
    return [g if there else None for g, there in zip(gradients, reached)], numerators


def _in_parts(name, value, parts):
    """[rows, ...] -> [parts, rows / parts, ...]."""
    rows = value.shape.as_list()[0]
    if rows is None or rows % parts:
        raise ValueError("{}: {} rows cannot be cut into {} parts".format(name, rows, parts))
    return tf.reshape(value, [parts, rows // parts] + value.shape.as_list()[1:])


def _quotient(numerator, denominator, epsilon):
    return tf.math.divide_no_nan(numerator, denominator + epsilon)
