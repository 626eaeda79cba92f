"""What a script decides about the optimizer."""

import dataclasses


@dataclasses.dataclass
class OptimizerConfig:
    """Optimizer, schedule and clipping; steps are optimizer updates."""

    learning_rate: float
    num_train_steps: int
    num_warmup_steps: int = 0
    lr_decay_power: float = 1.0
    weight_decay_rate: float = 0.01
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-6
    clip_norm: float = 1.0
