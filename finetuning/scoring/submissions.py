"""Predictions for the test sets of CLUE in the format of its site: a JSON object per line,
{"id": ..., "label": ...}, for each object of the test file, in its order.

The site compares classes line by line and reads nothing but "label", a text (CLUE's notes on
submissions of 2021-09-04); under another name a file counts as none and scores 0.
"""

import json
import os

from common.outputs import write_atomically
from finetuning.layouts.tables import EMPTY_LINE

# Task -> name of its file; where the test set was replaced, the name has the set's version. A
# test.json of TNEWS is version 1.1: the older set was test1.0.json by then.
_NAMES = {
    "afqmc": "afqmc_predict.json",
    "cluewsc2020": "cluewsc2020_predict.json",
    "cmnli": "cmnli_predict.json",
    "csl": "csl_predict.json",
    "iflytek": "iflytek_predict.json",
    "ocnli": "ocnli_50k_predict.json",
    "tnews": "tnews_predict.json",
    "c3": "c311_predict.json",
    "chid": "chid11_predict.json",
}
_NAMES_OF_VERSIONS = {
    ("cluewsc2020", "test1.0.json"): "cluewsc10_predict.json",
    ("cluewsc2020", "test1.1.json"): "cluewsc11_predict.json",
    ("tnews", "test1.0.json"): "tnews10_predict.json",
    ("tnews", "test1.1.json"): "tnews11_predict.json",
    ("tnews", "test.json"): "tnews11_predict.json",
    **{
        (task, name): task + "10_predict.json"
        for task in ("c3", "chid")
        for name in ("test.json", "test1.0.json", "c3-m-test.json", "m-test.json")
    },
}
# Names of TNEWS's classes.
_TNEWS_TOPICS = {
    "100": "story",
    "101": "culture",
    "102": "entertainment",
    "103": "sports",
    "104": "finance",
    "106": "house",
    "107": "car",
    "108": "edu",
    "109": "tech",
    "110": "military",
    "112": "travel",
    "113": "world",
    "114": "stock",
    "115": "agriculture",
    "116": "game",
}


def name_for(task_name, test_path):
    """Name of the file of a task's submission; None where CLUE has no such task.

    Args:
      task_name: registry name.
      test_path: the test file, whose name may contain its version.
    """
    name = _NAMES.get(task_name)
    return name and _NAMES_OF_VERSIONS.get((task_name, os.path.basename(test_path)), name)


def is_whole(examples):
    """Whether every object of a file became an example. Otherwise all lines after the missing one
    would be compared with the wrong ones."""
    return not set(examples.skipped) - {EMPTY_LINE}


def notes(task_name, examples):
    """List of (is_warning, text): that there will be no submission, and why.

    Args:
      task_name: registry name.
      examples: Examples of the test file.
    """
    name = name_for(task_name, examples.path)
    if not name or is_whole(examples):
        return []
    text = "test: rows were skipped, so {} would not match {} line by line and is not written"
    return [(True, text.format(name, examples.path))]


def save_classes(folder, task_name, examples, labels):
    """Writes the submission of a classification task, where there is one.

    Args:
      folder: where to.
      task_name: registry name.
      examples: Examples of the test file, with `id`.
      labels: list of str, the predicted ones.

    Returns:
      Path of the file; None: CLUE has no such task, or see `is_whole`.
    """
    name = name_for(task_name, examples.path)
    if not name or not is_whole(examples):
        return None
    rows = [{"id": example.id, "label": label} for example, label in zip(examples, labels)]
    if task_name == "tnews":
        for row in rows:
            row["label_desc"] = "news_" + _TNEWS_TOPICS[row["label"]]
    return _write(os.path.join(folder, name), rows)


def save_choices(folder, task_name, examples, answers):
    """Writes the submission of C3, a line {"id": ..., "label": number of the choice} a question, or
    of CHID, one object {blank: number of the candidate}.

    Args:
      folder: where to.
      task_name: registry name.
      examples: Examples of the test file.
      answers: list of (id of the question, number of the choice).

    Returns:
      Path of the file; None: see save_classes.
    """
    name = name_for(task_name, examples.path)
    if not name or not is_whole(examples):
        return None
    path = os.path.join(folder, name)
    if task_name == "chid":
        write_atomically(path, json.dumps(dict(answers), ensure_ascii=False, indent=2) + "\n")
        return path
    return _write(path, [{"id": identity, "label": number} for identity, number in answers])


def save_entities(path, examples, spans):
    """Writes the submission of CLUENER: "label" is {type: {entity: [[start, end], ...]}}, both in
    characters and `end` the last one.

    Args:
      path: the file.
      examples: iterable of TaggedExample, a token per character.
      spans: for each a list of Span.

    Returns:
      path.
    """
    rows = []
    for example, of_example in zip(examples, spans):
        label = {}
        for span in of_example:
            entity = "".join(example.tokens[span.start : span.end])
            places = label.setdefault(span.type, {}).setdefault(entity, [])
            places.append([span.start, span.end - 1])
        rows.append({"id": example.id, "label": label})
    return _write(path, rows)


def _write(path, rows):
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, "".join(lines))
    return path
