"""task.json beside a fine-tuned checkpoint: what its outputs mean, for prediction."""

import json
import os

import tensorflow.compat.v1 as tf

from data.files import write_atomically
from errors import UserError
from modeling.config import read_json_object

FILE_NAME = "task.json"


def save(folder, task_name, kind, labels, max_seq_length, do_lower_case):
    """Writes folder/task.json.

    Args:
      folder: directory of the checkpoints.
      task_name: for instance "chnsenticorp".
      kind: "classification".
      labels: list of str, by class number.
      max_seq_length: length of rows in training.
      do_lower_case: bool, of the tokenizer.
    """
    content = {
        "task": task_name,
        "kind": kind,
        "labels": list(labels),
        "max_seq_length": max_seq_length,
        "do_lower_case": do_lower_case,
    }
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    write_atomically(os.path.join(folder, FILE_NAME), text)


def find(prefix, kind):
    """task.json of the checkpoint `prefix`: beside it or, for a best checkpoint, one above.

    Returns:
      dict of what `save` wrote.

    Raises:
      UserError: there is none, it is damaged or of another kind.
    """
    folder = os.path.dirname(prefix)
    for place in (folder, os.path.dirname(folder)):
        path = os.path.join(place, FILE_NAME)
        if tf.io.gfile.exists(path):
            break
    else:
        raise UserError(
            "checkpoint {} has no {} beside it: it was not fine-tuned by run_finetuning.py, or "
            "moved away from its folder".format(prefix, FILE_NAME)
        )
    values = read_json_object(path, "task file")
    if values.get("kind") != kind:
        raise UserError(
            "{} says that the checkpoint was fine-tuned for {!r}, not for {}".format(
                path, values.get("kind"), kind
            )
        )
    labels = values.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError("{}: labels must be a list of names".format(path))
    return values
