"""The flags of run_pretraining.py, their checks, and the request made of them."""

from absl import flags

from cli import (
    family_flags,
    model_folder,
    original_names,
    presets,
    pretraining_hparams,
    run_flags,
)
from cli.app import given_values, require
from cli.distillation import flags as distillation
from cli.help import topics
from cli.hparams import define_hparams_flags
from cli.pretraining import evaluation, family_options, model, schedule
from common import files, outputs
from common.errors import UserError
from common.log import log
from modeling.distillation.options import PretrainingDistillationOptions
from modeling.objectives import OBJECTIVES, get_objective, option_classes
from training import model_files
from training.pretraining_run import PretrainingRequest
from training.run_config import RunConfig

FLAGS = flags.FLAGS

POSITIVE = (
    "max_seq_length",
    "max_predictions_per_seq",
    "train_batch_size",
    "eval_batch_size",
    "num_train_steps",
    "num_train_epochs",
    "save_checkpoints_steps",
    "iterations_per_loop",
    "max_eval_steps",
    "gradient_accumulation_steps",
    "stop_step",
    "num_tpu_cores",
)
NOT_NEGATIVE = (
    "num_warmup_steps",
    "warmup_proportion",
    "shuffle_buffer_size",
    "keep_checkpoint_max",
    "weight_decay_rate",
    "lr_decay_power",
)
# Flags that RunConfig holds under the same names.
RUN_FLAGS = (
    "objective",
    "output_dir",
    "do_train",
    "do_eval",
    "max_seq_length",
    "max_predictions_per_seq",
    "train_batch_size",
    "eval_batch_size",
    "save_checkpoints_steps",
    "iterations_per_loop",
    "keep_checkpoint_max",
    "shuffle_buffer_size",
    "seed",
    "stop_step",
    "init_slots",
    "allow_partial_init",
    "use_tpu",
    "num_tpu_cores",
    "distribution",
    "precision",
    "kernels",
    "write_meta_graph",
    "pack",
)
# Flags that PretrainingRequest holds under the same names.
REQUEST_FLAGS = (
    "input_file",
    "eval_file",
    "vocab_file",
    "mask_prob",
    "do_predict",
    "verify_records",
    "skip_damaged_records",
    "dry_run",
)


def define():
    """All flags of the script."""
    topics.lead(
        ("input_file", "output_dir", "config_file", "do_train", "do_eval"),
        (
            "init_checkpoint",
            "preset",
            "eval_file",
            "max_seq_length",
            "max_predictions_per_seq",
            "train_batch_size",
            "learning_rate",
            "num_train_steps",
            "num_warmup_steps",
            "precision",
            "dry_run",
        ),
    )
    _define_records()
    run_flags.define_model_flags()
    run_flags.define_training_start_flags()
    flags.DEFINE_list(
        "init_layers",
        None,
        "Layers of --init_checkpoint that the model's layers start as, for instance 0,1,2.",
    )
    flags.DEFINE_bool(
        "init_slots",
        False,
        "Take the optimizer's state from --init_checkpoint, too; the step is 0.",
    )
    flags.DEFINE_string(
        "objective",
        "auto",
        "Objective of the training: {}; auto: as the records say.".format(
            ", ".join(sorted(OBJECTIVES))
        ),
    )
    _define_training()
    run_flags.define_optimizer_flags()
    run_flags.define_numerics_flags()
    run_flags.define_packing_flag()
    run_flags.define_device_flags()
    evaluation.define()
    distillation.define(PretrainingDistillationOptions, has_records=True)
    family_flags.define(option_classes())
    define_electra_flags()


