"""Adam with decoupled weight decay, as in google-research/bert."""

import functools

from common.lazy_tensorflow import tf
from optimization.weight_decay import WeightDecayOptimizer


class AdamWeightDecayOptimizer(WeightDecayOptimizer):
    """Adam without bias correction, weight decay outside the moments.

      m = beta_1 m + (1 - beta_1) g          v = beta_2 v + (1 - beta_2) g^2
      w = w - rate * (m / (sqrt(v) + epsilon) + decay * w)

    (Loshchilov & Hutter 2019, algorithm 2, without the correction terms; optimization.py of
    google-research/bert.) Slots are named `<variable>/adam_m` and `<variable>/adam_v` as in
    released checkpoints.

      optimizer = AdamWeightDecayOptimizer(1e-4, weight_decay_rate=0.01)
      op = optimizer.apply_gradients(zip(gradients, variables), global_step=global_step)

    Arguments: see WeightDecayOptimizer.
    """

    def _update(self, grad, var):
        return var.assign_sub(self._rate_of(var) * self._direction(grad, var)).op

    def _rule(self, variable_name):
        return adam_rule(self._decay_rate if self.decays(variable_name) else 0.0, self._epsilon)

    def _update_resource(self, grad, var):
        decayed, rate = [], self._rate_of(var)
        if self.decays(var.op.name):
            # Adam's term does not depend on the weight, so decaying first still uses the old one.
            shrink = rate * self._decay_rate * var.read_value()
            decayed.append(var.assign_sub(shrink, read_value=False))
        with tf.control_dependencies(decayed):
            # One fused kernel; powers of 0 switch its bias correction off.
            return tf.raw_ops.ResourceApplyAdam(
                var=var.handle,
                m=self.get_slot(var, "m").handle,
                v=self.get_slot(var, "v").handle,
                beta1_power=0.0,
                beta2_power=0.0,
                lr=rate,
                beta1=self._beta_1,
                beta2=self._beta_2,
                epsilon=self._epsilon,
                grad=grad,
            )


@functools.lru_cache(maxsize=None)
def adam_rule(decay, epsilon):
    """The function m / (sqrt(v) + epsilon) + decay * w of w, m and v; the same object for the same
    numbers."""

    def direction(weight, m, v):
        found = m / (tf.sqrt(v) + epsilon)
        return found + decay * weight if decay else found

    return direction
