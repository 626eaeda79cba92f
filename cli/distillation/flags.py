"""The flags of a teacher, and the request made of them."""

from absl import flags

from cli import family_flags, model_folder
from cli.help import topics
from common.errors import UserError
from common.log import log
from data.tokenizers.vocabularies import read_vocabulary
from modeling import checkpoint
from modeling.conversion import directory_contents, huggingface
from training import model_files
from training.devices import numerics
from training.distillation.distillation import TeacherRequest

FLAGS = flags.FLAGS
flags.disclaim_key_flags()

TOPIC = "Distillation"


def define(options):
    """The flags, under a topic of their own.

    Args:
      options: DistillationOptions subclass.
    """
    topics.begin(TOPIC)
    flags.DEFINE_string(
        "teacher_checkpoint",
        None,
        "Weights of a teacher, in any form that --init_checkpoint takes: the model is trained on "
        "its outputs, too.",
    )
    flags.DEFINE_string(
        "teacher_config_file", None, "The teacher's model config; default: that beside its weights."
    )
    flags.DEFINE_enum(
        "teacher_precision",
        numerics.AUTO,
        numerics.PRECISIONS,
        "Precision of the teacher's products; auto: bf16 where this machine multiplies it faster "
        "and kernels are not plain.",
    )
    family_flags.define([options])


def start_of_layers():
    """Has a student whose layers are chosen, and for which no weights are named, start from the
    teacher's."""
    if FLAGS.teacher_checkpoint and FLAGS.init_layers and not FLAGS.init_checkpoint:
        FLAGS.init_checkpoint = FLAGS.teacher_checkpoint
        log("--init_layers are those of the teacher: --init_checkpoint=" + FLAGS.init_checkpoint)


def check(options):
    """Refuses flags of a teacher without one, and a teacher that nothing reads.

    Args:
      options: see define.

    Raises:
      UserError: naming the flag.
    """
    if FLAGS.teacher_checkpoint and not FLAGS.do_train:
        raise UserError("--teacher_checkpoint is read in training alone; give --do_train, too")
    if FLAGS.teacher_checkpoint:
        return
    names = ["teacher_config_file", *(option.name for option in options.declared())]
    names = [name for name in names if getattr(FLAGS, name) is not None]
    if names:
        raise UserError(
            "--{} is for a training with a teacher; give --teacher_checkpoint".format(names[0])
        )


def request(options):
    """The TeacherRequest of the flags, None without a teacher.

    Args:
      options: see define.

    Raises:
      UserError: a value is refused; the checkpoint is not there, or no config for it.
    """
    path = FLAGS.teacher_checkpoint
    if not path:
        return None
    chosen = options.of(family_flags.given(FLAGS, [options]), "--teacher_checkpoint")
    directory_contents.refuse_unreadable(path, "teacher_checkpoint")
    if not huggingface.is_directory(path):
        path = checkpoint.hold(path)
    folders = model_folder.folders_of(path)
    config_file = FLAGS.teacher_config_file or next(iter(model_files.find_configs(folders)), None)
    if not config_file:
        raise UserError(
            "--teacher_config_file is required; none, or more than one, lies in {}".format(
                " or ".join(folders)
            )
        )
    if not FLAGS.teacher_config_file:
        log("--teacher_config_file={}, beside the teacher's weights".format(config_file))
    found = model_files.find_vocabularies(folders)
    return TeacherRequest(
        path=path,
        config_file=config_file,
        gelu=FLAGS.gelu,
        options=chosen,
        precision=FLAGS.teacher_precision,
        vocabulary=read_vocabulary(found[0]) if found else None,
    )
