"""The flags of run_prediction.py --task=teach, and the run made of them."""

from absl import flags

from cli import family_flags, model_folder, run_flags
from cli.app import require
from cli.help import topics
from common import files, outputs
from common.errors import UserError
from common.log import log, log_lines
from data.tokenizers.vocabularies import read_vocabulary
from modeling import checkpoint
from modeling.conversion import huggingface
from modeling.distillation.words import WordTeacher
from prediction.predictor import session_config
from prediction.teach import plan, run
from prediction.teach.options import TeachOptions
from training import model_files
from training.checkpoints.initial_weights import digest_of
from training.devices import this_machine

FLAGS = flags.FLAGS
flags.disclaim_key_flags()

NAME = "teach"
# What this task has, beside the flags of all tasks.
OPTIONS = ("output_dir", *(option.name for option in TeachOptions.declared()))
# What lines of text have, and records do not.
_OF_LINES = (
    "output_file",
    "vocab_file",
    "max_seq_length",
    "do_lower_case",
    "normalize_quotes",
    "t2s",
    "task_name",
)


def define():
    """The flags, under a topic of their own."""
    topics.begin(TeachOptions.title)
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder for the teacher's outputs, which run_pretraining.py takes as --teacher_records; "
        "--input_file names record files.",
    )
    family_flags.define([TeachOptions])


def check():
    """Refuses wrong flags before any file is opened.

    Raises:
      UserError: naming the flag.
    """
    require(FLAGS, "init_checkpoint", "input_file", "output_dir")
    for name in _OF_LINES:
        if FLAGS[name].present:
            raise UserError(
                "--{} has no meaning for --task=teach, which reads records; remove it".format(
                    FLAGS[name].name
                )
            )
    outputs.check_folder(FLAGS.output_dir, "--output_dir=" + FLAGS.output_dir)
    _options()


def _options():
    return TeachOptions.of(family_flags.given(FLAGS, [TeachOptions]), "--task=teach")


def main():
    """Writes a teacher's outputs for records.

    Raises:
      UserError: see prediction.teach.
    """
    paths = files.matching(FLAGS.input_file, "--input_file")
    path = run_flags.initial_checkpoint()
    folders = model_folder.settle(path, needed=("config_file",))
    options = _options()
    shapes = () if huggingface.is_directory(path) else checkpoint.read_shapes(path)
    read = run_flags.read_model_config(0, path)
    has_soft_labels = options.soft_label_positions != plan.NONE
    config = WordTeacher().network_config(read, shapes, path, has_soft_labels)
    log(config.describe_activation())
    log_lines([this_machine.describe(session_config=session_config())])
    numerics = run_flags.settle_numerics()
    found = model_files.find_vocabularies(folders)
    made = plan.make(
        plan.TeachRequest(
            paths,
            FLAGS.output_dir,
            options,
            config,
            path,
            digest_of(path, FLAGS.output_dir),
            read_vocabulary(found[0]) if found else None,
            numerics,
        )
    )
    run.teach(made, config, path, FLAGS.predict_batch_size, numerics)
