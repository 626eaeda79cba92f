"""Rows of examples as record files, in the format of pre-training records."""

import collections
import hashlib
import itertools
import json
import os
from typing import Any, Dict, NamedTuple, Optional

import numpy as np

from common import files, outputs
from common.errors import UserError
from common.validation import is_count
from data.records.encoding import RecordLayout
from data.records.schema import FEATURES, feature_length
from data.records.tfrecord import frame
from modeling.config import read_json_object

# Names of the record files, by split; Google's.
RECORD_FILES = {"train": "train.tf_record", "dev": "eval.tf_record", "test": "predict.tf_record"}
CHUNK = 2000
# To be raised with every change of the records of the same examples.
_VERSION = 1


class FeatureFile(NamedTuple):
    """A record file of the rows of a split.

    Attributes:
      path: of the file.
      rows: how many it holds, those that fill the last batch not counted.
      pieces: how many these hold.
      truncated: how many examples are not wholly in their rows.
      is_kept: whether it was written by an earlier run.
      made_from: dict of all that the records depend on.
    """

    path: str
    rows: int
    pieces: int
    truncated: int
    is_kept: bool
    made_from: Optional[Dict[str, Any]] = None


def fingerprint(examples):
    """SHA-256 of the content of a list of examples, in their order."""
    digest = hashlib.sha256()
    for example in examples:
        content = list(example._replace(where=None))
        digest.update(json.dumps(content).encode("ascii"))
    return digest.hexdigest()


def union_of_features(tasks):
    """List of the features of rows where several tasks are trained at once."""
    names = [name for task in tasks for name in task.feature_names]
    return [*collections.OrderedDict.fromkeys(names), "task_numbers"]


def label_counts(tasks):
    """dict feature -> number of its values, for features with a value for each label: of several
    tasks, as many as the one with most labels has."""
    counts = {}
    for task in tasks:
        for name in task.feature_names:
            if FEATURES[name].shape == "L":
                counts[name] = max(len(task.labels), counts.get(name, 0))
    return counts


def write_splits(
    folder, tasks, number, splits, tokenizer, max_seq_length, multiples=None, is_owner=True
):
    """Writes the rows of a task's splits into a folder.

    Args:
      folder: which exists.
      tasks: all tasks of the run; rows of several are trained on in one batch, so each row names
        its task and has the features of all.
      number: index of the task to write.
      splits: dict split -> Examples of that task.
      tokenizer, max_seq_length: see write_features.
      multiples: dict split -> multiple_of of write_features, or None.
      is_owner: see write_features.

    Returns:
      dict split -> FeatureFile.
    """
    features = {}
    for split, examples in splits.items():
        options = {"is_owner": is_owner, "multiple_of": (multiples or {}).get(split, 1)}
        if split == "train" and len(tasks) > 1:
            options["names"] = union_of_features(tasks)
            options["constants"] = {"task_numbers": number}
            options["labels"] = label_counts(tasks)
        path = os.path.join(folder, RECORD_FILES[split])
        features[split] = write_features(
            path, tasks[number], examples, tokenizer, max_seq_length, **options
        )
    return features


