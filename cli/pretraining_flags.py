"""The flags of run_pretraining.py, and what is checked of them before any file is opened."""

from absl import flags

from cli import presets, pretraining_hparams, run_flags
from cli.app import require
from common.errors import UserError
from common.log import log
from modeling.objectives import OBJECTIVES, get_objective
from modeling.objectives.electra_options import NUMBERS, SWITCHES

FLAGS = flags.FLAGS
PREDICTIONS_FILE = "predictions.jsonl"

POSITIVE = (
    "max_seq_length",
    "max_predictions_per_seq",
    "train_batch_size",
    "eval_batch_size",
    "num_train_steps",
    "save_checkpoints_steps",
    "iterations_per_loop",
    "max_eval_steps",
    "keep_checkpoint_max",
    "gradient_accumulation_steps",
    "stop_step",
    "num_tpu_cores",
)
NOT_NEGATIVE = ("num_warmup_steps", "shuffle_buffer_size", "weight_decay_rate", "lr_decay_power")
# What the flags of ELECTRA's options do.
ELECTRA_HELP = {
    "gen_weight": "ELECTRA: weight of the generator's loss; 1.",
    "disc_weight": "ELECTRA: weight of the discriminator's loss; 50.",
    "temperature": "ELECTRA: of the generator's samples; 1.",
    "generator_layers": "ELECTRA: the generator's layers, as a share of the discriminator's; 1.",
    "generator_hidden_size": "ELECTRA: the generator's width, as such a share; 0.25.",
    "disallow_correct": "ELECTRA: never sample the true token.",
    "electra_objective": "ELECTRA: false trains a masked LM alone, as large as the discriminator.",
    "electric_objective": "ELECTRA: train Electric; needs --two_tower_generator.",
    "untied_generator": "ELECTRA: false makes the discriminator's encoder the generator's, too.",
    "untied_generator_embeddings": "ELECTRA: the generator has embeddings of its own.",
    "uniform_generator": "ELECTRA: replace by any token alike; there is no generator.",
    "two_tower_generator": "ELECTRA: Electric's generator, two networks that look one way each.",
}


def define():
    """All flags of the script."""
    run_flags.define_model_flags()
    run_flags.define_optimizer_flags()
    run_flags.define_device_flags()
    flags.DEFINE_string("input_file", None, "TFRecord files: a glob or a comma list.")
    flags.DEFINE_string(
        "eval_file",
        None,
        "Files for --do_eval; with --do_train every checkpoint is evaluated on them and the best "
        "one kept. Without it --input_file is read after training.",
    )
    flags.DEFINE_string("output_dir", None, "Where checkpoints and results go; resumes from there.")
    flags.DEFINE_list(
        "init_layers", None, "Layers of --init_checkpoint that the model's layers start as: 0,1,2."
    )
    flags.DEFINE_bool(
        "init_slots",
        False,
        "Take the optimizer's state from --init_checkpoint, too; the step is 0.",
    )
    flags.DEFINE_string(
        "preset", None, "Flags of a known recipe: a name in configs/pretraining, or a JSON file."
    )
    flags.DEFINE_bool(
        "verify_records", False, "Read all record files completely before training and evaluation."
    )
    flags.DEFINE_bool(
        "skip_damaged_records",
        False,
        "As --verify_records; read copies without the damaged records (output_dir/mended) in the "
        "place of damaged files.",
    )
    flags.DEFINE_bool("dry_run", False, "Check everything, print the plan, and stop.")
    flags.DEFINE_string(
        "objective", "auto", "auto, or one of {}.".format(", ".join(sorted(OBJECTIVES)))
    )
    flags.DEFINE_integer("max_seq_length", 128, "Tokens in a row, as in the records.")
    flags.DEFINE_integer(
        "max_predictions_per_seq",
        20,
        "Masked positions in a row, as in the records; with electra they follow from the share.",
    )
    flags.DEFINE_string("vocab_file", None, "The records' own, where masks are drawn in training.")
    flags.DEFINE_bool("do_train", False, "Train.")
    flags.DEFINE_bool("do_eval", False, "Evaluate, after training if both.")
    flags.DEFINE_bool(
        "do_predict",
        False,
        "Write the tags of the records' masked places, by LERT's heads, to output_dir/{}: of "
        "--eval_file, else --input_file.".format(PREDICTIONS_FILE),
    )
    flags.DEFINE_list(
        "lip_steps",
        None,
        "LERT: steps after which the POS, entity and dependency tasks count in full, as "
        "300,600,1000; 0: from the start, for continuing. Default: 0.1665, 0.333 and 0.5 of "
        "--num_train_steps.",
    )
    flags.DEFINE_integer("train_batch_size", 32, "Rows of one update, all devices together.")
    flags.DEFINE_integer("eval_batch_size", 8, "Rows in an evaluation batch.")
    flags.DEFINE_float("learning_rate", 5e-5, "Peak learning rate.")
    flags.DEFINE_integer(
        "num_train_steps", 100000, "Updates in all, those before a resume counted."
    )
    flags.DEFINE_integer("num_warmup_steps", 10000, "Updates over which the rate rises.")
    flags.DEFINE_integer(
        "stop_step", None, "Stop at this step; the schedule still ends at --num_train_steps."
    )
    flags.DEFINE_integer("save_checkpoints_steps", 1000, "Updates between checkpoints.")
    flags.DEFINE_integer("keep_checkpoint_max", 5, "Checkpoints that are kept.")
    flags.DEFINE_integer("max_eval_steps", 100, "Most batches in an evaluation.")
    flags.DEFINE_integer(
        "shuffle_buffer_size", 10000, "Records shuffled at a time; 0 = file order."
    )
    flags.DEFINE_integer("seed", 12345, "Seed of weights, dropout and shuffling.")
    flags.DEFINE_bool("do_lower_case", True, "Accepted for Google's command lines; records decide.")
    define_electra_flags()


