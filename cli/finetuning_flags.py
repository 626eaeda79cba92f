"""The flags of run_finetuning.py, their checks before any file is opened, and the request that they
make."""

import dataclasses
import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

from absl import flags

from cli import (
    family_flags,
    finetuning_hparams,
    original_names,
    pretraining_hparams,
    run_flags,
)
from cli.app import require
from cli.hparams import define_hparams_flags
from common import outputs
from common.errors import UserError
from common.log import log
from finetuning.registry import TASK_NAMES, option_classes, registered_name

FLAGS = flags.FLAGS

POSITIVE = (
    "max_seq_length",
    "train_batch_size",
    "eval_batch_size",
    "learning_rate",
    "num_train_epochs",
    "num_trials",
    "predict_batch_size",
    "save_checkpoints_steps",
    "gradient_accumulation_steps",
    "num_tpu_cores",
    "iterations_per_loop",
    "train_step",
)
NOT_NEGATIVE = (
    "keep_checkpoint_max",
    "warmup_proportion",
    "warmup_step",
    "weight_decay_rate",
    "lr_decay_power",
)
SHORTEST_ROW = 8


def define():
    """All flags of the script."""
    run_flags.define_model_flags()
    run_flags.define_training_start_flags()
    run_flags.define_optimizer_flags()
    FLAGS.set_default("warmup", None)  # the task's defaults may set it
    run_flags.define_device_flags()
    run_flags.define_numerics_flags()
    run_flags.define_saving_flags()
    run_flags.define_packing_flag()
    flags.DEFINE_list(
        "task_name",
        None,
        "One of {}; or several with commas between, trained at once, each in its folder of "
        "--data_dir.".format(", ".join(TASK_NAMES)),
    )
    flags.DEFINE_string("data_dir", None, "Folder of the task's files: train, dev and test.")
    flags.DEFINE_string(
        "train_file",
        None,
        "File to train on, in place of the one in --data_dir. Without --task_name the flags are "
        "those of run_squad.py: the task is squadv1, or squad by --version_2_with_negative.",
    )
    flags.DEFINE_string(
        "predict_file",
        None,
        "File that --do_predict reads in place of the test file in --data_dir; without "
        "--data_dir --do_eval reads it, too.",
    )
    flags.DEFINE_string(
        "dev_file", None, "File that --do_eval reads in place of the one in --data_dir."
    )
    flags.DEFINE_bool(
        "verbose_logging", False, "Accepted for run_squad.py's command lines; logs nothing more."
    )
    flags.DEFINE_list("labels", None, "The labels of --task_name=tsv or multi_label, by number.")
    flags.DEFINE_string("vocab_file", None, "The model's vocab.txt or SentencePiece model.")
    original_names.define_spm_model_file()
    flags.DEFINE_bool(
        "do_lower_case",
        None,
        "As the model was trained. Default: as in training where that is over, else true.",
    )
    flags.DEFINE_string("output_dir", None, "Where checkpoints and results go; resumes from there.")
    flags.DEFINE_bool("do_train", False, "Train; with --do_eval the best checkpoint is kept.")
    flags.DEFINE_bool(
        "do_eval",
        False,
        "Evaluate on the dev examples: in training each checkpoint; later all that a training "
        "without evaluation has left, to choose the best.",
    )
    flags.DEFINE_bool("do_predict", False, "Predict the test examples.")
    flags.DEFINE_integer("max_seq_length", None, "Pieces in a row; default: the task's.")
    flags.DEFINE_integer("train_batch_size", None, "Rows of one update; default: the task's.")
    flags.DEFINE_integer("eval_batch_size", 32, "Rows in a batch of evaluation.")
    flags.DEFINE_integer(
        "predict_batch_size", None, "Rows in a batch of prediction; default: --eval_batch_size."
    )
    flags.DEFINE_float("learning_rate", None, "Peak learning rate; default: the task's.")
    flags.DEFINE_float(
        "layerwise_lr_decay",
        None,
        "What the rate is multiplied by from layer to layer on the way down; default: the task's, "
        "for ELECTRA 0.8, else 1.",
    )
    flags.DEFINE_float("num_train_epochs", None, "Passes over the examples; default: the task's.")
    flags.DEFINE_float("warmup_proportion", 0.1, "Share of the updates over which the rate rises.")
    flags.DEFINE_integer(
        "train_step", None, "Updates in all, google-research/albert's way to give them, instead."
    )
    flags.DEFINE_integer(
        "warmup_step", None, "Updates over which the rate rises, instead of the proportion."
    )
    flags.DEFINE_integer("num_trials", 1, "Runs with the seeds --seed, --seed + 1, ...")
    flags.DEFINE_integer("seed", 12345, "Seed of weights, dropout and shuffling.")
    flags.DEFINE_integer(
        "save_checkpoints_steps", None, "Updates from checkpoint to checkpoint; default: an epoch."
    )
    flags.DEFINE_integer(
        "keep_checkpoint_max", 1, "Checkpoints that are kept beside the best one; 0: all."
    )
    family_flags.define(option_classes())
    flags.DEFINE_alias("text_column", "text_columns")
    original_names.define_reading_names()
    define_electra_flags()


