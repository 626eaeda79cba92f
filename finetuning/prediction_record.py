"""The record beside the predictions of a split: the model and the examples that they are of.

It is written after them. So predictions without a record that fits are those of another model, or
not all of them were written: their mere existence says nothing.
"""

import json
import os
import re

from common import files
from common.errors import UserError
from common.outputs import write_atomically
from common.validation import is_object
from modeling.config import read_json_object

SCORES_FILE = "test_scores.txt"
# What Task.save_predictions and reports.save_scores call their files.
_OURS = re.compile(
    r"(dev|test)_((results|label_scores)\.tsv|labels\.txt|predictions\.txt)|test_scores\.txt"
    r"|[^/]+_(dev|test)_(preds|nbest|result)\.json|[^/]+_predict\.json"
)


def file_name(split):
    """Name of the record of a split."""
    return "_{}_predictions.json".format(split)


def save(folder, split, origin, names):
    """Writes the record, and removes files that an earlier one lists and this one does not: they
    would be taken for predictions of this model.

    Args:
      folder: of the files.
      split: "dev" or "test".
      origin: dict for JSON, what the predictions depend on.
      names: of the files of the predictions and their figures, all written.
    """
    # Removed first: after a kill the old record is still there, and with it the list.
    for name, digest in _read(folder, split).get("files", {}).items():
        if name not in names and _OURS.fullmatch(name) and _has(folder, name, digest):
            files.remove(os.path.join(folder, name))
    digests = {name: files.sha256(os.path.join(folder, name)) for name in names}
    text = json.dumps({"origin": origin, "files": digests}, indent=1) + "\n"
    write_atomically(os.path.join(folder, file_name(split)), text)


def is_good(folder, split, origin):
    """Whether all files of a split's predictions are there, unchanged and of that origin.

    Args:
      folder, split, origin: see `save`.
    """
    content = _read(folder, split)
    if not content or content["origin"] != json.loads(json.dumps(origin)):
        return False
    return all(_has(folder, name, digest) for name, digest in content["files"].items())


def _read(folder, split):
    """The content of a record, {} where there is none, or a damaged one."""
    path = os.path.join(folder, file_name(split))
    if not files.exists(path):
        return {}
    try:
        content = read_json_object(path, "record of predictions")
    except UserError:  # the predictions are written again
        return {}
    listed = content.get("files")
    return content if is_object(listed) and listed and "origin" in content else {}


def _has(folder, name, digest):
    path = os.path.join(folder, os.path.basename(name))
    return files.exists(path) and not files.is_directory(path) and files.sha256(path) == digest
