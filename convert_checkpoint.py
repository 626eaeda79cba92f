"""Converts TensorFlow checkpoints to Hugging Face directories and back, and makes release folders.

python convert_checkpoint.py --tf_checkpoint_path=bert_model.ckpt --config_file=bert_config.json \
    --vocab_file=vocab.txt --pytorch_dump_path=hf
python convert_checkpoint.py --from_pytorch=hf --tf_dump_path=tf/bert_model.ckpt
python convert_checkpoint.py --tf_checkpoint_path=electra --config_file=discriminator.json \
    --pytorch_dump_path=hf --discriminator_or_generator=discriminator
python convert_checkpoint.py --tf_checkpoint_path=out --config_file=bert_config.json \
    --strip_optimizer=release
"""

import collections
import os

# Before TensorFlow is imported: its start-up messages are no concern of the user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow.compat.v1 as tf
from absl import flags

from cli import release_files
from cli.app import require, run_script
from common.errors import UserError
from common.log import log, warn
from finetuning import task_file
from modeling import checkpoint
from modeling.config import GELU_CHOICES
from modeling.config_families import read_config
from modeling.conversion import (
    electra_pair,
    export,
    families,
    family_choice,
    folders,
    head_choice,
    huggingface,
    parity,
    sources,
)

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "tf_checkpoint_path", None, "Checkpoint to convert: a prefix, an .index file or a directory."
)
flags.DEFINE_string("config_file", None, "JSON file with the sizes of --tf_checkpoint_path.")
flags.DEFINE_string(
    "pytorch_dump_path",
    None,
    "Directory to write for Hugging Face; a name that ends in .bin is a weights file there.",
)
flags.DEFINE_string(
    "vocab_file", None, "Vocabulary; default: the one beside the checkpoint or its config."
)
flags.DEFINE_bool(
    "do_lower_case", None, "As the model was trained; default: as task.json says, else true."
)
flags.DEFINE_string(
    "head",
    sources.AUTO,
    "Head to convert: {}; auto takes the first that is there, and what task.json beside the "
    "checkpoint says of it.".format(", ".join(families.HEADS)),
)
flags.DEFINE_string(
    "task_name",
    None,
    "Which task's head to convert, of a checkpoint with several; from ELECTRA's Hugging Face "
    "directory what to call it.",
)
flags.DEFINE_enum(
    "gelu", "auto", GELU_CHOICES, "What hidden_act gelu means; auto is erf, but tanh for ALBERT."
)
flags.DEFINE_enum(
    "discriminator_or_generator",
    None,
    families.NETWORKS,
    "Which of ELECTRA's networks; default: the discriminator, and of a directory what it holds.",
)
flags.DEFINE_string(
    "from_pytorch",
    None,
    "Hugging Face directory to convert; ELECTRA's two with a comma give one checkpoint.",
)
flags.DEFINE_string("tf_dump_path", None, "Prefix of the TensorFlow checkpoint to write.")
flags.DEFINE_string(
    "strip_optimizer", None, "Directory for a copy without the optimizer's state and the step."
)


def main(argv):
    """Runs what the flags ask for."""
    del argv
    # TensorFlow's warnings are about its own deprecations.
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    DIRECTIONS[check_flags()].run()


def check_flags():
    """Refuses flags that do not go together, before any file is opened.

    Returns:
      Key of DIRECTIONS.

    Raises:
      UserError: naming the flag.
    """
    chosen = [name for name in DIRECTIONS if getattr(FLAGS, name)]
    names = ["--" + name for name in DIRECTIONS]
    if not chosen:
        raise UserError("nothing to do; give {} or {}".format(", ".join(names[:-1]), names[-1]))
    if len(chosen) > 1:
        raise UserError("--{} and --{} exclude each other; give one".format(*chosen[:2]))
    direction = DIRECTIONS[chosen[0]]
    require(FLAGS, *direction.needs)
    for name in {n for d in DIRECTIONS.values() for n in d.needs + d.takes}:
        if FLAGS[name].present and name not in direction.needs + direction.takes:
            raise UserError("--{} does not go with --{}; leave it out".format(name, chosen[0]))
    if FLAGS.head not in (sources.AUTO, *families.HEADS):
        raise UserError(
            "--head={} is not known; use one of {}".format(
                FLAGS.head, ", ".join((sources.AUTO, *families.HEADS))
            )
        )
    return chosen[0]


