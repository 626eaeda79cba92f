"""LAMB, in the two variants that Chinese models were trained with."""

import functools

from common.compiled import square_sum
from common.lazy_tensorflow import tf
from optimization.adamw import adam_rule
from optimization.weight_decay import WeightDecayOptimizer


class LambOptimizer(WeightDecayOptimizer):
    """LAMB as in ymcui/LAMB_Optimizer_TF, with which BERT-wwm and MacBERT were trained.

      u = m / (sqrt(v) + epsilon) + decay * w        (moments as in Adam, not corrected)
      w = w - rate * (|w| / |u|) * u

    (You et al. 2020, algorithm 2, with phi(x) = x and without bias correction.) The trust ratio
    |w| / |u| applies to every variable, layer norms and biases included; it is 1 where one of the
    norms is 0. Slots are named `<variable>/lamb_m` and `<variable>/lamb_v`.

      optimizer = LambOptimizer(4e-4, weight_decay_rate=0.01)
      op = optimizer.apply_gradients(zip(gradients, variables), global_step=global_step)

    Arguments: see WeightDecayOptimizer.
    """

    SLOT_NAMES = ("lamb_m", "lamb_v")

    def _update(self, grad, var):
        direction = self._direction(grad, var)
        rate = self._rate_of(var)
        if self._has_ratio(var.op.name):
            rate *= trust_ratio(tf.norm(var), tf.norm(direction))
        return var.assign_sub(rate * direction)

    def _rule(self, variable_name):
        decay = self._decay_rate if self.decays(variable_name) else 0.0
        return lamb_rule(decay, self._epsilon, self._has_ratio(variable_name))

    def _has_ratio(self, variable_name):
        del variable_name
        return True


class AlbertLambOptimizer(LambOptimizer):
    """LAMB as in google-research/albert: variables without decay have no trust ratio; slots are
    named adam_m and adam_v."""

    SLOT_NAMES = ("adam_m", "adam_v")

    def _has_ratio(self, variable_name):
        return self.decays(variable_name)


def trust_ratio(weight_norm, update_norm):
    """weight_norm / update_norm, 1 where one of them is 0: float32 scalars."""
    both = tf.logical_and(weight_norm > 0.0, update_norm > 0.0)
    # A divisor other than 0: tf.where evaluates both sides.
    safe = tf.where(both, update_norm, tf.ones_like(update_norm))
    return tf.where(both, weight_norm / safe, tf.ones_like(weight_norm))


@functools.lru_cache(maxsize=None)
def lamb_rule(decay, epsilon, has_ratio):
    """adam_rule, times the trust ratio if there is one."""
    direction = adam_rule(decay, epsilon)

    def scaled(weight, m, v):
        found = direction(weight, m, v)
        if not has_ratio:
            return found
        norms = [tf.sqrt(square_sum(each)) for each in (weight, found)]
        return found * trust_ratio(*norms)

    return scaled
