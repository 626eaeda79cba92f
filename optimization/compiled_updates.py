"""Updates of one variable as one function that XLA compiles and that writes in place.

Ordinary operations read and write a variable, its moments and copies of its gradient several times;
an update is bound by that memory. Here each is read and written once.
"""

import functools

from common.compiled import compiled, float32, square_sum
from common.lazy_tensorflow import tf

# Variables of fewer weights are updated by ordinary operations: every shape is compiled anew, which
# takes longer than a small variable ever will.
LEAST_WEIGHTS = 65536


def update(variables, gradient, enabled, scale, settings, rule):
    """The operation that updates one variable.

    Args:
      variables: (weight, m, v), resource variables of one shape.
      gradient: float32 or bfloat16 of that shape, as it was computed.
      enabled: bool scalar; where False nothing changes, whatever the gradient holds.
      scale: float32 scalar, factor of the gradient.
      settings: float32 scalars (rate, beta_1, beta_2).
      rule: hashable function of the weight and its moments after `gradient`, all float32 of that
        shape, that gives what is subtracted from the weight, times the rate.
    """
    handles = [variable.handle for variable in variables]
    done = _in_place(rule)(*handles, gradient, enabled, scale, *settings)
    return done.op


@functools.lru_cache(maxsize=None)
def _in_place(rule):
    @compiled
    def update_in_place(weight, m, v, gradient, enabled, scale, rate, beta_1, beta_2):
        scaled = scaled_or_zero(gradient, enabled, scale)
        w = _read(weight)
        next_m = beta_1 * _read(m) + (1.0 - beta_1) * scaled
        next_v = beta_2 * _read(v) + (1.0 - beta_2) * tf.square(scaled)
        _write(weight, w - rate * rule(w, next_m, next_v))
        _write(m, next_m)
        _write(v, next_v)
        return scale

    return update_in_place


def as_computed(gradient):
    """A float32 gradient before its cast from bfloat16: half the memory to read, and the same
    numbers. One that is small or no cast is returned as it is."""
    is_large = gradient.shape.num_elements() >= LEAST_WEIGHTS
    if is_large and gradient.op.type == "Cast" and gradient.op.inputs[0].dtype == tf.bfloat16:
        return gradient.op.inputs[0]
    return gradient


def global_norm(gradients):
    """Norm of all gradients together (tf.global_norm), in float32 whatever their types: scalar."""
    squares = [tf.nn.l2_loss(g) if g.dtype == tf.float32 else _half_square(g) for g in gradients]
    return tf.sqrt(2.0 * tf.add_n(squares))


@compiled
def _half_square(x):
    return 0.5 * square_sum(x)


def scaled_or_zero(gradient, enabled, scale):
    """The float32 gradient of an update by ordinary operations: gradient * scale, zeros where not
    `enabled`; arguments as in `update`."""
    # A select, not a product with 0, which would keep a nan.
    scaled = float32(gradient) * scale
    return tf.where(tf.fill(tf.shape(scaled), enabled), scaled, tf.zeros_like(scaled))


def _read(handle):
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)


def _write(handle, value):
    return tf.raw_ops.AssignVariableOp(resource=handle, value=value)
