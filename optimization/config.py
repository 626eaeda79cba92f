"""What a script decides about the optimizer."""

import dataclasses

from optimization.adamw import AdamWeightDecayOptimizer
from optimization.lamb import AlbertLambOptimizer, LambOptimizer
from optimization.schedules import WARMUPS

OPTIMIZERS = {
    "adamw": AdamWeightDecayOptimizer,
    "lamb": LambOptimizer,
    "lamb_albert": AlbertLambOptimizer,
}


@dataclasses.dataclass
class OptimizerConfig:
    """Optimizer, schedule and clipping; steps are optimizer updates."""

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

    def make(self, rate, enabled=None):
        """The optimizer with learning rate `rate`; `enabled` as in WeightDecayOptimizer."""
        return OPTIMIZERS[self.optimizer](
            rate,
            weight_decay_rate=self.weight_decay_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            enabled=enabled,
        )
