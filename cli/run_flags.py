"""Flags that several programs share, and the objects made of them."""

import contextlib
import os

from absl import flags

from cli import original_names
from cli.help import topics
from common import files as data_files
from common.errors import UserError
from common.log import log, log_lines, warn
from data.tokenizers.vocabularies import choose_lower_case, model_vocabulary
from data.tokenizers.vocabulary_file import read_vocabulary_file
from modeling import checkpoint
from modeling.config import GELU_CHOICES, read_json_object
from modeling.config_families import read_config
from modeling.conversion import directory_contents, huggingface
from optimization.config import OPTIMIZERS, WARMUPS, OptimizerConfig
from training import estimators
from training.checkpoints import lock
from training.devices import numerics, strategies, this_machine
from training.devices.cloud_tpu import check_reachable, resolve_tpu

FLAGS = flags.FLAGS
# Flags that say where a TPU is.
TPU_FLAGS = ("tpu_name", "tpu_zone", "gcp_project", "master")


def define_model_flags():
    """--config_file, --init_checkpoint, --gelu."""
    topics.begin("Model")
    flags.DEFINE_string(
        "config_file", None, "JSON file with the model's sizes, bert_config.json or config.json."
    )
    original_names.add_names("config_file", "bert_config_file")
    original_names.define_albert_config_file()
    flags.DEFINE_string(
        "init_checkpoint",
        None,
        "Weights to start from: a prefix, an .index file, a directory, or one of Hugging Face.",
    )
    define_gelu()


def define_gelu():
    """--gelu."""
    flags.DEFINE_enum(
        "gelu",
        "auto",
        GELU_CHOICES,
        "Meaning of the activation gelu in the config: the error function, or its approximation by "
        "tanh; auto: erf, for ALBERT tanh.",
    )


def define_training_start_flags():
    """--allow_partial_init."""
    flags.DEFINE_bool(
        "allow_partial_init",
        False,
        "Start missing weights at random: those of the encoder or of a head that --init_checkpoint "
        "lacks; they are listed.",
    )


def define_seed():
    """--seed of a training."""
    flags.DEFINE_integer("seed", 12345, "Seed of weights, dropout and shuffling.")
    original_names.add_names("seed", "random_seed")


def define_optimizer_flags():
    """The optimizer and its settings; steps and rate are flags of each program."""
    topics.begin("Optimizer")
    flags.DEFINE_enum(
        "optimizer",
        "adamw",
        sorted(OPTIMIZERS),
        "Optimizer: adamw as of BERT and RoBERTa-wwm, lamb as of BERT-wwm and MacBERT (ymcui's), "
        "lamb_albert as of ALBERT (Google's).",
    )
    flags.DEFINE_enum(
        "warmup",
        "replace",
        sorted(WARMUPS),
        "Rate during the warm-up: a straight rise in place of the decay (replace, BERT), or the "
        "rise times the decay (multiply, ELECTRA).",
    )
    flags.DEFINE_float(
        "lr_decay_power", 1.0, "Power of the rate's decay after the warm-up; 1 is linear."
    )
    flags.DEFINE_float("weight_decay_rate", 0.01, "Weight decay, apart from the gradients (AdamW).")
    flags.DEFINE_float("adam_beta_2", 0.999, "Decay of Adam's second moment.")
    flags.DEFINE_float("adam_epsilon", 1e-6, "Epsilon of Adam and of LAMB.")
    flags.DEFINE_integer(
        "gradient_accumulation_steps",
        1,
        "Micro-batches of an update, computed one after the other to save memory; the result is "
        "the same.",
    )


def define_packing_flag():
    """--pack."""
    topics.begin("Precision and speed")
    flags.DEFINE_bool(
        "pack",
        False,
        "Lay several texts of a batch in each row: the same batches and losses in less time, where "
        "rows are mostly padding.",
    )


def define_saving_flags():
    """What is written beside the weights."""
    topics.begin("Checkpoints")
    flags.DEFINE_bool(
        "write_meta_graph",
        False,
        "Write a .meta file with every checkpoint: its variables and their saver, for "
        "tf.train.import_meta_graph.",
    )


def define_device_flags():
    """Devices."""
    topics.begin("Devices")
    flags.DEFINE_enum(
        "distribution",
        "none",
        strategies.DISTRIBUTIONS,
        "GPUs that train: the first one (none), or all of this machine with a copy of the model on "
        "each (mirrored).",
    )
    flags.DEFINE_bool("use_tpu", False, "Train and evaluate on a TPU.")
    flags.DEFINE_string(
        "tpu_name", None, "Name of the Cloud TPU; or its address, grpc://ADDRESS:8470; or local."
    )
    flags.DEFINE_string("tpu_zone", None, "Zone of --tpu_name; default: this machine's.")
    flags.DEFINE_string("gcp_project", None, "Project of --tpu_name; default: this machine's.")
    flags.DEFINE_string("master", None, "Address of a TPU's master, in place of --tpu_name.")
    flags.DEFINE_integer("num_tpu_cores", 8, "Cores of the TPU.")
    flags.DEFINE_integer("iterations_per_loop", 1000, "Updates per call on a TPU.")