def define_electra_flags():
    """Flags of ELECTRA's original command line."""
    define_hparams_flags()
    flags.DEFINE_string(
        "data-dir",
        None,
        "ELECTRA's directory: vocab.txt, finetuning_data/TASK and models/MODEL_NAME.",
    )


class Hparams(NamedTuple):
    """ELECTRA's hyperparameters.

    Attributes:
      values, where: of hparams.read.
      results_dir: folder of results; None without --data-dir.
    """

    values: Dict[str, Any]
    where: str
    results_dir: Optional[str]


@dataclasses.dataclass(frozen=True)
class FinetuningRequest:
    """The run that the user asked for. A field that is called like a flag has its value; None: the
    trained model, the task or the program decides.

    Attributes:
      task_names: names in the registry.
      typed_names: the same as the user wrote them, which is how folders of several tasks are named.
      task_options: options of kinds of tasks (registry.option_classes) that are given, by name.
      typed_options: names of those on the command line itself.
      hparams: None without ELECTRA's flags.
      given_files: dict split -> file that is read in place of the one in data_dir.
    """

    task_names: Tuple[str, ...]
    typed_names: Tuple[str, ...]
    data_dir: str
    labels: Optional[Tuple[str, ...]]
    bert_config_file: Optional[str]
    gelu: str
    output_dir: str
    do_train: bool
    do_eval: bool
    do_predict: bool
    max_seq_length: Optional[int]
    do_lower_case: Optional[bool]
    train_batch_size: Optional[int]
    eval_batch_size: int
    predict_batch_size: Optional[int]
    learning_rate: Optional[float]
    layerwise_lr_decay: Optional[float]
    num_train_epochs: Optional[float]
    warmup: Optional[str]
    warmup_proportion: float
    train_step: Optional[int]
    warmup_step: Optional[int]
    num_trials: int
    seed: int
    save_checkpoints_steps: Optional[int]
    keep_checkpoint_max: int
    allow_partial_init: bool
    iterations_per_loop: int
    use_tpu: bool
    num_tpu_cores: int
    distribution: str
    precision: str
    kernels: str
    write_meta_graph: bool
    pack: bool
    task_options: Dict[str, Any]
    typed_options: Tuple[str, ...]
    hparams: Optional[Hparams]
    given_files: Dict[str, str]

    @property
    def test_batch_size(self):
        """Rows in a batch of the test examples."""
        return self.predict_batch_size or self.eval_batch_size

    @property
    def has_several_tasks(self):
        """Whether several tasks are trained at once."""
        return len(self.task_names) > 1

    def task_dir(self, task_name):
        """Folder of a task's files: --data_dir, with several tasks a folder in it."""
        if not self.has_several_tasks:
            return self.data_dir
        typed = dict(zip(self.task_names, self.typed_names))
        return os.path.join(self.data_dir, typed[task_name])

    def trial_dirs(self):
        """Output directory of each trial: --output_dir, with several trials folders in it."""
        if self.num_trials == 1:
            return [self.output_dir]
        names = ("trial_{}".format(number) for number in range(self.num_trials))
        return [os.path.join(self.output_dir, name) for name in names]


def request():
    """FinetuningRequest of the parsed flags; logs what hyperparameters change.

    Raises:
      UserError: a flag is missing or out of range, or flags contradict each other.
    """
    original_names.take_original_names()
    hparams = _apply_hparams()
    data_dir = FLAGS.data_dir
    _settle_files()
    _check(has_model=hparams is not None)
    options = {n: v for n, v in _given_options().items() if v is not None}
    names = {field.name for field in dataclasses.fields(FinetuningRequest)}
    names -= {"hparams", "given_files"}
    return FinetuningRequest(
        **{name: _frozen(FLAGS[name].value) for name in names if name in FLAGS},
        task_names=tuple(map(registered_name, FLAGS.task_name)),
        typed_names=tuple(FLAGS.task_name),
        task_options=options,
        typed_options=tuple(name for name in options if FLAGS[name].present),
        hparams=hparams,
        given_files=_given_files(data_dir),
    )


