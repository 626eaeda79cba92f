"""The numerics of a run: what its flags leave open follows from its size, and from its steps
before.
"""

import dataclasses
import os

from common import bounded_json, files
from common.errors import UserError
from common.validation import is_object
from modeling import checkpoint, kernels
from modeling.config import read_json_object
from training import plan, run_config
from training.devices import numerics


def settle(config, networks, num_train_steps):
    """The RunConfig of a run with kernels and precision settled.

    Args:
      config: RunConfig; `kernels` and `precision` may be numerics.AUTO.
      networks: see Objective.networks.
      num_train_steps: updates in all.

    Raises:
      UserError: see numerics.choose.
    """
    chosen = numerics.choose(
        config.kernels,
        config.precision,
        numerics.place_of(config.use_tpu),
        plan.training_flops(config, networks, num_train_steps),
        _before(config) if config.do_train else None,
    )
    return dataclasses.replace(config, **chosen._asdict())


def _before(config):
    """numerics.Numerics of the steps before, None where there are none."""
    path = os.path.join(config.output_dir, run_config.FILE_NAME)
    if not checkpoint.latest(config.output_dir) or not files.exists(path):
        return None
    try:
        saved = read_json_object(path, "run config", bounded_json.LIST_BYTES).get("run")
    except UserError:  # check_same_run says so
        return None
    # Earlier versions wrote none: their only ones are the defaults.
    known = {"kernels": kernels.KINDS, "precision": kernels.PRECISIONS}
    found = {name: saved.get(name) for name in known} if is_object(saved) else {}
    return numerics.Numerics(**{n: v for n, v in found.items() if v in known[n]})
