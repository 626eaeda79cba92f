"""The input of a runner."""

import dataclasses
from typing import Any, Dict, Optional

from training.devices.strategies import Devices
from training.run_config import RunConfig


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything that a runner needs; made once, never changed.

    Attributes:
      config: RunConfig.
      model_config: model config.
      objective: an object of modeling.objectives, with the options of this run.
      optimizer_config: OptimizerConfig.
      drawing: drawn_corruption.Drawing for records without masks, see masking_choice; else None.
      devices: Devices; the default is the local machine as TensorFlow sees it.
      dry_run: nothing may be written to output_dir.
      layers: distances of variables from the heads, for layer-wise rates; see
        layerwise_rates.rate_factor.
      scratch: temporary folder of copies that are in config.train_files, which stays as long as the
        run; None without.
      distillation: training.distillation.distillation.Distillation or
        training.distillation.recorded.RecordedDistillation, None without a teacher.
      weights: InitialWeights of config.init_checkpoint, where several runs share them.
    """

    config: RunConfig
    model_config: Any
    objective: Any
    optimizer_config: Any
    drawing: Any = None
    devices: Devices = dataclasses.field(default_factory=Devices)
    dry_run: bool = False
    layers: Optional[Dict[str, int]] = None
    weights: Any = None
    distillation: Any = None
    scratch: Any = None
