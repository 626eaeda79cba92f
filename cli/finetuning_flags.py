"""The flags of run_finetuning.py, their checks before any file is opened, and the request that they
make."""

import dataclasses
import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

from absl import flags

from cli import (
    family_flags,
    finetuning_hparams,
    model_folder,
    original_names,
    pretraining_hparams,
    run_flags,
)
from cli.app import require
from cli.distillation import flags as distillation
from cli.help import topics
from cli.hparams import define_hparams_flags
from common import outputs
from common.errors import UserError
from common.log import log
from finetuning.registry import TASK_NAMES, option_classes, registered_name
from modeling.distillation.options import DistillationOptions

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
    "num_train_steps",
)
NOT_NEGATIVE = (
    "keep_checkpoint_max",
    "warmup_proportion",
    "num_warmup_steps",
    "weight_decay_rate",
    "lr_decay_power",
)
SHORTEST_ROW = 8


def define():
    """All flags of the script."""
    topics.lead(
        ("task_name", "data_dir", "config_file", "vocab_file", "init_checkpoint", "output_dir")
        + ("do_train", "do_eval", "do_predict"),
        (
            "max_seq_length",
            "train_batch_size",
            "learning_rate",
            "num_train_epochs",
            "num_trials",
            "seed",
            "label_column",
            "text_columns",
        ),
    )
    _define_task()
    run_flags.define_model_flags()
    _define_tokenizer()
    run_flags.define_training_start_flags()
    _define_training()
    run_flags.define_optimizer_flags()
    FLAGS.set_default("warmup", None)  # the task's defaults may set it
    flags.DEFINE_float(
        "layerwise_lr_decay",
        None,
        "Factor of the rate from layer to layer on the way down; default: the task's, for ELECTRA "
        "0.8, else 1.",
    )
    run_flags.define_numerics_flags()
    run_flags.define_packing_flag()
    run_flags.define_device_flags()
    _define_evaluation()
    distillation.define(DistillationOptions)
    family_flags.define(option_classes())
    original_names.add_names("text_columns", "text_column")
    original_names.define_reading_names()
    define_electra_flags()


def _define_task():
    topics.begin("Task and examples")
    flags.DEFINE_list(
        "task_name",
        None,
        "Task, or several with commas between, trained at once, each in its folder of --data_dir: "
        "{}.".format(", ".join(TASK_NAMES)),
    )
    flags.DEFINE_string("data_dir", None, "Folder of the task's files: train, dev and test.")
    flags.DEFINE_string(
        "train_file",
        None,
        "File to train on, in place of the one in --data_dir. Without --task_name the flags are "
        "those of run_squad.py: the task is squadv1, or squad by --version_2_with_negative.",
    )
    flags.DEFINE_string(
        "eval_file", None, "File to evaluate on, in place of the dev file in --data_dir."
    )
    original_names.add_names("eval_file", "dev_file")
    flags.DEFINE_string(
        "predict_file",
        None,
        "File to predict, in place of the test file in --data_dir; without --data_dir --do_eval "
        "reads it, too.",
    )
    flags.DEFINE_list("labels", None, "Labels of --task_name=tsv or multi_label, by number.")
    flags.DEFINE_bool(
        "verbose_logging", False, "No effect: nothing more is logged. run_squad.py has it."
    )
    topics.place(topics.OTHER_NAMES, "verbose_logging")


def _define_tokenizer():
    flags.DEFINE_string(
        "vocab_file", None, "Vocabulary of the model: vocab.txt, or a SentencePiece model."
    )
    original_names.define_spm_model_file()
    flags.DEFINE_bool(
        "do_lower_case",
        None,
        "Lower-case the texts, as in pre-training. Default: as in training where that is over, "
        "else true.",
    )
    model_folder.define_text_flags("as the model's data were, where they say so, else false")
    flags.DEFINE_integer("max_seq_length", None, "Tokens in a row; default: the task's.")


def _define_training():
    topics.begin("Training")
    flags.DEFINE_bool("do_train", False, "Train; with --do_eval the best checkpoint is kept.")
    flags.DEFINE_integer("train_batch_size", None, "Rows of one update; default: the task's.")
    flags.DEFINE_float("learning_rate", None, "Peak of the learning rate; default: the task's.")
    flags.DEFINE_float("num_train_epochs", None, "Passes over the examples; default: the task's.")
    flags.DEFINE_integer("num_train_steps", None, "Updates in all, in place of --num_train_epochs.")
    original_names.add_names("num_train_steps", "train_step")
    flags.DEFINE_float("warmup_proportion", 0.1, "Share of the updates over which the rate rises.")
    flags.DEFINE_integer(
        "num_warmup_steps", None, "Updates over which the rate rises, in place of the proportion."
    )
    original_names.add_names("num_warmup_steps", "warmup_step")
    flags.DEFINE_integer("num_trials", 1, "Runs to make, each with the next seed from --seed on.")
    run_flags.define_seed()
    topics.begin("Checkpoints")
    flags.DEFINE_string(
        "output_dir", None, "Directory of checkpoints and results; a run resumes from there."
    )
    flags.DEFINE_integer(
        "save_checkpoints_steps", None, "Updates from checkpoint to checkpoint; default: an epoch."
    )
    flags.DEFINE_integer(
        "keep_checkpoint_max", 1, "Checkpoints that are kept beside the best one; 0: all."
    )
    run_flags.define_saving_flags()


