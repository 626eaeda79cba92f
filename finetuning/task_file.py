"""task.json beside a fine-tuned checkpoint: what its outputs mean, for prediction."""

import hashlib
import json
import os

import tensorflow.compat.v1 as tf

from data.files import write_atomically
from errors import UserError, quoted
from modeling.config import read_json_object

FILE_NAME = "task.json"
SHORTEST_ROW, LONGEST_ROW = 3, 65536
BEST = "best"  # the folder of the best checkpoint, below that of the run


def fingerprint(examples):
    """A name for the content of a list of examples, in their order."""
    digest = hashlib.sha256()
    for example in examples:
        content = [example.text_a, example.text_b, example.label]
        digest.update(json.dumps(content).encode("ascii"))
    return digest.hexdigest()


def save(folder, task_name, kind, labels, max_seq_length, do_lower_case, fingerprints=None):
    """Writes folder/task.json.

    Args:
      folder: directory of the checkpoints.
      task_name: for instance "chnsenticorp".
      kind: "classification".
      labels: list of str, by class number.
      max_seq_length: length of rows in training.
      do_lower_case: bool, of the tokenizer.
      fingerprints: dict split -> fingerprint of its examples, or None.
    """
    content = {
        "task": task_name,
        "kind": kind,
        "labels": list(labels),
        "max_seq_length": max_seq_length,
        "do_lower_case": do_lower_case,
        "fingerprints": fingerprints or {},
    }
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    write_atomically(os.path.join(folder, FILE_NAME), text)


def path_beside(prefix):
    """Path of task.json beside the checkpoint `prefix` or, for a best checkpoint, one above; None
    where there is none."""
    folder = os.path.dirname(prefix)
    if os.path.basename(folder) == BEST:
        folder = os.path.dirname(folder)
    path = os.path.join(folder, FILE_NAME)
    return path if tf.io.gfile.exists(path) else None


def find(prefix, kind, num_labels=None):
    """What `save` wrote for the checkpoint `prefix`.

    Args:
      prefix: checkpoint prefix.
      kind, num_labels: see `read`.

    Returns:
      dict.

    Raises:
      UserError: there is no such file, or see `read`.
    """
    path = path_beside(prefix)
    if path is None:
        raise UserError(
            "checkpoint {} has no {} beside it: it was not fine-tuned by run_finetuning.py, or "
            "moved away from its folder".format(prefix, FILE_NAME)
        )
    return read(path, kind, num_labels)


def read(path, kind, num_labels=None):
    """The content of a task.json.

    Args:
      path: its name.
      kind: as for `save`.
      num_labels: classes of the checkpoint, None where they are not known.

    Returns:
      dict.

    Raises:
      UserError: it is damaged, of another kind or of another checkpoint.
    """
    values = read_json_object(path, "task file")
    if values.get("kind") != kind:
        raise UserError(
            "{} says that the checkpoint was fine-tuned for {}, not for {}".format(
                path, quoted(values.get("kind")), kind
            )
        )
    labels = values.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError("{}: labels must be a list of names".format(path))
    if not labels or len(set(labels)) < len(labels):
        raise UserError("{} names no label, or one twice".format(path))
    if num_labels not in (None, len(labels)):
        raise UserError(
            "{} names {} labels, but the checkpoint has {} classes; it belongs to another "
            "one".format(path, len(labels), num_labels)
        )
    _check_settings(path, values)
    return values


def _check_settings(path, values):
    for key, what in (("max_seq_length", int), ("do_lower_case", bool)):
        if type(values.get(key)) is not what:
            raise UserError(
                "{}: {} is {}, but must be {}".format(
                    path,
                    key,
                    quoted(values.get(key)),
                    "true or false" if what is bool else "a whole number",
                )
            )
    if not SHORTEST_ROW <= values["max_seq_length"] <= LONGEST_ROW:
        raise UserError(
            "{}: max_seq_length is {}, but must be from {} to {}".format(
                path, values["max_seq_length"], SHORTEST_ROW, LONGEST_ROW
            )
        )
