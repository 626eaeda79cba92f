"""The settings of an optimizer, and the optimizer that follows from them."""

import dataclasses
from typing import Optional

from common.validation import check_numbers
from optimization.layerwise_rates import rate_factor
from optimization.schedules import WARMUPS

OPTIMIZERS = ("adamw", "lamb", "lamb_albert")


def optimizer_class(name):
    """The subclass of WeightDecayOptimizer with a name of OPTIMIZERS."""
    # Imported late: its base class is TensorFlow's.
    from optimization import adamw, lamb

    classes = (adamw.AdamWeightDecayOptimizer, lamb.LambOptimizer, lamb.AlbertLambOptimizer)
    return dict(zip(OPTIMIZERS, classes))[name]


@dataclasses.dataclass
class OptimizerConfig:
    """Optimizer, schedule and clipping; steps are optimizer updates.

    Attributes:
      learning_rate: the peak of the schedule.
      num_train_steps: updates after which the learning rate is 0.
      num_warmup_steps: updates of linear warm-up, part of num_train_steps.
      optimizer: one of OPTIMIZERS.
      warmup: a key of schedules.WARMUPS: how warm-up and decay are combined.
      lr_decay_power: power of the polynomial decay; 1: linear.
      weight_decay_rate: of all weights but layer norms and biases.
      beta_1, beta_2: decay rates of the two moments.
      epsilon: added to the square root of the second moment.
      clip_norm: largest global norm of the gradients.
      gradient_accumulation_steps: sequential micro-batches of one update.
      layerwise_lr_decay: factor between the learning rates of neighbouring layers, from the heads
        down; None or 1: one rate for all.
    """

    learning_rate: float
    num_train_steps: int
    num_warmup_steps: int = 0
    optimizer: str = "adamw"
    warmup: str = "replace"
    lr_decay_power: float = 1.0
    weight_decay_rate: float = 0.01
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    clip_norm: float = 1.0
    gradient_accumulation_steps: int = 1
    layerwise_lr_decay: Optional[float] = None

    def __post_init__(self):
        """Raises UserError for a number that is nan, inf or huge."""
        check_numbers(self)

    @property
    def slot_names(self):
        """Suffixes of the optimizer's slot variables, for instance adam_m and adam_v."""
        return optimizer_class(self.optimizer).SLOT_NAMES

    def rate(self, step):
        """Learning rate of the update that runs at `step`: scalar tensor."""
        return WARMUPS[self.warmup](
            step,
            self.learning_rate,
            self.num_train_steps,
            self.num_warmup_steps,
            self.lr_decay_power,
        )

    def rate_factor(self, layers):
        """layerwise_rates.rate_factor of layerwise_lr_decay."""
        return rate_factor(self.layerwise_lr_decay, layers)

    def make(self, rate, enabled=None, layers=None, compiled_scale=None):
        """Makes the optimizer.

        Args:
          rate: learning rate, scalar tensor or float.
          enabled, compiled_scale: see WeightDecayOptimizer.
          layers: see layerwise_rates.rate_factor.

        Returns:
          a tf.train.Optimizer.
        """
        return optimizer_class(self.optimizer)(
            rate,
            weight_decay_rate=self.weight_decay_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            enabled=enabled,
            rate_factor=self.rate_factor(layers),
            compiled_scale=compiled_scale,
        )
