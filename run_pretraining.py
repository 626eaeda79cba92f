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

from cli import pretraining_flags, pretraining_hparams, run_flags
from cli.app import run_script
from common import files as data_files
from common.errors import UserError
from common.log import log
from data.records.manifest import find_manifests
from modeling.config_families import read_config
from modeling.objectives.electra_options import NUMBERS, SWITCHES
from prediction import record_tags
from prediction.lines import ResultFile
from training import manifest_agreement, masking_choice, objective_choice, plan, record_files
from training import run_config as run_configs
from training.devices import strategies
from training.failures import output_errors
from training.pretraining_runner import Pretraining
from training.run_config import RunConfig

FLAGS = flags.FLAGS

pretraining_flags.define()
flags.adopt_module_key_flags(run_flags)
flags.adopt_module_key_flags(pretraining_flags)

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
    hparams = pretraining_flags.apply_preset()
    pretraining_flags.check(has_model=hparams is not None)
    pretraining_flags.log_notes()
    model_config = read_model_config(hparams)
    train_files = data_files.matching(FLAGS.input_file or "", "--input_file")
    eval_files = []
    if FLAGS.do_eval or FLAGS.do_predict:
        eval_files = train_files
        if FLAGS.eval_file:
            eval_files = data_files.matching(FLAGS.eval_file, "--eval_file")
    manifests = find_manifests(train_files)
    all_manifests = {**manifests, **find_manifests(eval_files)}
    lengths = FLAGS.max_seq_length, FLAGS.max_predictions_per_seq
    manifest_agreement.check_manifests(all_manifests, model_config, *lengths)
    run_config = make_run_config(train_files, eval_files, model_config)
    optimizer_config = run_flags.make_optimizer_config(
        FLAGS.num_train_steps, FLAGS.num_warmup_steps, FLAGS.learning_rate
    )
    strategies.check_batch(run_config, optimizer_config.gradient_accumulation_steps)
    stated_masking = masking_choice.stated_masking(all_manifests, FLAGS.vocab_file)
    with run_flags.locked_output(FLAGS.do_train and not FLAGS.dry_run):
        chosen_devices = None
        if not FLAGS.dry_run:
            paths = train_files + eval_files + [FLAGS.output_dir]
            chosen_devices = run_flags.find_devices(paths)
        # It may take long: behind all that is checked in no time.
        found = check_record_files(train_files, eval_files, all_manifests)
        run_config = dataclasses.replace(run_config, **found.settings())
        objective, masking = choose_objective(run_config, model_config, manifests, stated_masking)
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
            networks = objective.networks(model_config)
            for line in plan.describe(run_config, networks, optimizer_config, run.parameters):
                log(line)
            return
        evaluated = FLAGS.do_train and run.train()
        if FLAGS.do_eval and not evaluated:
            run.evaluate()
        if FLAGS.do_predict:
            predict_tags(run.checkpoint(), run_config, model_config)


def choose_objective(run_config, model_config, manifests, stated_masking):
    """What is trained, and how masks are drawn for it; run_config is told of both.

    Args:
      run_config: RunConfig.
      model_config: model config.
      manifests: {path: manifest} of the training records.
      stated_masking: what masking_choice.stated_masking returned.

    Returns:
      (objective, DynamicMasking or None).

    Raises:
      UserError: records, manifests and flags do not say it, or do not agree.
    """
    objective = objective_choice.choose_objective(
        FLAGS.objective, run_config.train_files, manifests
    )
    objective = objective.for_run(FLAGS.num_train_steps, **objective_options())
    run_config.objective = objective.name
    masking = masking_choice.choose_masking(
        stated_masking,
        objective,
        run_config.train_files,
        FLAGS.vocab_file,
        model_config,
        run_config,
        FLAGS.mask_prob,
    )
    if masking:
        run_config.max_predictions_per_seq = masking.spec.max_predictions
        objective = objective.for_masks(masking.spec.probability, masking.special_ids)
    elif FLAGS.mask_prob is not None:
        raise UserError("--mask_prob has no use: the records hold their masks; leave it out")
    run_config.objective_settings = objective.settings(model_config)
    run_config.lip_steps = objective.lip_steps and list(objective.lip_steps)
    return objective, masking


def read_model_config(hparams):
    """Model config from --bert_config_file, or else from ELECTRA's hyperparameters.

    Args:
      hparams: what pretraining_flags.apply_preset returned.

    Raises:
      UserError: it makes no model, or the table of positions is too short.
    """
    if hparams is None or FLAGS.bert_config_file:
        overridden = pretraining_hparams.model_keys(hparams[0]) if hparams else ()
        if overridden:
            log(
                "{} overridden by the command line: {} (by --bert_config_file={})".format(
                    hparams[1], ", ".join(overridden), FLAGS.bert_config_file
                )
            )
        return run_flags.read_model_config(FLAGS.max_seq_length)
    model_config = pretraining_hparams.model_config(*hparams, gelu=FLAGS.gelu)
    run_flags.check_length(model_config, FLAGS.max_seq_length)
    return model_config


def objective_options():
    """What the flags say of the objective: dict of flag -> value, None where one is not given.

    Raises:
      UserError: --lip_steps is no list of steps, or the generator's config is wrong.
    """
    options = {name: getattr(FLAGS, name) for name in NUMBERS + SWITCHES}
    options.update(lip_steps=parse_lip_steps(), generator_config_file=None)
    if FLAGS.generator_config_file:
        options["generator_config_file"] = read_config(FLAGS.generator_config_file, FLAGS.gelu)
        for name in ("generator_layers", "generator_hidden_size"):
            if options[name] is not None and FLAGS[name].using_default_value:
                log(
                    "{}={} of --hparams overridden by the command line: "
                    "--generator_config_file={}".format(
                        name, options[name], FLAGS.generator_config_file
                    )
                )
                options[name] = None
    return options


def predict_tags(path, run_config, model_config):
    """Writes the tags of masked places to output_dir.

    Args:
      path: the checkpoint that predicts.
      run_config: RunConfig.
      model_config: model config.

    Raises:
      UserError: records or checkpoint do not allow it.
    """
    vocabulary = run_flags.read_vocabulary(model_config) if FLAGS.vocab_file else None
    target = os.path.join(FLAGS.output_dir, pretraining_flags.PREDICTIONS_FILE)
    with output_errors(FLAGS.output_dir):
        data_files.make_directories(FLAGS.output_dir)
    found = record_tags.predict(
        run_config.eval_files,
        path,
        model_config,
        FLAGS.eval_batch_size,
        vocabulary,
    )
    with ResultFile(target) as results:
        results.write(found)
    log("tags of the masked places: {}".format(target))


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
        init_checkpoint=run_flags.initial_checkpoint(),
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
    if model_config.shares_layers:
        raise UserError(
            "--init_layers has no use with config {}: its layers share their weights, whatever "
            "their number; leave it out".format(model_config.source)
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