def define_numerics_flags():
    """--precision and --kernels."""
    topics.begin("Precision and speed")
    flags.DEFINE_enum(
        "precision",
        "fp32",
        numerics.PRECISIONS,
        "Precision of matrix products and of what layers hand on; weights, losses and updates are "
        "fp32 in any case. auto: bf16 where this machine multiplies it faster.",
    )
    flags.DEFINE_enum(
        "kernels",
        numerics.AUTO,
        numerics.KERNELS,
        "Way to compute what is between matrix products: plain operations, or fused into functions "
        "that XLA compiles. auto: fused where that pays.",
    )


def check_numbers(positive=(), not_negative=()):
    """Checks ranges of flags that were given.

    Args:
      positive, not_negative: names of flags.

    Raises:
      UserError: naming the flag.
    """
    for name in positive:
        if getattr(FLAGS, name) is not None and getattr(FLAGS, name) <= 0:
            raise UserError("--{}={} must be positive".format(name, getattr(FLAGS, name)))
    for name in not_negative:
        if getattr(FLAGS, name) is not None and getattr(FLAGS, name) < 0:
            raise UserError("--{}={} must not be negative".format(name, getattr(FLAGS, name)))


def refuse_actions_beside(name):
    """Raises UserError where actions stand beside the flag `name`, which does all that is done."""
    for action in ("do_train", "do_eval", "do_predict"):
        if getattr(FLAGS, action):
            raise UserError("--{} does nothing else; remove --{}".format(name, action))


def check_something_is_asked():
    """Refuses a run that has nothing to do.

    Raises:
      UserError: neither of --do_train, --do_eval and --do_predict is given.
    """
    if not FLAGS.do_train and not FLAGS.do_eval and not FLAGS.do_predict:
        raise UserError("nothing to do; give --do_train, --do_eval, --do_predict or several")


def check_model_directory(data_dir):
    """Refuses --data-dir without --model-name, and the reverse.

    Args:
      data_dir: value of --data-dir, or None.

    Raises:
      UserError: --data-dir or --model-name is missing.
    """
    if (data_dir is None) != (FLAGS.model_name is None):
        raise UserError(
            "--data-dir and --model-name belong together: the model's directory is "
            "DATA_DIR/models/MODEL_NAME"
        )


def check_devices(dry_run=False):
    """Refuses a TPU with GPUs or with packed rows, and one that this TensorFlow cannot use.

    Args:
      dry_run: nothing will be computed; a TPU that cannot be used is a warning.

    Raises:
      UserError: they are given, or this TensorFlow does not train on a TPU.
    """
    if not FLAGS.use_tpu:
        idle = ["--" + name for name in TPU_FLAGS if FLAGS[name].present]
        if idle:
            warn("{} has no effect without --use_tpu".format(", ".join(idle)))
        return
    if FLAGS.pack:
        raise UserError(
            "--pack makes batches of different numbers of rows, and a TPU takes one size only; "
            "remove --pack"
        )
    if FLAGS.distribution != "none":
        raise UserError("--use_tpu and --distribution=mirrored exclude each other; give one")
    fault = estimators.tpu_fault()
    if fault and not dry_run:
        raise UserError(fault)
    if fault:
        warn(fault)


def read_model_config(max_seq_length, init):
    """Model config from the flags, for rows of `max_seq_length` and the result of
    `initial_checkpoint`.

    Raises:
      UserError: the file is wrong, its table of positions too short, or --init_checkpoint, whose
        names tell the family, cannot be read.
    """
    names = ()
    if init and not huggingface.is_directory(init):
        names = checkpoint.read_shapes(init)
    model_config = read_config(FLAGS.config_file, FLAGS.gelu, names)
    check_length(model_config, max_seq_length)
    return model_config


def check_length(model_config, max_seq_length):
    """Raises UserError where rows are longer than the model's table of positions."""
    if max_seq_length > model_config.max_position_embeddings:
        raise UserError(
            "--max_seq_length={} is more than max_position_embeddings {} in {}".format(
                max_seq_length, model_config.max_position_embeddings, model_config.source
            )
        )


def read_vocabulary(model_config):
    """Vocabulary of --vocab_file; logs what the tokenizer files beside it say.

    Raises:
      UserError: it is not the model's.
    """
    vocabulary = model_vocabulary(FLAGS.vocab_file, model_config.vocab_size, model_config.source)
    log_lines(vocabulary.beside.notes)
    return vocabulary


