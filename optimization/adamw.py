"""Adam with decoupled weight decay, as BERT's programs have it."""

import re

import tensorflow.compat.v1 as tf

NO_DECAY = ("LayerNorm", "layer_norm", "bias")


class AdamWeightDecayOptimizer(tf.train.Optimizer):
    """Adam without bias correction, weight decay outside the moments.

      m = beta_1 m + (1 - beta_1) g          v = beta_2 v + (1 - beta_2) g^2
      w = w - rate * (m / (sqrt(v) + epsilon) + decay * w)

    (Loshchilov & Hutter 2019, algorithm 2, without the correction terms.) Slots are named
    `<variable>/adam_m` and `<variable>/adam_v` as in released checkpoints. It overrides the
    per-variable hooks, not apply_gradients, which alone is right under tf.distribute.
    """

    def __init__(
        self,
        learning_rate,
        weight_decay_rate=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        exclude_from_weight_decay=NO_DECAY,
        name="AdamWeightDecayOptimizer",
    ):
        """`learning_rate`: scalar tensor or float; excluded names are searched as regexes."""
        super().__init__(use_locking=False, name=name)
        self._rate = learning_rate
        self._decay_rate = weight_decay_rate
        self._beta_1 = beta_1
        self._beta_2 = beta_2
        self._epsilon = epsilon
        self._exclude = tuple(exclude_from_weight_decay)
        self._rate_tensor = None

    def decays(self, variable_name):
        """Whether weight decay applies to the variable of this name."""
        return bool(self._decay_rate) and not any(
            re.search(pattern, variable_name) for pattern in self._exclude
        )

    def _create_slots(self, var_list):
        for variable in var_list:
            self._zeros_slot(variable, "m", "adam_m")
            self._zeros_slot(variable, "v", "adam_v")

    def _prepare(self):
        self._rate_tensor = tf.convert_to_tensor(self._rate, dtype=tf.float32, name="rate")

    def _resource_apply_dense(self, grad, var):
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        decayed = []
        if self.decays(var.op.name):
            # Both terms read the old weight, and Adam's does not depend on it: decay first.
            factor = self._rate_tensor * self._decay_rate
            decayed.append(var.assign_sub(factor * var.read_value(), read_value=False))
        with tf.control_dependencies(decayed):
            # One fused kernel; powers of 0 switch its bias correction off.
            return tf.raw_ops.ResourceApplyAdam(
                var=var.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=0.0,
                beta2_power=0.0,
                lr=self._rate_tensor,
                beta1=self._beta_1,
                beta2=self._beta_2,
                epsilon=self._epsilon,
                grad=grad,
            )

    def _resource_apply_sparse(self, grad, var, indices):
        # Rows without a gradient still decay and their moments still fade, as in the originals.
        rows = tf.IndexedSlices(grad, indices, dense_shape=var.shape.as_list())
        return self._resource_apply_dense(tf.convert_to_tensor(rows), var)

    def _apply_dense(self, grad, var):
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        next_m = m.assign(self._beta_1 * m + (1.0 - self._beta_1) * grad)
        next_v = v.assign(self._beta_2 * v + (1.0 - self._beta_2) * tf.square(grad))
        update = next_m / (tf.sqrt(next_v) + self._epsilon)
        if self.decays(var.op.name):
            update += self._decay_rate * var
        return var.assign_sub(self._rate_tensor * update).op

    def _apply_sparse(self, grad, var):
        return self._apply_dense(tf.convert_to_tensor(grad), var)
