"""The configuration of a run, and its record in run_config.json."""

import dataclasses
import json
import os
from typing import Any, Dict, List, Optional

from common import bounded_json, files
from common.errors import UserError, quoted
from common.outputs import write_atomically
from common.validation import check_numbers, is_object, is_text
from modeling.config import read_json_object

FILE_NAME = "run_config.json"
# Settings that a resumed run may change, with a warning.
NOTED = (
    "learning_rate",
    "num_train_steps",
    "num_warmup_steps",
    "train_batch_size",
    "seed",
    "pack",
    "precision",
    "kernels",
)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Files, sizes and intervals of a run; lengths in tokens, intervals in steps.

    Attributes:
      train_records: rows in train_files, None if unknown.
      predict_batch_size: None: eval_batch_size.
      keep_checkpoint_max: 0: all.
      objective_settings: see Objective.settings.
      records: see record_identity.describe; None: not compared.
      The others: flags of the same names.
    """

    output_dir: str
    objective: str
    train_files: List[str]
    eval_files: List[str]
    init_checkpoint: Optional[str] = None
    init_layers: Optional[List[int]] = None
    init_slots: bool = False
    allow_partial_init: bool = False
    max_seq_length: int = 128
    max_predictions_per_seq: int = 20
    do_train: bool = False
    do_eval: bool = False
    train_batch_size: int = 32
    eval_batch_size: int = 8
    predict_batch_size: Optional[int] = None
    max_eval_steps: int = 100
    save_checkpoints_steps: int = 1000
    iterations_per_loop: int = 1000
    keep_checkpoint_max: int = 5
    shuffle_buffer_size: int = 10000
    seed: int = 12345
    stop_step: Optional[int] = None
    eval_while_training: bool = False
    train_records: Optional[int] = None
    objective_settings: Optional[Dict[str, Any]] = None
    records: Optional[Dict[str, Any]] = None
    use_tpu: bool = False
    num_tpu_cores: int = 8
    distribution: str = "none"
    precision: str = "fp32"
    kernels: str = "plain"
    write_meta_graph: bool = False
    pack: bool = False

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
    return options.saved_in(_with_settings(saved) if is_object(saved) else {}, names)


def _with_settings(run):
    """The "run" of a run_config.json with the objective's settings among its own: earlier versions
    wrote some of them there."""
    settings = run.get("objective_settings")
    return dict(run, **(settings if is_object(settings) else {}))


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


def check_same_run(run_config, optimizer_config):
    """Refuses to resume in an output_dir with another objective or optimizer, as the optimizer
    state there would not fit, and with records of another vocabulary.

    Returns:
      List of sentences, one for each other setting that differs.

    Raises:
      UserError: output_dir/run_config.json names others.
    """
    path = os.path.join(run_config.output_dir, FILE_NAME)
    if not files.exists(path):
        return []
    try:
        saved = read_json_object(path, "run config", bounded_json.LIST_BYTES)
        before = [saved["run"]["objective"], saved["optimizer"]["optimizer"]]
        merged = dict(saved["run"], **saved["optimizer"])
        if not all(map(is_text, before)):
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
    notes = _compare_records(run_config, saved["run"])
    merged = _with_settings(merged)
    values = _with_settings(
        dict(dataclasses.asdict(run_config), **dataclasses.asdict(optimizer_config))
    )
    # Objects, such as the sizes of a second network, are checked by the shapes of the weights.
    settings = [n for n, v in (run_config.objective_settings or {}).items() if not is_object(v)]
    return notes + [
        "the steps before had --{}={}, from here on it is {}".format(
            n, quoted(merged[n]), values[n]
        )
        for n in (*NOTED, *settings)
        if n in merged and merged[n] != values[n]
    ]


# What follows from other records than those of the steps before.
_EFFECTS = {
    "train": ("trained", "the weights will not be those of an uninterrupted run"),
    "eval": ("evaluated", "their figures cannot be compared with that of the best checkpoint"),
}


def _compare_records(run_config, saved_run):
    """List of sentences on records that differ from those of the steps before.

    Args:
      run_config: RunConfig.
      saved_run: "run" of the run_config.json of the steps before.

    Raises:
      UserError: their vocabulary is another.
    """
    before, now = saved_run.get("records"), run_config.records
    if not is_object(before) or not now:
        return []
    vocabularies = [records.get("vocab_sha256") for records in (before, now)]
    if all(map(is_text, vocabularies)) and vocabularies[0] != vocabularies[1]:
        raise UserError(
            "output_dir {} was trained on records of another vocabulary (vocab_sha256 {}..., now "
            "{}...); use records of that one, or another --output_dir".format(
                run_config.output_dir, vocabularies[0][:12], vocabularies[1][:12]
            )
        )
    notes = []
    for use, (done, effect) in _EFFECTS.items():
        old, new = before.get(use), now[use]
        if is_object(old) and new and old.get("sha256") != new["sha256"]:
            notes.append(
                "the steps before were {} on other records ({}), from here on it is {}; {}".format(
                    done, _amount(old), _amount(new), effect
                )
            )
    return notes


def _amount(records):
    return "{} files, {} bytes".format(*(quoted(records.get(key)) for key in ("files", "bytes")))
