"""What lies beside a fine-tuned checkpoint, for the tasks that ask it."""

import os

from finetuning import task_file
from finetuning.styles import heads_for
from modeling import checkpoint
from modeling.conversion import huggingface
from prediction.predictor import Head


def make_heads(setup, name, prefixes=("output_",)):
    """The heads that a checkpoint was fine-tuned with.

    Args:
      setup: task.Setup with what read_settings gave.
      name: what messages call them.
      prefixes: beginnings of their variables' names where they lie in no scope of their own.

    Returns:
      (object of modeling.task_heads, prediction.predictor.Head).
    """
    saved = setup.saved
    heads = heads_for(
        setup.config, saved["task"], saved["is_one_of_several"], saved["head_options"]
    )
    hint = "give a checkpoint that run_finetuning.py wrote for {}".format(saved["task"])
    return heads, Head(heads.scope or prefixes, name, hint)


def read_settings(path, kind, task_name=None, has_classes=True):
    """task.json of the weights.

    Args:
      path: a checkpoint's prefix, or a Hugging Face directory.
      kind: of the task.
      task_name: which of several that were trained at once, None: the only one of that kind.
      has_classes: whether the head has an output for each label.

    Returns:
      dict; see finetuning.task_file.

    Raises:
      UserError: there is none, or it holds wrong values or is of another checkpoint.
    """
    saved = task_file.find(_prefix(path), kind, name=task_name)
    if huggingface.is_directory(path) or not has_classes:
        return saved
    # Of Google's heads, and below a task's scope of ELECTRA's or, with several tasks, Google's.
    scope = "task_specific/{}/".format(saved["task"])
    shapes = checkpoint.read_shapes(path)
    biases = (scope + "dense/bias", scope + "output_bias", "output_bias")
    counts = next((shapes[name] for name in biases if name in shapes), [None])
    return task_file.find(path, kind, counts[0], task_name)


def settings_path(path):
    """Path of the task.json that read_settings reads, for messages."""
    return task_file.path_beside(_prefix(path))


def _prefix(path):
    """A prefix in the folder of the weights."""
    return os.path.join(path, "") if huggingface.is_directory(path) else path