def _define_evaluation():
    topics.begin("Evaluation and prediction")
    flags.DEFINE_bool(
        "do_eval",
        False,
        "Evaluate on the dev examples: in training each checkpoint; later all that a training "
        "without evaluation has left, to choose the best.",
    )
    flags.DEFINE_integer("eval_batch_size", 32, "Rows in a batch of evaluation.")
    flags.DEFINE_bool("do_predict", False, "Predict the test examples.")
    flags.DEFINE_integer(
        "predict_batch_size", None, "Rows in a batch of prediction; default: --eval_batch_size."
    )


def define_electra_flags():
    """Flags of ELECTRA's original command line."""
    define_hparams_flags()
    flags.DEFINE_string(
        "data-dir",
        None,
        "Directory of everything in ELECTRA's layout: vocab.txt, finetuning_data/TASK and "
        "models/MODEL_NAME.",
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
      teacher: training.distillation.distillation.TeacherRequest, None without a teacher.
    """

    task_names: Tuple[str, ...]
    typed_names: Tuple[str, ...]
    data_dir: str
    labels: Optional[Tuple[str, ...]]
    config_file: Optional[str]
    gelu: str
    output_dir: str
    do_train: bool
    do_eval: bool
    do_predict: bool
    max_seq_length: Optional[int]
    do_lower_case: Optional[bool]
    normalize_quotes: Optional[bool]
    t2s: Optional[bool]
    train_batch_size: Optional[int]
    eval_batch_size: int
    predict_batch_size: Optional[int]
    learning_rate: Optional[float]
    layerwise_lr_decay: Optional[float]
    num_train_epochs: Optional[float]
    warmup: Optional[str]
    warmup_proportion: float
    num_train_steps: Optional[int]
    num_warmup_steps: Optional[int]
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
    teacher: Any

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
        teacher=distillation.request(DistillationOptions),
    )


def _settle_files():
    """Names the task of run_squad.py's flags, and --data_dir where only files are given.

    Raises:
      UserError: a file is for one of several tasks, or one more is needed.
    """
    given = [name for name in ("train_file", "eval_file", "predict_file") if FLAGS[name].value]
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
        (FLAGS.do_eval, ("eval_file", "predict_file"), "do_eval"),
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
    chosen = {"train": FLAGS.train_file, "dev": FLAGS.eval_file, "test": FLAGS.predict_file}
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
      has_model: whether hyperparameters give the model's sizes, without --config_file.

    Raises:
      UserError: naming the flag.
    """
    run_flags.check_something_is_asked()
    config = [] if has_model else ["config_file"]
    is_elsewhere = model_folder.is_asked_of(FLAGS.init_checkpoint, FLAGS.output_dir)
    of_model = [] if is_elsewhere else [*config, "vocab_file"]
    require(FLAGS, "task_name", "data_dir", *of_model, "output_dir")
    if len(set(map(registered_name, FLAGS.task_name))) < len(FLAGS.task_name):
        raise UserError("--task_name={} names a task twice".format(",".join(FLAGS.task_name)))
    outputs.check_folder(FLAGS.output_dir, "--output_dir=" + FLAGS.output_dir)
    run_flags.check_numbers(POSITIVE, NOT_NEGATIVE)
    run_flags.check_devices()
    distillation.check(DistillationOptions)
    if FLAGS.warmup_proportion >= 1:
        raise UserError("--warmup_proportion={} must be below 1".format(FLAGS.warmup_proportion))
    for steps, share in (
        ("num_train_steps", "num_train_epochs"),
        ("num_warmup_steps", "warmup_proportion"),
    ):
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
    """The model config of --config_file, else of ELECTRA's hyperparameters.

    Args:
      request: FinetuningRequest.
      init_checkpoint: what run_flags.initial_checkpoint returned.

    Raises:
      UserError: see run_flags.read_model_config.
    """
    length = request.max_seq_length or SHORTEST_ROW
    if request.hparams is None or FLAGS.config_file:
        return run_flags.read_model_config(length, init_checkpoint)
    hparams = request.hparams
    model_config = pretraining_hparams.model_config(hparams.values, hparams.where, request.gelu)
    run_flags.check_length(model_config, length)
    return model_config
