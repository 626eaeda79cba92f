"""What a script decides about a run, and the record of it."""

import dataclasses
import json
import os
from typing import Any, Dict, List, Optional, Sequence

import tensorflow.compat.v1 as tf

from common import bounded_json
from common.errors import UserError, quoted
from common.files import write_atomically
from modeling.config import read_json_object

FILE_NAME = "run_config.json"
# What a resumed run may change, with a warning.
NOTED = (
    "learning_rate",
    "num_train_steps",
    "num_warmup_steps",
    "train_batch_size",
    "seed",
    "lip_steps",
)


@dataclasses.dataclass
class RunConfig:
    """Files, sizes and intervals of a run; lengths in tokens, intervals in steps."""

    output_dir: str
    objective: str
    train_files: List[str]
    eval_files: List[str]
    init_checkpoint: Optional[str] = None
    init_layers: Optional[List[int]] = None
    init_slots: bool = False
    max_seq_length: int = 128
    max_predictions_per_seq: int = 20
    do_train: bool = False
    do_eval: bool = False
    train_batch_size: int = 32
    eval_batch_size: int = 8
    max_eval_steps: int = 100
    save_checkpoints_steps: int = 1000
    iterations_per_loop: int = 1000
    keep_checkpoint_max: int = 5
    shuffle_buffer_size: int = 10000
    seed: int = 12345
    stop_step: Optional[int] = None
    eval_while_training: bool = False
    train_records: Optional[int] = None
    lip_steps: Optional[Sequence[float]] = None
    objective_settings: Optional[Dict[str, Any]] = None
    use_tpu: bool = False
    num_tpu_cores: int = 8
    distribution: str = "none"


def save(run_config, model_config, optimizer_config):
    """Writes the effective configuration to output_dir/run_config.json, under a temporary name
    first.

    Args:
      run_config: RunConfig.
      model_config: model config with to_dict().
      optimizer_config: a dataclass.
    """
    tf.io.gfile.makedirs(run_config.output_dir)
    content = {
        "run": dataclasses.asdict(run_config),
        "model": dict(model_config.to_dict(), activation=model_config.activation),
        "optimizer": dataclasses.asdict(optimizer_config),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(os.path.join(run_config.output_dir, FILE_NAME), text)


def saved_lip_steps(output_dir):
    """lip_steps of the training in output_dir, None where it has none.

    Raises:
      UserError: its run_config.json is damaged.
    """
    path = os.path.join(output_dir, FILE_NAME)
    if not tf.io.gfile.exists(path):
        return None
    saved = read_json_object(path, "run config", bounded_json.LIST_BYTES).get("run")
    steps = saved.get("lip_steps") if isinstance(saved, dict) else None
    is_number = [isinstance(step, (int, float)) for step in steps or ()]
    return steps if isinstance(steps, list) and is_number == [True] * 3 else None


def check_same_run(run_config, optimizer_config):
    """Refuses to go on in an output_dir with another objective or optimizer: the optimizer state
    there would not fit.

    Returns:
      List of sentences on what else has changed since.

    Raises:
      UserError: output_dir/run_config.json names others.
    """
    path = os.path.join(run_config.output_dir, FILE_NAME)
    if not tf.io.gfile.exists(path):
        return []
    try:
        saved = read_json_object(path, "run config", bounded_json.LIST_BYTES)
        before = [saved["run"]["objective"], saved["optimizer"]["optimizer"]]
        merged = dict(saved["run"], **saved["optimizer"])
        if not all(isinstance(name, str) for name in before):
            raise TypeError("no names")
    except (UserError, KeyError, TypeError):
        # The checkpoint itself is checked against the model all the same.
        return ["{} is damaged: settings of the steps before are not compared".format(path)]
    now = [run_config.objective, optimizer_config.optimizer]
    for what, old, new in zip(("objective", "optimizer"), before, now):
        if old != new:
            raise UserError(
                "output_dir {} was trained with {} {}, this run has {}; use another "
                "--output_dir and give the checkpoint as --init_checkpoint".format(
                    run_config.output_dir, what, old, new
                )
            )
    values = dict(dataclasses.asdict(run_config), **dataclasses.asdict(optimizer_config))
    # Of these a generator's sizes are no flag; the weights' shapes tell them.
    settings, before = run_config.objective_settings or {}, merged.get("objective_settings")
    settings = {name: value for name, value in settings.items() if name != "generator"}
    merged.update(before if isinstance(before, dict) else {})
    values.update(settings)
    return [
        "the steps before had --{}={}, from here on it is {}".format(
            n, quoted(merged[n]), values[n]
        )
        for n in NOTED + tuple(settings)
        if n in merged and merged[n] != values[n]
    ]