def _settle_files():
    """Names the task of run_squad.py's flags, and --data_dir where only files are given.

    Raises:
      UserError: a file is for one of several tasks, or one more is needed.
    """
    given = [name for name in ("train_file", "dev_file", "predict_file") if FLAGS[name].value]
    if not given:
        return
    if not FLAGS.task_name:
        FLAGS.task_name = ["squad" if FLAGS.version_2_with_negative else "squadv1"]
        log("task {}, by the flags of run_squad.py".format(FLAGS.task_name[0]))
    if len(FLAGS.task_name) > 1:
        raise UserError("--{} is for one task; give --data_dir instead".format(given[0]))
    if FLAGS.data_dir:
        return
    for is_asked, needed, flag in (
        (FLAGS.do_train, ("train_file",), "do_train"),
        (FLAGS.do_eval, ("dev_file", "predict_file"), "do_eval"),
        (FLAGS.do_predict, ("predict_file",), "do_predict"),
    ):
        if is_asked and not set(needed) & set(given):
            names = " or ".join("--" + name for name in needed)
            raise UserError("--{} needs {} or --data_dir".format(flag, names))
    FLAGS.data_dir = os.path.dirname(FLAGS[given[0]].value) or "."


def _given_files(data_dir):
    """dict split -> file given by its name.

    Args:
      data_dir: --data_dir as the user gave it, or None.
    """
    chosen = {"train": FLAGS.train_file, "dev": FLAGS.dev_file, "test": FLAGS.predict_file}
    if not data_dir:
        chosen["dev"] = chosen["dev"] or FLAGS.predict_file
    return {split: path for split, path in chosen.items() if path}


def _given_options():
    """dict option of a kind of tasks -> value, None without one.

    Raises:
      UserError: a value is out of range.
    """
    for option_class in option_classes():
        option_class.of(family_flags.given(FLAGS, [option_class]), option_class.title)
    return family_flags.given(FLAGS, option_classes())


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


def _apply_hparams():
    """Makes hyperparameters the defaults of flags, and logs them.

    Returns:
      Hparams, or None without ELECTRA's flags.

    Raises:
      UserError: the flags contradict each other, or a hyperparameter is wrong.
    """
    root = FLAGS["data-dir"].value
    if root is not None and FLAGS.data_dir is not None:
        raise UserError(
            "--data-dir is ELECTRA's directory of everything and --data_dir the folder of a "
            "task's files; give one of them"
        )
    run_flags.check_model_directory(root)
    if FLAGS.hparams is None and root is None:
        return None
    values, where = finetuning_hparams.read(FLAGS.hparams or "{}")
    for line in finetuning_hparams.apply(FLAGS, values, where, root, FLAGS.model_name):
        log(line)
    results = root and os.path.join(root, "models", FLAGS.model_name, "results")
    return Hparams(values, where, results)


def _check(has_model):
    """Refuses flags that cannot work.

    Args:
      has_model: whether hyperparameters give the model's sizes, without --bert_config_file.

    Raises:
      UserError: naming the flag.
    """
    run_flags.check_something_is_asked()
    config = [] if has_model else ["bert_config_file"]
    require(FLAGS, "task_name", "data_dir", *config, "vocab_file", "output_dir")
    if len(set(map(registered_name, FLAGS.task_name))) < len(FLAGS.task_name):
        raise UserError("--task_name={} names a task twice".format(",".join(FLAGS.task_name)))
    outputs.check_folder(FLAGS.output_dir, "--output_dir=" + FLAGS.output_dir)
    run_flags.check_numbers(POSITIVE, NOT_NEGATIVE)
    run_flags.check_devices()
    if FLAGS.warmup_proportion >= 1:
        raise UserError("--warmup_proportion={} must be below 1".format(FLAGS.warmup_proportion))
    for steps, share in (("train_step", "num_train_epochs"), ("warmup_step", "warmup_proportion")):
        if FLAGS[steps].present and FLAGS[share].present:
            raise UserError("--{} and --{} both say how long; remove one".format(steps, share))
    decay = FLAGS.layerwise_lr_decay
    if decay is not None and not 0 < decay <= 1:
        raise UserError("--layerwise_lr_decay={} must be above 0 and at most 1".format(decay))
    if FLAGS.allow_partial_init and not FLAGS.init_checkpoint:
        raise UserError("--allow_partial_init needs --init_checkpoint")
    if FLAGS.labels and len(FLAGS.task_name) > 1:
        raise UserError("--labels is for one task; write labels.txt into the tasks' folders")


def read_model_config(request, init_checkpoint):
    """The model config of --bert_config_file, else of ELECTRA's hyperparameters.

    Args:
      request: FinetuningRequest.
      init_checkpoint: what run_flags.initial_checkpoint returned.

    Raises:
      UserError: see run_flags.read_model_config.
    """
    length = request.max_seq_length or SHORTEST_ROW
    if request.hparams is None or request.bert_config_file:
        return run_flags.read_model_config(length, init_checkpoint)
    hparams = request.hparams
    model_config = pretraining_hparams.model_config(hparams.values, hparams.where, request.gelu)
    run_flags.check_length(model_config, length)
    return model_config