def write_features(
    path,
    task,
    examples,
    tokenizer,
    max_seq_length,
    names=None,
    constants=None,
    multiple_of=1,
    is_owner=True,
    labels=None,
):
    """Writes the rows of examples in order, under a temporary name first; a file of the same
    examples, vocabulary and length is kept:

        task = get_task("chnsenticorp")
        dev = task.read("data/chnsenticorp", "dev")
        task.choose_labels(None, "data/chnsenticorp", {"dev": dev})
        tokenizer = read_vocabulary("vocab.txt").make_tokenizer(do_lower_case=True)
        print(write_features("dev.tf_record", task, dev, tokenizer, max_seq_length=128).rows)

    Args:
      path: record file; a description of its sources is written beside it.
      task: task object, whose labels are known.
      examples: Examples.
      tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).
      max_seq_length: length of rows.
      names: features of a record; None: the task's. Missing features of a row are padding.
      constants: dict feature -> number for all rows, or None.
      multiple_of: the last row is repeated up to a multiple of this many records: a TPU takes
        full batches only.
      is_owner: whether `path` is a file of this run alone. If not, it is another's to write: where
        it is of other sources, the records go to one whose name holds a digest of their sources.
      labels: dict feature -> number of its values, see label_counts; None: the task's.

    Returns:
      FeatureFile.
    """
    names = list(names or task.feature_names)
    labels = label_counts([task]) if labels is None else labels
    made_from = {
        "version": _VERSION,
        "task": [task.name, task.kind, task.labels, task.row_options],
        "examples": fingerprint(examples),
        "vocabulary": tokenizer.vocabulary.sha256,
        "do_lower_case": tokenizer.do_lower_case,
        "max_seq_length": max_seq_length,
        "features": names,
        "constants": constants or {},
        "multiple_of": multiple_of,
    }
    if labels:
        made_from["label_counts"] = labels
    if tokenizer.normalize_quotes:  # rows of earlier versions, all without, are kept
        made_from["normalize_quotes"] = True
    if tokenizer.t2s:
        made_from["t2s"] = True
    kept = _kept(path, made_from)
    if not kept and not is_owner:
        path = _own_path(path, made_from)
        kept = _kept(path, made_from)
    if kept:
        return kept
    width = max_seq_length * task.texts_per_row
    layout = RecordLayout(names, width, 0, len(tokenizer.vocabulary), labels)
    lengths = {name: feature_length(name, width, 0, labels) for name in names}
    written, pieces, truncated, digest = 0, 0, 0, hashlib.sha256()
    with outputs.replacing(path) as writer:

        def write(content):
            writer.write(content)
            digest.update(content)

        for rows, cut in _chunks(task, examples, tokenizer, max_seq_length):
            values = {
                name: _values(name, rows, length, task.texts_per_row, constants or {})
                for name, length in lengths.items()
            }
            framed = frame(layout.encode(values))
            write(framed.tobytes())
            written, truncated = written + len(rows), truncated + cut
            pieces += int(values["input_mask"].sum())
        for _ in range(-written % multiple_of):
            write(framed[-1].tobytes())
    content = {
        "rows": written,
        "pieces": pieces,
        "truncated": truncated,
        "sha256": digest.hexdigest(),
        "made_from": made_from,
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    outputs.write_atomically(_beside(path), text)
    return FeatureFile(path, written, pieces, truncated, False, made_from)


def digest_of(made_from):
    """Sixteen digits that stand for sources, for names of files."""
    content = json.dumps(made_from, sort_keys=True).encode("ascii")
    return hashlib.sha256(content).hexdigest()[:16]


def _own_path(path, made_from):
    """eval.tf_record -> eval-0123456789abcdef.tf_record"""
    stem, ending = os.path.splitext(path)
    return "{}-{}{}".format(stem, digest_of(made_from), ending)


def _beside(path):
    """Name of the file that describes the sources of the records of `path`."""
    folder, name = os.path.split(path)
    return os.path.join(folder, "_{}.json".format(name))


def _kept(path, made_from):
    """FeatureFile of earlier records from the same sources; None without."""
    beside = _beside(path)
    if files.is_remote(path) or not files.exists(path) or not files.exists(beside):
        return None
    try:
        content = read_json_object(beside, "record of features")
    except UserError:  # the rows are written again
        return None
    counts = [content.get(key) for key in ("rows", "pieces", "truncated")]
    # Records of other examples may have as many bytes, so their content is compared. A run that was
    # killed between the records and their description leaves the description of older ones.
    if not all(map(is_count, counts)) or content.get("made_from") != made_from:
        return None
    if content.get("sha256") != files.sha256(path):
        return None
    return FeatureFile(path, *counts, True, made_from)


def _chunks(task, examples, tokenizer, max_seq_length):
    """Yields (list of TaskRow, how many examples of them are truncated)."""
    examples = iter(examples)
    while True:
        chunk = list(itertools.islice(examples, CHUNK))
        if not chunk:
            return
        of_examples = [task.rows(example, tokenizer, max_seq_length) for example in chunk]
        cut = sum(any(row.is_truncated for row in rows) for rows in of_examples)
        yield [row for rows in of_examples for row in rows], cut


def _values(name, rows, length, texts_per_row, constants):
    """int [rows, length]: a feature of all rows, padded; that of pieces for text after text."""
    feature = FEATURES[name]
    texts = texts_per_row if feature.shape == "S" else 1
    values = np.full(
        [len(rows), texts, length // texts], constants.get(name, feature.pad), np.int64
    )
    for i, row in enumerate(rows):
        numbers = row.features.get("input_ids" if name == "input_mask" else name, [])
        for place, of_text in enumerate(numbers if texts > 1 else [numbers]):
            values[i, place, : len(of_text)] = 1 if name == "input_mask" else of_text
    return values.reshape(len(rows), length)
