"""One update: gradients, clipping, optimizer, step."""

import collections

import tensorflow.compat.v1 as tf

from optimization.adamw import AdamWeightDecayOptimizer
from optimization.schedules import warmup_then_decay

# op: runs one update; learning_rate: the rate it uses; global_norm: of the gradients, unclipped.
TrainOp = collections.namedtuple("TrainOp", ["op", "learning_rate", "global_norm"])


def build_train_op(loss, parameters, config, global_step):
    """Builds the update that a training step runs.

    Args:
      loss: float32 scalar.
      parameters: list of (variable, tensor): the gradient is taken with respect to the tensor
        and applied to the variable.
      config: OptimizerConfig.
      global_step: the step counter, incremented once an update.

    Returns:
      TrainOp. The update that runs at global step s uses rate(s): the rate is read once, every
      variable's update needs it, and the counter is incremented after all updates.

    Raises:
      ValueError: the loss depends on no parameter.
    """
    rate = warmup_then_decay(
        global_step,
        config.learning_rate,
        config.num_train_steps,
        config.num_warmup_steps,
        config.lr_decay_power,
    )
    gradients, variables = compute_gradients(loss, parameters)
    clipped, norm = tf.clip_by_global_norm(gradients, config.clip_norm)
    optimizer = AdamWeightDecayOptimizer(
        rate,
        weight_decay_rate=config.weight_decay_rate,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        epsilon=config.epsilon,
    )
    # The base class increments global_step under a control dependency on every update.
    op = optimizer.apply_gradients(list(zip(clipped, variables)), global_step=global_step)
    return TrainOp(op, rate, norm)


def compute_gradients(loss, parameters):
    """Dense gradients of `loss`.

    Args:
      loss: float32 scalar.
      parameters: list of (variable, tensor).

    Returns:
      (gradients, variables), two lists of equal length. A parameter that the loss does not reach
      is left out, and so gets no slots. Row-wise gradients are made dense first: the global norm
      over unmerged rows would be another number.
    """
    found = tf.gradients(loss, [tensor for _, tensor in parameters])
    pairs = [(g, variable) for g, (variable, _) in zip(found, parameters) if g is not None]
    if not pairs:
        raise ValueError("the loss depends on no trainable parameter")
    gradients = [tf.cast(tf.convert_to_tensor(g), tf.float32) for g, _ in pairs]
    return gradients, [variable for _, variable in pairs]
