"""Trains a model on pre-training records, evaluates it, or both.

python run_pretraining.py --input_file='data/*.tfrecord' --bert_config_file=bert_config.json \
    --output_dir=out --do_train --max_seq_length=128 --max_predictions_per_seq=20
"""

import os

# Before TensorFlow is imported: its start-up messages are no concern of the user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow.compat.v1 as tf
from absl import app, flags

from data import files as data_files
from data import input_pipeline
from data.dynamic_masking import DynamicMasking
from data.manifest import find_manifests
from data.masking import MaskingSpec
from data.tokenization import Vocabulary
from errors import UserError, one_line, require
from modeling import checkpoint
from modeling.config import GELU_CHOICES, BertConfig
from modeling.objectives import OBJECTIVES, get_objective
from optimization.config import OptimizerConfig
from training.log import log
from training.run_config import RunConfig
from training.runner import Pretraining

FLAGS = flags.FLAGS

flags.DEFINE_string("input_file", None, "TFRecord files: a glob or a comma list.")
flags.DEFINE_string("eval_file", None, "Files for --do_eval; without it --input_file is read.")
flags.DEFINE_string("output_dir", None, "Where checkpoints and results go; resumes from there.")
flags.DEFINE_string("bert_config_file", None, "JSON file with the model's sizes.")
flags.DEFINE_string("init_checkpoint", None, "Weights to start from: prefix, .index or directory.")
flags.DEFINE_string(
    "objective", "auto", "auto, or one of {}.".format(", ".join(sorted(OBJECTIVES)))
)
flags.DEFINE_integer("max_seq_length", 128, "Tokens in a row, as in the records.")
flags.DEFINE_integer("max_predictions_per_seq", 20, "Masked positions in a row, as in the records.")
flags.DEFINE_string("vocab_file", None, "vocab.txt, where masks are drawn in training.")
flags.DEFINE_bool("do_train", False, "Train.")
flags.DEFINE_bool("do_eval", False, "Evaluate, after training if both.")
flags.DEFINE_integer("train_batch_size", 32, "Rows in a training batch.")
flags.DEFINE_integer("eval_batch_size", 8, "Rows in an evaluation batch.")
flags.DEFINE_float("learning_rate", 5e-5, "Peak learning rate.")
flags.DEFINE_integer("num_train_steps", 100000, "Updates in all, those before a resume counted.")
flags.DEFINE_integer("num_warmup_steps", 10000, "Updates over which the rate rises.")
flags.DEFINE_float("lr_decay_power", 1.0, "Power of the decay after the warm-up; 1 is linear.")
flags.DEFINE_float("weight_decay_rate", 0.01, "Decoupled weight decay.")
flags.DEFINE_float("adam_beta_2", 0.999, "Decay of Adam's second moment.")
flags.DEFINE_float("adam_epsilon", 1e-6, "Adam's epsilon.")
flags.DEFINE_integer("save_checkpoints_steps", 1000, "Updates between checkpoints.")
flags.DEFINE_integer("keep_checkpoint_max", 5, "Checkpoints that are kept.")
flags.DEFINE_integer("iterations_per_loop", 1000, "Updates per call on a TPU.")
flags.DEFINE_integer("max_eval_steps", 100, "Most batches in an evaluation.")
flags.DEFINE_integer("shuffle_buffer_size", 10000, "Records shuffled at a time; 0 = file order.")
flags.DEFINE_integer("seed", 12345, "Seed of weights, dropout and shuffling.")
flags.DEFINE_enum("gelu", "auto", GELU_CHOICES, "What hidden_act gelu means; auto is erf for BERT.")
flags.DEFINE_bool("use_tpu", False, "Not supported in this version.")
flags.DEFINE_bool("do_lower_case", True, "Accepted for Google's command lines; records decide.")
flags.DEFINE_string("tpu_name", None, "Used with --use_tpu.")
flags.DEFINE_string("tpu_zone", None, "Used with --use_tpu.")
flags.DEFINE_string("gcp_project", None, "Used with --use_tpu.")
flags.DEFINE_string("master", None, "Used with --use_tpu.")
flags.DEFINE_integer("num_tpu_cores", 8, "Used with --use_tpu.")

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
)


def main(argv):
    """Runs what the flags ask for."""
    del argv
    # TensorFlow's warnings are about its own deprecations.
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    check_flags()
    model_config = BertConfig.from_json_file(FLAGS.bert_config_file, gelu=FLAGS.gelu)
    if FLAGS.max_seq_length > model_config.max_position_embeddings:
        raise UserError(
            "--max_seq_length={} is more than max_position_embeddings {} in {}".format(
                FLAGS.max_seq_length,
                model_config.max_position_embeddings,
                FLAGS.bert_config_file,
            )
        )
    train_files = data_files.matching(FLAGS.input_file or "", "--input_file")
    eval_files = []
    if FLAGS.do_eval:
        eval_files = train_files
        if FLAGS.eval_file:
            eval_files = data_files.matching(FLAGS.eval_file, "--eval_file")
    manifests = find_manifests(train_files)
    eval_manifests = find_manifests(eval_files)
    check_vocabulary({**manifests, **eval_manifests}, model_config)
    objective = choose_objective(train_files, manifests)
    run = Pretraining(
        make_run_config(train_files, eval_files, objective.name),
        model_config,
        objective,
        make_optimizer_config(),
        choose_masking({**manifests, **eval_manifests}),
    )
    if FLAGS.do_train:
        run.train()
    if FLAGS.do_eval:
        run.evaluate()