def to_hugging_face():
    """TensorFlow checkpoint -> Hugging Face directory.

    Raises:
      UserError: something is not there, does not fit, or comes out otherwise.
    """
    folder, weights = release_files.split_target(FLAGS.pytorch_dump_path)
    parity.require_packages()
    prefix, shapes, family = find_family()
    family_choice.check_convertible(family, prefix)
    tasks = release_files.tasks_beside(prefix)
    choice = head_choice.choose(family, shapes, prefix, tasks, FLAGS.head, FLAGS.task_name)
    source = open_source(prefix, shapes, choice.family)
    selection = sources.select(source, choice.head)
    task = release_files.read_task(source, selection, choice.task)
    vocabulary = find_vocabulary(source)
    log("{}: {}".format(selection.architecture.name, source.config.describe_activation()))
    for line in sources.left_out_lines(source, selection, choice.reasons) + choice.notes:
        log(line)
    with folders.staged(folder) as scratch:
        values = export.hugging_face_config(
            source, selection, vocabulary.pad if vocabulary else 0, task.get("labels")
        )
        export.write_json(os.path.join(scratch, export.CONFIG), values)
        export.write_weights(
            os.path.join(scratch, weights),
            source.family.names,
            sources.read_variables(source, selection),
            bare=selection.architecture == source.family.architectures[-1],
        )
        for aside, tensors in sources.read_asides(source, selection):
            export.write_aside(scratch, aside, tensors)
            log("beside the model, in {}: {}".format(aside.file, aside.what))
        check_parity(source, selection, scratch, weights, "report it with the config")
        if vocabulary:
            release_files.write_tokenizer(scratch, vocabulary, source.config, do_lower_case(task))
        else:
            log("no vocabulary was found, so no tokenizer files are written; name it: --vocab_file")
        release_files.write_task(task, scratch)
        release_files.publish(scratch, folder)
    release_files.warn_of_other_weights(folder, weights)
    say_network(source.family)


def to_tensorflow():
    """Hugging Face directory, or ELECTRA's two, -> TensorFlow checkpoint.

    Raises:
      UserError: something is not there, does not fit, or comes out otherwise.
    """
    prefix, paths = FLAGS.tf_dump_path, directories()
    folder, base = release_files.split_prefix(prefix, paths)
    parity.require_packages()
    read = read_directories(paths)
    with folders.staged(folder) as scratch:
        written = os.path.join(scratch, base)
        huggingface.write_checkpoint(written, electra_pair.merged(read))
        for directory in read:
            for is_warning, line in huggingface.report_of(directory, prefix).lines():
                (warn if is_warning else log)(line)
            add_original_config(directory, written, scratch)
        release_files.copy_vocabulary(release_files.vocabulary_in(paths), scratch)
        release_files.copy_task(task_file.path_beside(os.path.join(paths[0], "")), scratch)
        release_files.publish(scratch, folder)
    for directory in read:
        say_network(directory.family)


def strip():
    """Checkpoint of a training run -> release folder.

    Raises:
      UserError: something is not there, or the folder is the checkpoint's own.
    """
    folder = FLAGS.strip_optimizer.rstrip("/") or "/"
    folders.check("--strip_optimizer=" + folder, folder)
    source = open_source(*find_family())
    names = source.family.files
    if os.path.abspath(source.prefix) == os.path.abspath(os.path.join(folder, names.checkpoint)):
        raise UserError(
            "--strip_optimizer={} is where {} itself lies; give another directory".format(
                folder, source.prefix
            )
        )
    vocabulary = find_vocabulary(source)
    with folders.staged(folder) as scratch:
        prefix = os.path.join(scratch, names.checkpoint)
        huggingface.write_checkpoint(prefix, sources.read_release(source))
        checkpoint.verify(prefix)
        log("left out: {} optimizer slots and counters".format(len(source.plan.training_state)))
        # As it is: its further keys are other programs'.
        release_files.copy(FLAGS.config_file, os.path.join(scratch, names.config))
        copy_other_config(source, scratch)
        path, name = (vocabulary.path, vocabulary.file_name) if vocabulary else (None, None)
        release_files.copy_vocabulary(path, scratch, name)
        release_files.copy_task(task_file.path_beside(source.prefix), scratch)
        release_files.publish(scratch, folder)


# A direction: the flags that it needs, those that it takes as well, and its function.
Direction = collections.namedtuple("Direction", ["needs", "takes", "run"])
# By the flag that chooses it.
DIRECTIONS = {
    "pytorch_dump_path": Direction(
        ["tf_checkpoint_path", "config_file"],
        [
            "vocab_file",
            "do_lower_case",
            "head",
            "task_name",
            "gelu",
            "discriminator_or_generator",
        ],
        to_hugging_face,
    ),
    "from_pytorch": Direction(
        ["tf_dump_path"], ["discriminator_or_generator", "task_name"], to_tensorflow
    ),
    "strip_optimizer": Direction(
        ["tf_checkpoint_path", "config_file"], ["vocab_file", "discriminator_or_generator"], strip
    ),
}


