"""Heads and task.json of fine-tuned checkpoints, for the prediction tasks that use one."""

import os

from finetuning import task_file
from finetuning.head_styles import heads_for
from finetuning.registry import name_among
from modeling import checkpoint
from modeling.conversion import huggingface
from modeling.load_plan import Head


def make_heads(setup, name, prefixes=("output_",)):
    """The heads of a fine-tuned checkpoint.

    Args:
      setup: TaskSetup whose `saved` is the result of read_settings.
      name: of the heads, for messages.
      prefixes: beginnings of their variables' names where they have no scope of their own.

    Returns:
      (object of modeling.task_heads, modeling.load_plan.Head).
    """
    saved = setup.saved
    heads = heads_for(
        setup.config, saved["task"], saved["is_one_of_several"], saved["head_options"]
    )
    hint = "give a checkpoint that run_finetuning.py wrote for {}".format(saved["task"])
    return heads, Head(heads.scope or prefixes, name, hint)


def read_settings(path, kind, task_name=None, has_classes=True):
    """Reads the task.json of the weights.

    Args:
      path: a checkpoint's prefix, or a Hugging Face directory.
      kind: of the fine-tuning task, or a tuple of those that it may be of.
      task_name: one of several tasks that were trained at once, in any spelling; None: the only
        one of that kind.
      has_classes: whether the head has an output for each label.

    Returns:
      dict; see finetuning.task_file.

    Raises:
      UserError: there is none, it holds wrong values, or belongs to another checkpoint.
    """
    beside = settings_path(path)
    if task_name and beside:
        entries = task_file.entries_of(os.path.dirname(beside))
        task_name = name_among(task_name, [entry.get("task") for entry in entries])
    saved = task_file.find(_prefix(path), kind, name=task_name)
    if huggingface.is_directory(path) or not has_classes:
        return saved
    # Google's heads lie at the root, or with several tasks, as ELECTRA's always, in a task's scope.
    scope = "task_specific/{}/".format(saved["task"])
    shapes = checkpoint.read_shapes(path)
    biases = (scope + "dense/bias", scope + "output_bias", "output_bias")
    counts = next((shapes[name] for name in biases if name in shapes), [None])
    return task_file.find(path, kind, counts[0], task_name)


def settings_path(path):
    """Path of the task.json that read_settings reads, for messages."""
    return task_file.path_beside(_prefix(path))


def _prefix(path):
    """A checkpoint prefix in the folder of the weights."""
    return os.path.join(path, "") if huggingface.is_directory(path) else path