def _define_records():
    topics.begin("Records")
    flags.DEFINE_string(
        "input_file", None, "TFRecord files to train on: names or globs, a comma between them."
    )
    flags.DEFINE_string(
        "eval_file",
        None,
        "TFRecord files to evaluate, all of them; with --do_train before the first step and at "
        "every checkpoint, of which the best one is kept. Several sets, each by itself: "
        "law=law/*.tfrecord,general=general/*.tfrecord; the first chooses the best checkpoint. "
        "Without it --input_file is read.",
    )
    flags.DEFINE_integer("max_seq_length", 128, "Tokens in a row, as in the records.")
    flags.DEFINE_integer(
        "max_predictions_per_seq",
        None,
        "Masked tokens in a row; default: as the records have it, or by the share that is masked.",
    )
    flags.DEFINE_float(
        "masked_lm_prob",
        None,
        "Share of the tokens to mask, where masks are drawn in training; default: as the records "
        "say.",
    )
    original_names.add_names("masked_lm_prob", "mask_prob")
    flags.DEFINE_string(
        "vocab_file", None, "Vocabulary of the records, needed where masks are drawn in training."
    )
    original_names.define_spm_model_file()
    flags.DEFINE_integer(
        "shuffle_buffer_size", 10000, "Records shuffled at a time; 0: the order of the files."
    )
    flags.DEFINE_bool(
        "verify_records", False, "Read all record files completely before training and evaluation."
    )
    flags.DEFINE_bool(
        "skip_damaged_records",
        False,
        "Leave damaged records out: --verify_records, and copies without them (output_dir/mended) "
        "are read in the place of damaged files.",
    )
    flags.DEFINE_bool(
        "do_lower_case", True, "No effect: the records decide. Google's command lines have it."
    )


def _define_training():
    topics.begin("Training")
    flags.DEFINE_bool("do_train", False, "Train.")
    flags.DEFINE_string(
        "preset", None, "Settings of a known recipe: a name in configs/pretraining, or a JSON file."
    )
    flags.DEFINE_bool("dry_run", False, "Check everything, print the plan, and stop.")
    flags.DEFINE_integer("train_batch_size", 32, "Rows of one update, on all devices together.")
    flags.DEFINE_float("learning_rate", 5e-5, "Peak of the learning rate.")
    schedule.define()
    run_flags.define_seed()
    topics.begin("Checkpoints")
    flags.DEFINE_string(
        "output_dir", None, "Directory of checkpoints and results; a run resumes from there."
    )
    flags.DEFINE_integer("save_checkpoints_steps", 1000, "Updates between checkpoints.")
    flags.DEFINE_integer("keep_checkpoint_max", 5, "Checkpoints that are kept; 0: all.")
    run_flags.define_saving_flags()


def define_electra_flags():
    """Flags of ELECTRA's original command line."""
    define_hparams_flags()
    flags.DEFINE_string(
        "data_dir",
        None,
        "Directory of everything in ELECTRA's layout: pretrain_tfrecords/pretrain_data.tfrecord*, "
        "vocab.txt and models/.",
    )
    original_names.add_names("data_dir", "data-dir")


def apply_preset():
    """Makes the values of --preset or --hparams defaults of the flags, and logs them.

    Returns:
      What pretraining_hparams.read returns, or None without ELECTRA's flags.

    Raises:
      UserError: both are given, or one of them is wrong.
    """
    if FLAGS.preset:
        for name in ("hparams", "data_dir"):
            if getattr(FLAGS, name) is not None:
                raise UserError(
                    "--preset and --{} both define the run; give one, and single flags "
                    "beside it".format(name)
                )
        for line in presets.apply(FLAGS, FLAGS.preset, in_full=FLAGS.dry_run):
            log(line)
    run_flags.check_model_directory(FLAGS.data_dir)
    if FLAGS.hparams is None and FLAGS.data_dir is None:
        return None
    values, where = pretraining_hparams.read(FLAGS.hparams or "{}")
    for line in pretraining_hparams.apply(FLAGS, values, where, FLAGS.data_dir, FLAGS.model_name):
        log(line)
    return values, where