def directories():
    """--from_pytorch as a list of one or two directories.

    Raises:
      UserError: there are more.
    """
    given = FLAGS.from_pytorch
    if tf.io.gfile.isdir(given):  # whatever its name is
        return [given]
    paths = given.split(",")
    if len(paths) > 2:
        raise UserError(
            "--from_pytorch={} names {} directories; give one, or ELECTRA's discriminator and "
            "generator".format(given, len(paths))
        )
    for name in ("discriminator_or_generator", "task_name"):
        if len(paths) == 2 and getattr(FLAGS, name):
            raise UserError("--{} does not go with two directories; leave it out".format(name))
    return paths


def read_directories(paths):
    """huggingface.Directory of each path.

    Raises:
      UserError: one cannot be read, or they do not belong together.
    """
    if len(paths) == 2:
        return electra_pair.read_pair(paths)
    named = release_files.tasks_beside(os.path.join(paths[0], ""))
    name = FLAGS.task_name or next(iter(named), None)
    read = huggingface.read_directory(paths[0], FLAGS.discriminator_or_generator, name)
    release_files.check_task_name(read, FLAGS.task_name)
    return [read]


def add_original_config(directory, prefix, folder):
    """Compares a directory with the checkpoint made of it, and writes the config beside that.

    Raises:
      UserError: they differ.
    """
    config = export.original_config(huggingface.config_file(directory.path), directory.family)
    source = sources.open_checkpoint(prefix, config, directory.family, shown=directory.path)
    selection = sources.everything(source)
    hint = "look in {} for settings that Quanci does not have".format(config.source)
    check_parity(source, selection, directory.path, None, hint)
    values = export.original_values(source.config, source.family)
    export.write_json(os.path.join(folder, source.family.files.config), values)


def find_family():
    """(prefix, dict variable name -> shape, Family) of --tf_checkpoint_path.

    Raises:
      UserError: it cannot be read, or is of no family.
    """
    prefix = checkpoint.resolve(FLAGS.tf_checkpoint_path)
    shapes = checkpoint.read_shapes(prefix)
    network = FLAGS.discriminator_or_generator
    return prefix, shapes, family_choice.of_checkpoint(prefix, shapes, network)


def open_source(prefix, shapes, family):
    """Source of what find_family gave, and --config_file.

    Raises:
      UserError: either is wrong, or one does not belong to the other.
    """
    config = read_config(FLAGS.config_file, FLAGS.gelu, shapes)
    source = sources.open_checkpoint(prefix, config, family)
    log("checkpoint {}: {} variables".format(prefix, len(source.plan.loaded)))
    return source


def copy_other_config(source, folder):
    """Copies the config of ELECTRA's other network to a release, where the checkpoint holds both
    and the file lies beside the checkpoint or --config_file.

    Raises:
      UserError: it is damaged.
    """
    other = family_choice.other_network(source.family, source.shapes)
    if other is None:
        return
    own = os.path.basename(FLAGS.config_file)
    names = [own.replace(source.family.network, other.network), other.files.config]
    names = [name for name in names if name != own]
    path = release_files.first_there(names, folders_beside(source))
    if path is None:
        warn("the {}'s config is not written: no {} was found".format(other.network, names[0]))
    elif not sources.fits(read_config(path, FLAGS.gelu, source.shapes), other, source.shapes):
        warn(
            "{} is not written: it does not fit the {} in {}".format(
                path, other.network, source.prefix
            )
        )
    else:
        release_files.copy(path, os.path.join(folder, other.files.config))


def say_network(family):
    """Says which of ELECTRA's networks was converted: one is often taken for the other."""
    if family.network == families.DISCRIMINATOR:
        log("converted: ELECTRA's DISCRIMINATOR, to fine-tune; fill-mask needs the generator")
    elif family.network == families.GENERATOR:
        log("converted: ELECTRA's GENERATOR, for fill-mask; to fine-tune take the discriminator")


def do_lower_case(task):
    """--do_lower_case, or what task.json says."""
    if FLAGS.do_lower_case is not None:
        return FLAGS.do_lower_case
    return bool(task.get("do_lower_case", True))


def find_vocabulary(source):
    """Vocabulary of --vocab_file, or the one that lies beside the checkpoint or the config; None
    where there is none.

    Raises:
      UserError: it is damaged, or has another size than the model.
    """
    return release_files.find_vocabulary(FLAGS.vocab_file, folders_beside(source), source.config)


def folders_beside(source):
    """The folders of the checkpoint and of its config."""
    return [os.path.dirname(path) for path in (source.prefix, FLAGS.config_file)]


def check_parity(source, selection, folder, weights, hint):
    """Computes both sides and shows by how much they differ.

    Raises:
      UserError: by too much.
    """
    differences = parity.compare(source, selection, folder, weights)
    for name, difference in differences.items():
        log("largest difference, {}: {:.2g}".format(name, difference))
    for part in source.family.parts:
        if part.name in selection.parts and part.output not in differences:
            log("copied, but not compared: {}".format(part.output))
    parity.check(differences, hint)


if __name__ == "__main__":
    run_script(main)
