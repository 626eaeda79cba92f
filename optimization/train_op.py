"""One update: gradients, clipping, optimizer, step."""

from typing import Any, Dict, NamedTuple

from common.lazy_tensorflow import tf
from optimization import compiled_updates
from optimization.gradients import joint_gradients


class TrainOp(NamedTuple):
    """An update and the figures of it.

    Attributes:
      op: runs one update.
      learning_rate: float32 scalar, the rate that the update uses.
      global_norm: float32 scalar, norm of the gradients before clipping.
      is_finite: bool scalar; the update takes place only where it is True.
      losses: ordered dict name -> float32 scalar.
      weights: ordered dict name -> weight of that loss, a float or a scalar.
      loss: float32 scalar, the weighted sum of the losses, which is minimized.
      shown: ordered dict of the losses to report, see gradients.JointGradients.
    """

    op: Any
    learning_rate: Any
    global_norm: Any
    is_finite: Any
    losses: Dict[str, Any]
    weights: Dict[str, Any]
    loss: Any
    shown: Dict[str, Any]


def build_train_op(forward, features, config, global_step, replicas, layers=None, compiled=False):
    """Builds the update that a training step runs.

      forward = training.model_fn.make_forward(model_config, objective, run_config, global_step)
      optimizer = OptimizerConfig(learning_rate=1e-4, num_train_steps=1000, num_warmup_steps=100)
      train = build_train_op(forward, features, optimizer, global_step, OneReplica())
      session.run([train.op, train.loss])

    Args:
      forward: function of features that returns a gradients.Forward.
      features: dict name -> [rows, ...], the rows of one update on this replica.
      config: OptimizerConfig.
      global_step: the step counter, incremented once an update.
      replicas: an object of optimization.replicas.
      layers: ordered dict of variable-name prefixes -> int, distance from the heads; needed where
        config has layer-wise rates, see layerwise_rates.rate_factor.
      compiled: whether XLA compiles the updates of variables; the same numbers but for rounding.

    Returns:
      TrainOp. The update that runs at global step s uses rate(s): the rate is read once, every
      variable's update needs it, and the counter is incremented after all updates. Gradients are
      clipped by their global norm, over all replicas together. Where that norm is not finite,
      weights and moments stay as they are and only the counter moves.

    Raises:
      ValueError: the loss depends on no parameter, or config.gradient_accumulation_steps does not
        divide the rows.
      UserError: rates are layer-wise, and a variable is in no layer.
    """
    rate = config.rate(global_step)
    joint = joint_gradients(forward, features, config.gradient_accumulation_steps, replicas)
    gradients = joint.gradients
    if compiled:
        gradients = [compiled_updates.as_computed(gradient) for gradient in gradients]
    norm = compiled_updates.global_norm(gradients) if compiled else tf.global_norm(gradients)
    is_finite = tf.math.is_finite(norm)
    scale = config.clip_norm / tf.maximum(norm, config.clip_norm) / replicas.update_shares
    if not compiled:  # else the updates themselves scale
        gradients = _scale_or_zero(gradients, scale, is_finite)
    optimizer = config.make(rate, is_finite, layers, scale if compiled else None)
    # The base class increments global_step under a control dependency on every update.
    op = optimizer.apply_gradients(list(zip(gradients, joint.variables)), global_step=global_step)
    return TrainOp(op, rate, norm, is_finite, joint.losses, joint.weights, joint.loss, joint.shown)


def _scale_or_zero(gradients, scale, is_finite):
    return tf.cond(
        is_finite,
        lambda: [g * scale for g in gradients],
        lambda: [tf.zeros_like(g) for g in gradients],
        strict=True,  # one gradient stays a list
    )
