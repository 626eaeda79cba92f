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
from training.distillation.recorded import RecordsRequest

FLAGS = flags.FLAGS
flags.disclaim_key_flags()

TOPIC, RECORDS = "Distillation", "teacher_records"


def define(options, has_records=False):
    """The flags, under a topic of their own.

    Args:
      options: DistillationOptions subclass.
      has_records: whether the teacher's outputs may be in records.
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
    if has_records:
        flags.DEFINE_string(
            RECORDS,
            None,
            "Folder of a teacher's outputs, which run_prediction.py --task=teach has written for "
            "--input_file; in place of --teacher_checkpoint.",
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
    source = _source()
    if source and not FLAGS.do_train:
        raise UserError("--{} is read in training alone; give --do_train, too".format(source))
    if source == RECORDS:
        _check_records()
    if source:
        return
    names = ["teacher_config_file", *(option.name for option in options.declared())]
    names = [name for name in names if getattr(FLAGS, name) is not None]
    if FLAGS["teacher_precision"].present:
        names.append("teacher_precision")
    if names:
        raise UserError(
            "--{} is for a training with a teacher; give --teacher_checkpoint".format(names[0])
        )


def _source():
    """The flag that names a teacher; None without one."""
    if RECORDS in FLAGS and FLAGS[RECORDS].value:
        return RECORDS
    return "teacher_checkpoint" if FLAGS.teacher_checkpoint else None


def _check_records():
    """Refuses what cannot be had of teacher records."""
    for name in ("teacher_checkpoint", "teacher_config_file"):
        if getattr(FLAGS, name):
            raise UserError(
                "--teacher_records and --{} exclude each other: the records say which teacher it "
                "was; remove one".format(name)
            )
    if FLAGS["teacher_precision"].present:
        raise UserError("--teacher_records are computed already; remove --teacher_precision")
    for name, reason in (
        ("pack", "their rows lie in the order of the records, one text in each"),
        ("skip_damaged_records", "they are of all rows of a file, the damaged ones, too"),
    ):
        if getattr(FLAGS, name):
            raise UserError(
                "--{} cannot be combined with --teacher_records: {}; remove it".format(name, reason)
            )


def request(options):
    """The TeacherRequest of the flags, or the RecordsRequest; None without a teacher.

    Args:
      options: see define.

    Raises:
      UserError: a value is refused; the checkpoint is not there, or no config for it.
    """
    source = _source()
    if not source:
        return None
    chosen = options.of(family_flags.given(FLAGS, [options]), "--" + source)
    if source == RECORDS:
        return RecordsRequest(FLAGS[RECORDS].value, chosen, FLAGS.verify_records)
    path = FLAGS.teacher_checkpoint
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