def settle_lower_case(vocabulary, given):
    """do_lower_case, see vocabularies.choose_lower_case; logs why it is not the default."""
    lower, notes = choose_lower_case(vocabulary, given)
    log_lines(notes)
    return lower


def initial_checkpoint():
    """--init_checkpoint as a prefix, or as the Hugging Face directory that it is; None without.

    A training that writes and removes checkpoints there does not disturb its reading.

    Raises:
      UserError: there is no checkpoint, or --output_dir has the name of its prefix.
    """
    init = FLAGS.init_checkpoint
    if not init:
        return init
    _check_small_files()
    directory_contents.refuse_unreadable(init, "init_checkpoint")
    if huggingface.is_directory(init):
        return init
    prefix = checkpoint.hold(init)
    output = FLAGS.output_dir if "output_dir" in FLAGS else None  # of the scripts that train
    if output and os.path.abspath(prefix) == os.path.abspath(output):
        # TensorFlow would take the directory for the checkpoint.
        raise UserError(
            "--output_dir={} has the name of the checkpoint {}; give another directory".format(
                output, prefix
            )
        )
    return prefix


def _check_small_files():
    """Reads config and vocabulary for the faults that can be told at once: what is made of them
    needs the checkpoint, and with it seconds."""
    if FLAGS.config_file:
        read_json_object(FLAGS.config_file, "model config")
    if "vocab_file" in FLAGS and FLAGS.vocab_file:
        read_vocabulary_file(FLAGS.vocab_file)


def settle_lamb(model_config):
    """Settles which of the two LAMBs --optimizer=lamb on the command line means, and logs it where
    the network's own program has another one.

    Args:
      model_config: model config.
    """
    own = model_config.lamb
    if not FLAGS["optimizer"].present or FLAGS.optimizer != "lamb" or own == "lamb":
        return
    if FLAGS.albert_config_file:
        FLAGS.optimizer = own
        log(
            "--optimizer=lamb beside --albert_config_file is google-research/albert's: {}; "
            "--config_file={} in its place makes it ymcui's".format(own, FLAGS.albert_config_file)
        )
        return
    log(
        "note: --optimizer=lamb is ymcui's LAMB; the program that the network of {} comes from has "
        "one of its own: --optimizer={}".format(model_config.source, own)
    )


def make_optimizer_config(
    num_train_steps, num_warmup_steps, learning_rate, layerwise_lr_decay=None
):
    """OptimizerConfig of the flags and of a schedule in steps."""
    return OptimizerConfig(
        learning_rate=learning_rate,
        num_train_steps=num_train_steps,
        num_warmup_steps=num_warmup_steps,
        optimizer=FLAGS.optimizer,
        warmup=FLAGS.warmup,
        lr_decay_power=FLAGS.lr_decay_power,
        weight_decay_rate=FLAGS.weight_decay_rate,
        beta_2=FLAGS.adam_beta_2,
        epsilon=FLAGS.adam_epsilon,
        gradient_accumulation_steps=FLAGS.gradient_accumulation_steps,
        layerwise_lr_decay=layerwise_lr_decay,
    )


def settle_numerics():
    """Numerics of --precision and --kernels for predictions on this machine.

    Raises:
      UserError: see numerics.choose.
    """
    return numerics.choose(FLAGS.kernels, FLAGS.precision, numerics.place_of(use_tpu=False))


def find_devices(paths, dry_run=False):
    """The devices that the flags choose.

    Args:
      paths: files and directories that the devices read and write.
      dry_run: nothing will be computed; they are not looked for.

    Raises:
      UserError: they are not there.
    """
    if dry_run:
        return strategies.Devices()
    if not FLAGS.use_tpu:
        takes_all = FLAGS.distribution == "mirrored"
        devices = strategies.mirrored() if takes_all else strategies.Devices()
        log_lines([this_machine.describe(takes_all)])
        return devices
    tpu = resolve_tpu(FLAGS.tpu_name, FLAGS.tpu_zone, FLAGS.gcp_project, FLAGS.master)
    log("device: " + tpu.description)
    check_reachable(tpu)
    local = [path for path in paths if not data_files.is_remote(path)]
    if local and FLAGS.tpu_name != "local":
        warn("a Cloud TPU reads and writes gs:// only, and {} is local".format(local[0]))
    return strategies.Devices(cluster=tpu.resolver, master=tpu.master)


def locked_output(is_trainer):
    """Context in which no other training can use --output_dir, if this one trains there.

    Raises:
      UserError: another one does, or it cannot be written to.
    """
    if not is_trainer:
        return contextlib.nullcontext()
    return lock.hold(FLAGS.output_dir, lock.job_of(os.environ.get("TF_CONFIG")))
