"""What a script decides about the optimizer."""

import dataclasses
from typing import Optional

from common.errors import UserError
from optimization.adamw import AdamWeightDecayOptimizer
from optimization.lamb import AlbertLambOptimizer, LambOptimizer
from optimization.schedules import WARMUPS

OPTIMIZERS = {
    "adamw": AdamWeightDecayOptimizer,
    "lamb": LambOptimizer,
    "lamb_albert": AlbertLambOptimizer,
}


def is_layerwise(decay):
    """Whether learning rates differ from layer to layer: layerwise_lr_decay is neither None nor
    1."""
    return decay not in (None, 1.0)


@dataclasses.dataclass
class OptimizerConfig:
    """Optimizer, schedule and clipping; steps are optimizer updates.

    layerwise_lr_decay: what the learning rate is multiplied by from layer to layer on the way down
    from the heads; None or 1: all have the same.
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

    @property
    def slot_names(self):
        """Last parts of the names of the optimizer's slots, for instance adam_m and adam_v."""
        return OPTIMIZERS[self.optimizer].SLOT_NAMES

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
        """What the learning rate of each variable is multiplied by, layerwise_lr_decay to the power
        of its distance from the heads (Clark et al. 2020, appendix B).

        Args:
          layers: ordered dict of beginnings of variable names -> int, their distance; of no use
            where rates are not layer-wise.

        Returns:
          function of a variable's name -> float, which raises UserError for a name without a
          distance; None where rates are not layer-wise.

        Raises:
          ValueError: rates are layer-wise and no distances are given.
        """
        decay = self.layerwise_lr_decay
        if not is_layerwise(decay):
            return None
        if not layers:
            raise ValueError("layer-wise learning rates need the layers' distances")

        def factor(name):
            distance = next((d for start, d in layers.items() if name.startswith(start)), None)
            if distance is None:
                raise UserError(
                    "--layerwise_lr_decay={}: variable {} is in none of the layers {}; leave it "
                    "out".format(decay, name, ", ".join(layers))
                )
            return decay**distance

        return factor

    def make(self, rate, enabled=None, layers=None):
        """The optimizer with learning rate `rate`; `enabled` as in WeightDecayOptimizer, `layers`
        as in rate_factor."""
        return OPTIMIZERS[self.optimizer](
            rate,
            weight_decay_rate=self.weight_decay_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            enabled=enabled,
            rate_factor=self.rate_factor(layers),
        )
