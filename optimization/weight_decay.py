"""The common base of Adam with decoupled weight decay and of LAMB."""

import re

from common.lazy_tensorflow import tf
from optimization import compiled_updates

NO_DECAY = ("LayerNorm", "layer_norm", "bias")


class WeightDecayOptimizer(tf.train.Optimizer):
    """Two moments per variable, weight decay chosen by name, and updates that can be disabled.

    Subclasses give SLOT_NAMES and `_update`. They override the hooks for one variable, never
    apply_gradients: an optimizer that overrides it trains every replica of a tf.distribute
    strategy separately.
    """

    SLOT_NAMES = ("adam_m", "adam_v")

    def __init__(
        self,
        learning_rate,
        weight_decay_rate=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        exclude_from_weight_decay=NO_DECAY,
        enabled=None,
        rate_factor=None,
        compiled_scale=None,
        name=None,
    ):
        """Makes the optimizer.

        Args:
          learning_rate: scalar tensor or float.
          weight_decay_rate, beta_1, beta_2, epsilon: floats.
          exclude_from_weight_decay: regexes searched in variable names.
          enabled: bool scalar tensor; while it is False an update changes neither weights nor
            moments, and the gradients must be zeros. None = always True.
          rate_factor: function of a variable's name -> float, factor of its learning rate; None: 1
            for all.
          compiled_scale: float32 scalar tensor, factor of the gradients; with it XLA compiles the
            updates (see compiled_updates), and gradients need not be zeros where `enabled` is
            False. None: ordinary operations, no factor.
          name: name of the operation.
        """
        super().__init__(use_locking=False, name=name or type(self).__name__)
        self._rate = learning_rate
        self._decay_rate = weight_decay_rate
        self._betas = (beta_1, beta_2)
        self._epsilon = epsilon
        self._exclude = tuple(exclude_from_weight_decay)
        self._enabled = enabled
        self._rate_factor = rate_factor
        self._compiled_scale = compiled_scale
        self._rate_tensor = self._beta_1 = self._beta_2 = None

    def decays(self, variable_name):
        """Whether weight decay applies to the variable of this name."""
        return bool(self._decay_rate) and not any(
            re.search(pattern, variable_name) for pattern in self._exclude
        )

    def _rate_of(self, var):
        """Learning rate of one variable: float32 scalar tensor."""
        if self._rate_factor is None:
            return self._rate_tensor
        return self._rate_tensor * self._rate_factor(var.op.name)

    def _create_slots(self, var_list):
        for variable in var_list:
            for key, name in zip("mv", self.SLOT_NAMES):
                self._zeros_slot(variable, key, name)

    def _prepare(self):
        # A rate of 0 and moments that decay by nothing: an update without effect, and without a
        # branch around every variable.
        self._rate_tensor = self._if_enabled(self._rate, 0.0)
        self._beta_1 = self._if_enabled(self._betas[0], 1.0)
        self._beta_2 = self._if_enabled(self._betas[1], 1.0)

    def _if_enabled(self, value, otherwise):
        value = tf.convert_to_tensor(value, dtype=tf.float32)
        if self._enabled is None:
            return value
        return tf.where(self._enabled, value, tf.constant(otherwise, tf.float32))

    def _moments(self, grad, var):
        """Updated (m, v) of one variable."""
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        next_m = m.assign(self._beta_1 * m + (1.0 - self._beta_1) * grad)
        next_v = v.assign(self._beta_2 * v + (1.0 - self._beta_2) * tf.square(grad))
        return next_m, next_v

    def _direction(self, grad, var):
        """m / (sqrt(v) + epsilon) + decay * w, with the moments that include `grad`."""
        m, v = self._moments(grad, var)
        direction = m / (tf.sqrt(v) + self._epsilon)
        return direction + self._decay_rate * var if self.decays(var.op.name) else direction

    def _update(self, grad, var):
        """The operation that updates one variable."""
        raise NotImplementedError

    def _update_resource(self, grad, var):
        """_update of a resource variable."""
        return self._update(grad, var)

    def _rule(self, variable_name):
        """The `rule` of compiled_updates.update for the variable of this name."""
        raise NotImplementedError

    def _apply_dense(self, grad, var):
        return self._update(grad, var)

    def _resource_apply_dense(self, grad, var):
        scale = self._compiled_scale
        if scale is None:
            return self._update_resource(grad, var)
        enabled = tf.constant(True) if self._enabled is None else self._enabled
        if var.shape.num_elements() < compiled_updates.LEAST_WEIGHTS:
            grad = compiled_updates.scaled_or_zero(grad, enabled, scale)
            return self._update_resource(grad, var)
        return compiled_updates.update(
            (var, self.get_slot(var, "m"), self.get_slot(var, "v")),
            grad,
            enabled,
            scale,
            (self._rate_of(var), self._beta_1, self._beta_2),
            self._rule(var.op.name),
        )

    def _apply_sparse(self, grad, var):
        return self._apply_dense(tf.convert_to_tensor(grad), var)

    def _resource_apply_sparse(self, grad, var, indices):
        # Weights and moments of rows without a gradient decay all the same, as in the originals.
        rows = tf.IndexedSlices(grad, indices, dense_shape=var.shape.as_list())
        return self._resource_apply_dense(tf.convert_to_tensor(rows), var)
