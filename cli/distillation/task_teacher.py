"""The teacher of a fine-tuning: what it was fine-tuned for, and its heads."""

import dataclasses
import itertools

from common.errors import UserError, some
from common.log import warn
from data.tokenizers.text_settings import TextSettings
from finetuning import loading, task_file
from finetuning.head_styles import heads_in
from modeling.conversion import huggingface
from modeling.distillation.distilled import check_objective
from training.distillation import distillation
from training.run_config import RunConfig


def settle(settings, task, objective, model_config, vocabulary):
    """The teacher that --teacher_checkpoint names, which all trials share.

    Args:
      settings: cli.finetuning_trials.FinetuningSettings.
      task: task object whose labels are known; of several the first.
      objective: what is trained.
      model_config: of the student.
      vocabulary: of the student.

    Returns:
      training.distillation.distillation.Distillation without numerics; None without a teacher.

    Raises:
      UserError: several tasks are trained; the teacher was fine-tuned for another kind of task, or
        has other labels; see distillation.settle.
    """
    request = settings.teacher
    if not request:
        return None
    check_objective(objective, request.options)
    if request.options.soft_label_weight:
        request = _with_heads(request, task, settings, vocabulary)
    config = RunConfig(
        settings.output_dir,
        objective.name,
        train_files=[],
        eval_files=[],
        max_seq_length=settings.max_seq_length,
        use_tpu=settings.use_tpu,
    )
    return distillation.settle(request, objective, model_config, config, vocabulary.sha256)


def _with_heads(request, task, settings, vocabulary):
    """The TeacherRequest with the heads of its task.json, or of a Hugging Face directory."""
    path = request.path
    _, (saved,) = loading.read_saved([task], path)
    task_file.check_vocabulary(saved, vocabulary, path)
    _check_labels(saved.get("labels"), task, path)
    _compare_texts(saved, settings, path)
    name, options = saved.get("task", task.name), saved.get("head_options")
    # A directory holds one head, without a scope.
    is_one_of_several = saved.get("is_one_of_several") and not huggingface.is_directory(path)

    def make_heads(config, shapes):
        return heads_in(shapes, config, name, is_one_of_several, options)

    return dataclasses.replace(request, make_heads=make_heads, task_name=name)


def _check_labels(labels, task, path):
    if labels is None:
        warn(
            "the teacher {} does not name its labels; those of the student are taken, in this "
            "order: {}".format(path, some(list(task.labels)))
        )
        return
    pairs = itertools.zip_longest(labels, task.labels, fillvalue="none")
    for number, (theirs, own) in enumerate(pairs):
        if theirs != own:
            raise UserError(
                "the teacher {} has other labels than the student: number {} is {} there and {} "
                "here; both must have the same in one order (--labels, labels.txt)".format(
                    path, number, theirs, own
                )
            )


def _compare_texts(saved, settings, path):
    """Warns of texts that the teacher was fine-tuned on in another form."""
    for name in TextSettings._fields:
        value, own = saved.get(name), getattr(settings, name)
        if value is not None and value != own:
            warn(
                "the teacher {} was fine-tuned with --{}={}, and reads the student's texts, with "
                "{}".format(path, name, str(value).lower(), str(own).lower())
            )
