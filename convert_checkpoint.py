"""Converts TensorFlow checkpoints to Hugging Face directories and back, and makes release folders.

python convert_checkpoint.py --tf_checkpoint_path=bert_model.ckpt --config_file=bert_config.json \\
    --vocab_file=vocab.txt --pytorch_dump_path=hf
python convert_checkpoint.py --from_pytorch=hf --tf_dump_path=tf/bert_model.ckpt
python convert_checkpoint.py --tf_checkpoint_path=electra --config_file=discriminator.json \\
    --pytorch_dump_path=hf --discriminator_or_generator=discriminator
python convert_checkpoint.py --tf_checkpoint_path=out --config_file=bert_config.json \\
    --strip_optimizer=release
"""

import typing

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import conversion, original_names, run_flags
    from cli.app import prepare_tensorflow, require, run_script
    from cli.help import topics
    from common import files
    from common.errors import UserError
    from modeling.conversion import families, sources

FLAGS = flags.FLAGS

topics.lead(
    ("tf_checkpoint_path", "pytorch_dump_path", "from_pytorch", "tf_dump_path", "strip_optimizer"),
    ("config_file", "vocab_file", "head", "task_name"),
)
topics.begin("TensorFlow to Hugging Face")
flags.DEFINE_string(
    "pytorch_dump_path",
    None,
    "Directory to write for Hugging Face; a name that ends in .bin is a weights file there.",
)
flags.DEFINE_string(
    "tf_checkpoint_path", None, "Checkpoint to convert: a prefix, an .index file or a directory."
)
original_names.add_names("tf_checkpoint_path", "init_checkpoint")
flags.DEFINE_string(
    "config_file", None, "JSON file with the sizes of --tf_checkpoint_path; default: beside it."
)
original_names.add_names("config_file", "bert_config_file")
flags.DEFINE_string(
    "vocab_file", None, "Vocabulary; default: the one beside the checkpoint or its config."
)
flags.DEFINE_bool(
    "do_lower_case",
    None,
    "Lower-case texts, as the model was trained; default: as in task.json, else true.",
)
flags.DEFINE_string(
    "head",
    sources.AUTO,
    "Head to convert: {}; auto takes the first that the checkpoint has, of the kind that task.json "
    "beside it names.".format(", ".join(families.HEADS)),
)
flags.DEFINE_string(
    "task_name",
    None,
    "Task whose head to convert, of a checkpoint with several; of ELECTRA's Hugging Face directory "
    "the name to give it.",
)
run_flags.define_gelu()
flags.DEFINE_enum(
    "discriminator_or_generator",
    None,
    families.NETWORKS,
    "Which of ELECTRA's networks to convert; default: the discriminator, of a directory the one it "
    "holds.",
)
topics.begin("Hugging Face to TensorFlow")
flags.DEFINE_string(
    "from_pytorch",
    None,
    "Hugging Face directory to convert; ELECTRA's two with a comma give one checkpoint.",
)
flags.DEFINE_string("tf_dump_path", None, "Prefix of the TensorFlow checkpoint to write.")
flags.DEFINE_bool(
    "write_meta_graph",
    True,
    "Write a .meta file with a TensorFlow checkpoint: its variables and their saver, for "
    "tf.train.import_meta_graph.",
)
topics.begin("A copy without training state")
flags.DEFINE_string(
    "strip_optimizer", None, "Directory for a copy without the optimizer's state and the step."
)


def main(argv):
    """Runs the conversion of the flags."""
    del argv
    prepare_tensorflow()
    check_flags().run()


def to_hugging_face():
    """--pytorch_dump_path."""
    conversion.to_hugging_face(
        model_files(), FLAGS.pytorch_dump_path, FLAGS.head, FLAGS.task_name, FLAGS.do_lower_case
    )


def to_tensorflow():
    """--from_pytorch."""
    conversion.to_tensorflow(
        directories(),
        FLAGS.tf_dump_path,
        FLAGS.discriminator_or_generator,
        FLAGS.task_name,
        FLAGS.write_meta_graph,
    )


def strip_optimizer():
    """--strip_optimizer."""
    conversion.strip_optimizer(model_files(), FLAGS.strip_optimizer, FLAGS.write_meta_graph)


class Direction(typing.NamedTuple):
    """A direction of conversion.

    Attributes:
      needs: list of the flags that it cannot do without.
      takes: list of the further flags that it takes.
      run: its function.
    """

    needs: list
    takes: list
    run: typing.Callable


# By the flag that chooses it.
DIRECTIONS = {
    "pytorch_dump_path": Direction(
        ["tf_checkpoint_path"],
        [
            "config_file",
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
        ["tf_dump_path"],
        ["discriminator_or_generator", "task_name", "write_meta_graph"],
        to_tensorflow,
    ),
    "strip_optimizer": Direction(
        ["tf_checkpoint_path"],
        ["config_file", "vocab_file", "discriminator_or_generator", "write_meta_graph"],
        strip_optimizer,
    ),
}


def check_flags():
    """Refuses flags that cannot be combined, before any file is opened.

    Returns:
      Direction.

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
            raise UserError("--{} cannot be combined with --{}; remove it".format(name, chosen[0]))
    heads = (sources.AUTO, *families.HEADS)
    if FLAGS.head not in heads:
        raise UserError(
            "--head={} is not known; use one of {}".format(FLAGS.head, ", ".join(heads))
        )
    return direction


def model_files():
    """ModelFiles of the flags."""
    return conversion.ModelFiles(
        FLAGS.tf_checkpoint_path,
        FLAGS.config_file,
        FLAGS.vocab_file,
        FLAGS.gelu,
        FLAGS.discriminator_or_generator,
    )


def directories():
    """The directories of --from_pytorch, one or ELECTRA's two.

    Raises:
      UserError: there are more, or two that a flag cannot be combined with.
    """
    given = FLAGS.from_pytorch
    if files.is_directory(given):  # even with a comma in its name
        return [given]
    paths = given.split(",")
    if len(paths) > 2:
        raise UserError(
            "--from_pytorch={} names {} directories; give one, or ELECTRA's discriminator and "
            "generator".format(given, len(paths))
        )
    for name in ("discriminator_or_generator", "task_name"):
        if len(paths) == 2 and getattr(FLAGS, name):
            raise UserError("--{} cannot be combined with two directories; remove it".format(name))
    return paths


if __name__ == "__main__":
    run_script(main)
