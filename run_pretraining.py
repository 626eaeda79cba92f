"""Trains a model on pre-training records, evaluates it, or both.

python run_pretraining.py --input_file='data/*.tfrecord' --bert_config_file=bert_config.json \
    --output_dir=out --do_train --max_seq_length=128 --max_predictions_per_seq=20
"""

import dataclasses
import os

# Before TensorFlow is imported: its start-up messages are no concern of the user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow.compat.v1 as tf
from absl import flags

import script_flags
from data import files as data_files
from data.manifest import find_manifests
from errors import UserError, require, run_script
from modeling.objectives import OBJECTIVES, get_objective
from prediction import record_tags
from prediction.lines import ResultFile
from training import devices, inputs, plan, presets, record_files
from training import run_config as run_configs
from training.faults import output_errors
from training.log import log
from training.pretraining import Pretraining
from training.run_config import RunConfig

FLAGS = flags.FLAGS
PREDICTIONS_FILE = "predictions.jsonl"

script_flags.define_model_flags()
script_flags.define_optimizer_flags()
script_flags.define_device_flags()
flags.adopt_module_key_flags(script_flags)
flags.DEFINE_string("input_file", None, "TFRecord files: a glob or a comma list.")
flags.DEFINE_string(
    "eval_file",
    None,
    "Files for --do_eval; with --do_train every checkpoint is evaluated on them and the best one "
    "kept. Without it --input_file is read after training.",
)
flags.DEFINE_string("output_dir", None, "Where checkpoints and results go; resumes from there.")
flags.DEFINE_list(
    "init_layers", None, "Layers of --init_checkpoint that the model's layers start as: 0,1,2."
)
flags.DEFINE_bool(
    "init_slots", False, "Take the optimizer's state from --init_checkpoint, too; the step is 0."
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
flags.DEFINE_integer("max_predictions_per_seq", 20, "Masked positions in a row, as in the records.")
flags.DEFINE_string("vocab_file", None, "vocab.txt, where masks are drawn in training.")
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
    "LERT: steps after which the POS, entity and dependency tasks count in full, as 300,600,1000; "
    "0: from the start, for continuing. Default: 0.1665, 0.333 and 0.5 of --num_train_steps.",
)
flags.DEFINE_integer("train_batch_size", 32, "Rows of one update, all devices together.")
flags.DEFINE_integer("eval_batch_size", 8, "Rows in an evaluation batch.")
flags.DEFINE_float("learning_rate", 5e-5, "Peak learning rate.")
flags.DEFINE_integer("num_train_steps", 100000, "Updates in all, those before a resume counted.")
flags.DEFINE_integer("num_warmup_steps", 10000, "Updates over which the rate rises.")
flags.DEFINE_integer(
    "stop_step", None, "Stop at this step; the schedule still ends at --num_train_steps."
)
flags.DEFINE_integer("save_checkpoints_steps", 1000, "Updates between checkpoints.")
flags.DEFINE_integer("keep_checkpoint_max", 5, "Checkpoints that are kept.")
flags.DEFINE_integer("max_eval_steps", 100, "Most batches in an evaluation.")
flags.DEFINE_integer("shuffle_buffer_size", 10000, "Records shuffled at a time; 0 = file order.")
flags.DEFINE_integer("seed", 12345, "Seed of weights, dropout and shuffling.")
flags.DEFINE_bool("do_lower_case", True, "Accepted for Google's command lines; records decide.")

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
# Flags that RunConfig holds under the same name.
RUN_FLAGS = (
    "output_dir",
    "do_train",
    "do_eval",
    "max_seq_length",
    "max_predictions_per_seq",
    "train_batch_size",
    "eval_batch_size",
    "max_eval_steps",
    "save_checkpoints_steps",
    "iterations_per_loop",
    "keep_checkpoint_max",
    "shuffle_buffer_size",
    "seed",
    "stop_step",
    "init_slots",
    "use_tpu",
    "num_tpu_cores",
    "distribution",
)


def main(argv):
    """Runs what the flags ask for."""
    del argv
    # TensorFlow's warnings are about its own deprecations.
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    if FLAGS.preset:
        for line in presets.apply(FLAGS, FLAGS.preset, in_full=FLAGS.dry_run):
            log(line)
    check_flags()
    log_notes()
    model_config = script_flags.read_model_config(FLAGS.max_seq_length)
    train_files = data_files.matching(FLAGS.input_file or "", "--input_file")
    eval_files = []
    if FLAGS.do_eval or FLAGS.do_predict:
        eval_files = train_files
        if FLAGS.eval_file:
            eval_files = data_files.matching(FLAGS.eval_file, "--eval_file")
    manifests = find_manifests(train_files)
    all_manifests = {**manifests, **find_manifests(eval_files)}
    lengths = FLAGS.max_seq_length, FLAGS.max_predictions_per_seq
    inputs.check_manifests(all_manifests, model_config, *lengths)
    run_config = make_run_config(train_files, eval_files, model_config)
    optimizer_config = script_flags.make_optimizer_config(
        FLAGS.num_train_steps, FLAGS.num_warmup_steps, FLAGS.learning_rate
    )
    devices.check_batch(run_config, optimizer_config.gradient_accumulation_steps)
    masking = inputs.choose_masking(
        all_manifests, FLAGS.vocab_file, FLAGS.max_predictions_per_seq, FLAGS.seed
    )
    with script_flags.locked_output(FLAGS.do_train and not FLAGS.dry_run):
        chosen_devices = None
        if not FLAGS.dry_run:
            paths = train_files + eval_files + [FLAGS.output_dir]
            chosen_devices = script_flags.find_devices(paths)
        # It may take long: behind all that is checked in no time.
        found = check_record_files(train_files, eval_files, all_manifests)
        run_config = dataclasses.replace(run_config, **found.settings())
        objective = inputs.choose_objective(FLAGS.objective, run_config.train_files, manifests)
        objective = objective.for_run(FLAGS.num_train_steps, parse_lip_steps())
        run_config.objective = objective.name
        run_config.lip_steps = objective.lip_steps and list(objective.lip_steps)
        run = Pretraining(
            run_config,
            model_config,
            objective,
            optimizer_config,
            masking,
            chosen_devices,
            FLAGS.dry_run,
        )
        if FLAGS.dry_run:
            for line in plan.describe(run_config, model_config, optimizer_config, run.parameters):
                log(line)
            return
        evaluated = FLAGS.do_train and run.train()
        if FLAGS.do_eval and not evaluated:
            run.evaluate()
        if FLAGS.do_predict:
            predict_tags(run.checkpoint(), run_config, model_config)


