"""The configuration of a run, and its record in run_config.json."""

import dataclasses
import json
import os
from typing import Any, Dict, List, Optional

from common import bounded_json, files
from common.outputs import write_atomically
from common.validation import check_numbers, is_object
from modeling.config import read_json_object

FILE_NAME = "run_config.json"


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Files, sizes and intervals of a run; lengths in tokens, intervals in steps.

    Attributes:
      eval_files: of all sets, each once.
      eval_sets: dict name -> dict of files, records and identity (record_identity.of_files) of the
        sets that are evaluated each by itself, see evaluation_sets; None: eval_files are one.
      train_records, eval_records: rows in train_files and eval_files, None if unknown.
      max_eval_steps: of each set; None: all of it.
      max_predictions_per_seq: None: not settled yet.
      predict_batch_size: None: eval_batch_size.
      keep_checkpoint_max: 0: all.
      objective_settings: see Objective.settings.
      init_digest: what the weights of init_checkpoint are, see initial_weights.digest_of.
      records: see record_identity.describe, "eval" of the set that decides; None: not compared.
      teacher_checkpoint, teacher_digest: the same of a distillation's teacher; None without one.
      teacher_precision: of its products, see modeling.kernels.PRECISIONS.
      teacher_records, teacher_outputs: the folder of its outputs, and what they are in words; None
        where it computes in the training.
      distillation: its DistillationOptions as a dict.
      The others: flags of the same names.
    """

    output_dir: str
    objective: str
    train_files: List[str]
    eval_files: List[str]
    init_checkpoint: Optional[str] = None
    init_digest: Optional[str] = None
    init_layers: Optional[List[int]] = None
    init_slots: bool = False
    allow_partial_init: bool = False
    max_seq_length: int = 128
    max_predictions_per_seq: Optional[int] = 20
    do_train: bool = False
    do_eval: bool = False
    train_batch_size: int = 32
    eval_batch_size: int = 8
    predict_batch_size: Optional[int] = None
    max_eval_steps: Optional[int] = None
    save_checkpoints_steps: int = 1000
    iterations_per_loop: int = 1000
    keep_checkpoint_max: int = 5
    shuffle_buffer_size: int = 10000
    seed: int = 12345
    stop_step: Optional[int] = None
    eval_while_training: bool = False
    train_records: Optional[int] = None
    eval_records: Optional[int] = None
    eval_sets: Optional[Dict[str, Any]] = None
    objective_settings: Optional[Dict[str, Any]] = None
    records: Optional[Dict[str, Any]] = None
    use_tpu: bool = False
    num_tpu_cores: int = 8
    distribution: str = "none"
    precision: str = "fp32"
    kernels: str = "plain"
    write_meta_graph: bool = False
    pack: bool = False
    teacher_checkpoint: Optional[str] = None
    teacher_digest: Optional[str] = None
    teacher_precision: Optional[str] = None
    teacher_records: Optional[str] = None
    teacher_outputs: Optional[str] = None
    distillation: Optional[Dict[str, Any]] = None

    def __post_init__(self):
        """Raises UserError for a number that is nan, inf or huge."""
        check_numbers(self)


def save(run_config, model_config, optimizer_config):
    """Writes the effective configuration to output_dir/run_config.json, under a temporary name
    first.

    Args:
      run_config: RunConfig.
      model_config: model config with to_dict().
      optimizer_config: a dataclass.
    """
    files.make_directories(run_config.output_dir)
    content = {
        "run": dataclasses.asdict(run_config),
        "model": dict(model_config.to_dict(), activation=model_config.activation),
        "optimizer": dataclasses.asdict(optimizer_config),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(os.path.join(run_config.output_dir, FILE_NAME), text)


def saved_options(output_dir, options, names):
    """Options of the objective that the training in output_dir had.

    Args:
      output_dir: directory, which may be empty or not there.
      options: FamilyOptions of the objective.
      names: of the options wanted.

    Returns:
      dict name -> value, without those that run_config.json does not hold.

    Raises:
      UserError: run_config.json is damaged.
    """
    path = os.path.join(output_dir, FILE_NAME)
    if not files.exists(path):
        return {}
    saved = read_json_object(path, "run config", bounded_json.LIST_BYTES).get("run")
    return options.saved_in(with_settings(saved) if is_object(saved) else {}, names)


def with_settings(run):
    """The "run" of a run_config.json with the objective's settings among its own, where earlier
    versions wrote some of them, and those of a distillation."""
    parts = [run.get(name) for name in ("objective_settings", "distillation")]
    settings = dict(run)
    for part in filter(is_object, parts):
        settings.update(part)
    return settings


def is_evaluated_by_training(output_dir):
    """Whether the latest training in output_dir also evaluates, so that its results are its own.

    Raises:
      UserError: run_config.json is damaged.
    """
    path = os.path.join(output_dir, FILE_NAME)
    if not files.exists(path):
        return False
    run = read_json_object(path, "run config", bounded_json.LIST_BYTES).get("run")
    return bool(is_object(run) and run.get("do_eval"))