def define_electra_flags():
    """ELECTRA's options, under the names of its hyperparameters, and its own way of giving them."""
    flags.DEFINE_string(
        "hparams", None, "ELECTRA's hyperparameters: a JSON file, or the JSON object itself."
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "ELECTRA's directory: pretrain_tfrecords/pretrain_data.tfrecord*, vocab.txt and models/.",
    )
    flags.DEFINE_alias("data-dir", "data_dir")
    flags.DEFINE_string("model_name", None, "ELECTRA: the model's directory in DATA_DIR/models.")
    flags.DEFINE_alias("model-name", "model_name")
    flags.DEFINE_string(
        "generator_config_file",
        None,
        "ELECTRA's generator; --bert_config_file is the discriminator's. Default: a quarter of its "
        "width.",
    )
    flags.DEFINE_float("mask_prob", None, "ELECTRA: share of the tokens that are masked; 0.15.")
    for name in NUMBERS:
        flags.DEFINE_float(name, None, ELECTRA_HELP[name])
    for name in SWITCHES:
        flags.DEFINE_bool(name, None, ELECTRA_HELP[name])


def apply_preset():
    """Makes the values of --preset or --hparams the flags' own, and logs them.

    Returns:
      What electra_hparams.read returns, or None without ELECTRA's flags.

    Raises:
      UserError: both are given, or one of them is wrong.
    """
    if FLAGS.preset:
        for name in ("hparams", "data_dir"):
            if getattr(FLAGS, name) is not None:
                raise UserError(
                    "--preset and --{} both say what the run is; give one, and single flags "
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
    """Refuses flags that cannot work.

    Args:
      has_model: bool, the model's sizes are known without --bert_config_file.

    Raises:
      UserError: naming the flag.
    """
    run_flags.check_something_is_asked()
    require(FLAGS, "input_file", "output_dir", *([] if has_model else ["bert_config_file"]))
    run_flags.check_numbers(POSITIVE, NOT_NEGATIVE)
    if FLAGS.learning_rate <= 0:
        raise UserError("--learning_rate={} must be positive".format(FLAGS.learning_rate))
    if FLAGS.mask_prob is not None and not 0 < FLAGS.mask_prob < 1:
        raise UserError("--mask_prob={} must lie between 0 and 1".format(FLAGS.mask_prob))
    run_flags.check_devices()
    for name in ("init_layers", "init_slots"):
        if getattr(FLAGS, name) and not FLAGS.init_checkpoint:
            raise UserError("--{} needs --init_checkpoint".format(name))
    if FLAGS.objective != "auto":
        get_objective(FLAGS.objective)


def log_notes():
    """Says what flags do that is allowed, but not always meant."""
    total = FLAGS.num_train_steps
    if FLAGS.do_train and FLAGS.num_warmup_steps >= total:
        log(
            "note: --num_warmup_steps={} is not below --num_train_steps={}, so the rate only "
            "rises".format(FLAGS.num_warmup_steps, total)
        )
    if FLAGS.do_train and FLAGS.stop_step and FLAGS.stop_step > total:
        log(
            "note: --stop_step={} is above --num_train_steps={}, where training ends".format(
                FLAGS.stop_step, total
            )
        )
    if FLAGS.do_train and FLAGS.do_eval and not FLAGS.eval_file:
        log(
            "note: without --eval_file the training records are evaluated, at most "
            "--max_eval_steps={} batches".format(FLAGS.max_eval_steps)
        )