def check_flags():
    """Refuses flags that cannot work, before any file is opened.

    Raises:
      UserError: naming the flag.
    """
    if FLAGS.use_tpu:
        raise UserError("--use_tpu=True is not supported in this version; leave it out")
    if not FLAGS.do_train and not FLAGS.do_eval:
        raise UserError("nothing to do; give --do_train, --do_eval or both")
    require(FLAGS, "input_file", "output_dir", "bert_config_file")
    for name in POSITIVE:
        if getattr(FLAGS, name) <= 0:
            raise UserError("--{}={} must be positive".format(name, getattr(FLAGS, name)))
    for name in NOT_NEGATIVE:
        if getattr(FLAGS, name) < 0:
            raise UserError("--{}={} must not be negative".format(name, getattr(FLAGS, name)))
    if FLAGS.learning_rate <= 0:
        raise UserError("--learning_rate={} must be positive".format(FLAGS.learning_rate))
    if FLAGS.objective != "auto":
        get_objective(FLAGS.objective)
    if FLAGS.do_train and FLAGS.num_warmup_steps >= FLAGS.num_train_steps:
        log(
            "note: --num_warmup_steps={} is not below --num_train_steps={}, so the rate only "
            "rises".format(FLAGS.num_warmup_steps, FLAGS.num_train_steps)
        )


def check_vocabulary(manifests, model_config):
    """Compares the vocabulary that the records were made with and the model's.

    Args:
      manifests: {path: manifest} of the records.
      model_config: model config.

    Raises:
      UserError: the sizes differ.
    """
    for path, manifest in manifests.items():
        size = manifest.get("vocab_size")
        if size is not None and size != model_config.vocab_size:
            raise UserError(
                "vocabulary sizes differ: manifest {} says {}, config {} says {}".format(
                    path, size, model_config.source, model_config.vocab_size
                )
            )


def choose_objective(train_files, manifests):
    """The objective of --objective, the manifests, or the features of the first record.

    Args:
      train_files: record files.
      manifests: {path: manifest} of them.

    Raises:
      UserError: none of them says it, or manifests disagree.
    """
    named = {m["objective"]: path for path, m in manifests.items() if m.get("objective")}
    if FLAGS.objective != "auto":
        name, reason = FLAGS.objective, "by --objective"
    elif len(named) > 1:
        raise UserError(
            "the records were made for different objectives: {}; give --objective".format(
                ", ".join("{} in {}".format(*item) for item in sorted(named.items()))
            )
        )
    elif named:
        name, path = next(iter(named.items()))
        reason = "manifest {} says so".format(path)
    else:
        features = input_pipeline.first_records(train_files[0], 1)[0]
        if not {"next_sentence_labels", "masked_lm_ids"} <= set(features):
            raise UserError(
                "cannot tell the objective: no manifest beside {} and its records have {}; give "
                "--objective".format(train_files[0], ", ".join(features))
            )
        name = "bert"
        reason = "no manifest, and {} has next_sentence_labels".format(train_files[0])
    objective = get_objective(name)
    log("objective: {} ({})".format(name, reason))
    return objective


def choose_masking(manifests):
    """How masks are drawn in training, as the manifests say; None where the records hold them.

    Args:
      manifests: {path: manifest} of all records.

    Raises:
      UserError: the manifests differ, or --vocab_file is missing or another one.
    """
    kinds = {path: m["masking"] for path, m in manifests.items() if "masking" in m}
    dynamic = {path: m for path, m in kinds.items() if m["kind"] == "dynamic"}
    if not dynamic:
        return None
    path, said = next(iter(dynamic.items()))
    if any(other != said for other in kinds.values()):
        raise UserError(
            "{} and {} were made with other masking; use records of one kind".format(*kinds)
        )
    if not FLAGS.vocab_file:
        raise UserError("{} says that masks are drawn in training: give --vocab_file".format(path))
    vocabulary = Vocabulary(FLAGS.vocab_file)
    if vocabulary.sha256 != manifests[path]["vocab_sha256"]:
        raise UserError(
            "--vocab_file {} is not the vocabulary of the records ({})".format(
                FLAGS.vocab_file, path
            )
        )
    spec = MaskingSpec(
        said["probability"],
        said["unit"],
        said["ngram_probs"],
        said["replacement"],
        FLAGS.max_predictions_per_seq,
    )
    log("masks: drawn anew for every batch, {:.0%} by {}".format(spec.probability, spec.unit))
    return DynamicMasking(
        spec, vocabulary.mask, vocabulary.random_replacements().tolist(), FLAGS.seed
    )


def make_run_config(train_files, eval_files, objective_name):
    """RunConfig from the flags.

    Raises:
      UserError: no initial checkpoint is where its flag says.
    """
    return RunConfig(
        objective=objective_name,
        train_files=train_files,
        eval_files=eval_files,
        init_checkpoint=(
            checkpoint.resolve(FLAGS.init_checkpoint) if FLAGS.init_checkpoint else None
        ),
        **{name: getattr(FLAGS, name) for name in RUN_FLAGS},
    )


def make_optimizer_config():
    """OptimizerConfig from the flags."""
    return OptimizerConfig(
        learning_rate=FLAGS.learning_rate,
        num_train_steps=FLAGS.num_train_steps,
        num_warmup_steps=FLAGS.num_warmup_steps,
        lr_decay_power=FLAGS.lr_decay_power,
        weight_decay_rate=FLAGS.weight_decay_rate,
        beta_2=FLAGS.adam_beta_2,
        epsilon=FLAGS.adam_epsilon,
    )


if __name__ == "__main__":
    app.run(one_line(main))