def check(has_model):
    """Refuses flags that cannot work, and files that are not there, before any is opened.

    Args:
      has_model: bool, the model's sizes are known without --config_file.

    Raises:
      UserError: naming the flag.
    """
    run_flags.check_something_is_asked()
    records = [] if FLAGS.eval_file and not FLAGS.do_train else ["input_file"]
    is_elsewhere = has_model or model_folder.is_asked_of(FLAGS.init_checkpoint, FLAGS.output_dir)
    require(FLAGS, *records, "output_dir")
    if not is_elsewhere and not FLAGS.config_file:
        raise UserError(
            "--config_file is required, or --init_checkpoint=DIR of a model that has its config "
            "beside it"
        )
    evaluation.settle_eval_file()
    outputs.check_folder(FLAGS.output_dir, "--output_dir=" + FLAGS.output_dir)
    run_flags.check_numbers(POSITIVE, NOT_NEGATIVE)
    if FLAGS.learning_rate <= 0:
        raise UserError("--learning_rate={} must be positive".format(FLAGS.learning_rate))
    if FLAGS.masked_lm_prob is not None and not 0 < FLAGS.masked_lm_prob < 1:
        raise UserError("--masked_lm_prob={} must lie between 0 and 1".format(FLAGS.masked_lm_prob))
    run_flags.check_devices(FLAGS.dry_run)
    distillation.check(PretrainingDistillationOptions)
    for name in ("init_layers", "init_slots", "allow_partial_init"):
        if getattr(FLAGS, name) and not FLAGS.init_checkpoint:
            raise UserError("--{} needs --init_checkpoint".format(name))
    if FLAGS.objective != "auto":
        get_objective(FLAGS.objective)
    if FLAGS.input_file and not files.is_remote(FLAGS.input_file):
        files.matching(FLAGS.input_file, "--input_file")
    evaluation.check_eval_file()


def log_notes(length):
    """Logs effects of flags that are allowed, but not always intended.

    Args:
      length: Schedule.
    """
    total = length.steps
    if FLAGS.do_train and FLAGS.stop_step and total and FLAGS.stop_step > total:
        log(
            "note: --stop_step={} is above --num_train_steps={}, where training ends".format(
                FLAGS.stop_step, total
            )
        )
    if FLAGS.do_train and FLAGS.do_eval and not FLAGS.eval_file:
        log(
            "note: without --eval_file the training records are evaluated, at most "
            "--max_eval_steps={} batches; --eval_file names others".format(
                evaluation.max_eval_steps()
            )
        )


def request():
    """The request of the command line, presets and hyperparameters included.

    Returns:
      pretraining_run.PretrainingRequest.

    Raises:
      UserError: a flag is missing or wrong, flags contradict each other, or a config cannot be
        read.
    """
    original_names.take_original_names()
    hparams = apply_preset()
    distillation.start_of_layers()
    check(has_model=hparams is not None)
    length = schedule.read()
    log_notes(length)
    init_checkpoint = run_flags.initial_checkpoint()
    needed = () if hparams else ("config_file",)
    folders = model_folder.settle(init_checkpoint, FLAGS.output_dir, needed)
    config = model.model_config(hparams, init_checkpoint)
    run_flags.settle_lamb(config)
    optimizer = run_flags.make_optimizer_config(
        length.steps or schedule.TRAIN_STEPS, 0, FLAGS.learning_rate
    )
    if FLAGS.do_train and length.epochs is None:
        optimizer = length.apply(optimizer)
    given = family_options.given_options()
    return PretrainingRequest(
        config=RunConfig(
            train_files=[],
            eval_files=[],
            init_checkpoint=init_checkpoint,
            init_layers=model.parse_layers(config),
            max_eval_steps=evaluation.max_eval_steps(),
            eval_while_training=bool(FLAGS.do_train and FLAGS.do_eval and FLAGS.eval_file),
            **given_values(FLAGS, RUN_FLAGS),
        ),
        model_config=config,
        optimizer_config=optimizer,
        schedule=length,
        is_room_given=bool(FLAGS["max_predictions_per_seq"].present),
        options=given,
        options_beside=family_options.options_beside(given, folders),
        teacher=distillation.request(PretrainingDistillationOptions),
        vocab_beside=next(iter(model_files.find_vocabularies(folders)), None),
        **given_values(FLAGS, REQUEST_FLAGS),
    )