def predict_tags(path, run_config, model_config):
    """Writes the tags of masked places to output_dir.

    Args:
      path: the checkpoint that predicts.
      run_config: RunConfig.
      model_config: model config.

    Raises:
      UserError: records or checkpoint do not allow it.
    """
    vocabulary = script_flags.read_vocabulary(model_config) if FLAGS.vocab_file else None
    target = os.path.join(FLAGS.output_dir, PREDICTIONS_FILE)
    with output_errors(FLAGS.output_dir):
        data_files.make_directories(FLAGS.output_dir)
    found = record_tags.predict(
        run_config.eval_files,
        path,
        model_config,
        FLAGS.max_seq_length,
        FLAGS.eval_batch_size,
        vocabulary,
    )
    with ResultFile(target) as results:
        results.write(found)
    log("tags of the masked places: {}".format(target))


def check_flags():
    """Refuses flags that cannot work, before any file is opened.

    Raises:
      UserError: naming the flag.
    """
    if not FLAGS.do_train and not FLAGS.do_eval and not FLAGS.do_predict:
        raise UserError("nothing to do; give --do_train, --do_eval, --do_predict or several")
    require(FLAGS, "input_file", "output_dir", "bert_config_file")
    script_flags.check_numbers(POSITIVE, NOT_NEGATIVE)
    if FLAGS.learning_rate <= 0:
        raise UserError("--learning_rate={} must be positive".format(FLAGS.learning_rate))
    script_flags.check_devices()
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


def check_record_files(train_files, eval_files, manifests):
    """record_files.RecordFiles to read, checked as the flags ask for.

    Raises:
      UserError: see record_files.
    """
    if FLAGS.skip_damaged_records:
        return record_files.mend(
            train_files, eval_files, manifests, FLAGS.output_dir, FLAGS.dry_run
        )
    return record_files.check(train_files, eval_files, manifests, FLAGS.verify_records)


def make_run_config(train_files, eval_files, model_config):
    """RunConfig from the flags; its objective may still be "auto".

    Raises:
      UserError: no initial checkpoint is where its flag says, or its layers do not fit.
    """
    return RunConfig(
        objective=FLAGS.objective,
        train_files=train_files,
        eval_files=eval_files,
        init_checkpoint=script_flags.initial_checkpoint(),
        init_layers=parse_layers(model_config),
        eval_while_training=bool(FLAGS.do_train and FLAGS.do_eval and FLAGS.eval_file),
        **{name: getattr(FLAGS, name) for name in RUN_FLAGS},
    )


def parse_lip_steps():
    """--lip_steps as three numbers; where it is not given and nothing is trained, those of the
    training; None for the default.

    Raises:
      UserError: it is something else.
    """
    if FLAGS.lip_steps is None:
        return None if FLAGS.do_train else run_configs.saved_lip_steps(FLAGS.output_dir)
    steps = [step.strip() for step in FLAGS.lip_steps]
    if steps == ["0"]:
        steps *= 3
    if len(steps) != 3 or not all(step.isdigit() for step in steps):
        raise UserError(
            "--lip_steps={} must be three numbers of steps with commas, as 300,600,1000, or "
            "0".format(",".join(FLAGS.lip_steps))
        )
    return [int(step) for step in steps]


def parse_layers(model_config):
    """--init_layers as a list of ints, or None.

    Raises:
      UserError: it is no list of numbers, one for each layer of the model.
    """
    if not FLAGS.init_layers:
        return None
    if not all(layer.strip().isdigit() for layer in FLAGS.init_layers):
        raise UserError(
            "--init_layers={} must be layer numbers with commas, as 0,1,2".format(
                ",".join(FLAGS.init_layers)
            )
        )
    layers = [int(layer) for layer in FLAGS.init_layers]
    if len(layers) != model_config.num_hidden_layers:
        raise UserError(
            "--init_layers names {} layers, but num_hidden_layers in {} is {}".format(
                len(layers), model_config.source, model_config.num_hidden_layers
            )
        )
    return layers


if __name__ == "__main__":
    run_script(main)
