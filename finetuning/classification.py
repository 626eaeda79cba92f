"""Classification of a text or a pair of texts: from a folder of files to scores."""

import os

import numpy as np

from data import files
from errors import UserError, quoted, some
from finetuning.tables import read_table, text_lines
from modeling.objectives.classification import Classification

SPLITS = ("train", "dev", "test")
# More labels than this, each in one or two examples, are no labels.
_FEW_LABELS = 20


class ClassificationTask:
    """A task whose examples are lines with a label.

    Attributes:
      name: registry name.
      kind: "classification", for task.json.
      defaults: dict of flag -> value where none is given.
      labels: list of str by class number; None until they are known.
      metric: name of the figure by which checkpoints are compared; larger is better.
    """

    kind = "classification"
    metric = "eval_accuracy"

    def __init__(self, name, defaults, labels=None, is_pair=None, extensions=("tsv", "txt")):
        """`is_pair`: whether examples have two texts, None: as the files look. `extensions`: of
        the files train, dev and test, the first that is there is read."""
        self.name, self.defaults, self.labels = name, dict(defaults), labels
        self._is_pair, self._extensions = is_pair, extensions

    def read(self, data_dir, split):
        """The examples of a split: a list of Example, or None where there is no such file.

        Raises:
          UserError: the file is not what it should be.
        """
        for extension in self._extensions:
            path = os.path.join(data_dir, "{}.{}".format(split, extension))
            if files.exists(path):
                break
        else:
            return None
        examples = read_table(path, self._is_pair)
        if self._is_pair is None:
            # All splits look alike, labels aside.
            self._is_pair = examples[0].text_b is not None
        return examples

    def file_names(self, split):
        """What `read` looks for, for messages."""
        return " or ".join("{}.{}".format(split, extension) for extension in self._extensions)

    def lacks(self, data_dir, split):
        """UserError for a split that `read` did not find."""
        names = self.file_names(split)
        if not files.exists(data_dir):
            return UserError(
                "--data_dir {} does not exist; give the folder that holds {}".format(
                    data_dir, names
                )
            )
        if not files.is_directory(data_dir):
            return UserError(
                "--data_dir {} is a file; give the folder that holds {}".format(data_dir, names)
            )
        return UserError("--data_dir {} holds no {}".format(data_dir, names))

    def choose_labels(self, given, data_dir, splits):
        """Settles `labels`: those of the task, else given ones, else labels.txt in data_dir, else
        what the training (or development) examples hold, in the order of their names.

        Args:
          given: list of str or None.
          data_dir: the folder.
          splits: dict split -> examples or None.

        Returns:
          Where they are from, a few words.

        Raises:
          UserError: labels are given for a task that has its own, or there is none or only one.
        """
        if self.labels is not None and given and list(given) != self.labels:
            raise UserError(
                "--labels={}, but task {} has the labels {}; leave it out".format(
                    ",".join(given), self.name, ",".join(self.labels)
                )
            )
        source = "of the task"
        if self.labels is None:
            self.labels, source = self._find_labels(given, data_dir, splits)
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise UserError(
                "labels {} ({}): two different ones at least, each once".format(
                    ",".join(self.labels), source
                )
            )
        return source

    def _find_labels(self, given, data_dir, splits):
        if given:
            return list(given), "--labels"
        path = os.path.join(data_dir, "labels.txt")
        if files.exists(path):
            return [line.strip() for _, line in text_lines(path) if line.strip()], path
        for split in SPLITS[:2]:
            if splits.get(split):
                found = {e.label for e in splits[split] if e.label is not None}
                _check_found(found, splits[split], path)
                return sorted(found), "found in {}".format(split)
        raise UserError("the labels are not known; give --labels or {}".format(path))

    def label_numbers(self, examples):
        """int32 [examples]: class of each example; 0 where it has no label.

        Raises:
          UserError: a label is not one of `labels`.
        """
        known = {label: number for number, label in enumerate(self.labels)}
        numbers = np.zeros(len(examples), np.int32)
        for i, example in enumerate(examples):
            if example.label is None:
                continue
            if example.label not in known:
                raise UserError(
                    "{}: unknown label {}; known are {}".format(
                        example.where, quoted(example.label), some(self.labels, 20)
                    )
                )
            numbers[i] = known[example.label]
        return numbers

    def objective(self):
        """What is trained: modeling.objectives.classification.Classification."""
        return Classification(self.name, len(self.labels))

    def score(self, numbers, probabilities, prefix="eval"):
        """Figures of predictions, by scikit-learn.

        Args:
          numbers: int32 [examples], right classes.
          probabilities: float32 [examples, labels].
          prefix: first part of the names.

        Returns:
          dict: accuracy, macro-averaged F1 over the classes that occur, Matthews correlation.
        """
        from sklearn import metrics

        found = np.argmax(probabilities, axis=-1)
        return {
            prefix + "_accuracy": float(metrics.accuracy_score(numbers, found)),
            prefix + "_macro_f1": float(metrics.f1_score(numbers, found, average="macro")),
            prefix + "_mcc": float(metrics.matthews_corrcoef(numbers, found)),
        }


def _check_found(labels, examples, labels_file):
    """Refuses what are texts rather than labels: the columns stand in another order.

    Args:
      labels: set of str.
      examples: the Examples that they are from.
      labels_file: where the user may list them if they are labels all the same.

    Raises:
      UserError: there are nearly as many as examples, and either more than a few or much longer
        than the texts.
    """
    if len(labels) <= len(examples) / 2:
        return
    text_length = sum(len(e.text_a) for e in examples) / len(examples)
    label_length = sum(map(len, labels)) / len(labels)
    if len(labels) > _FEW_LABELS or label_length > 2 * text_length:
        raise UserError(
            "{}: column {} is taken for the label, but in {} examples it has {} different values, "
            "such as {}; put the label into the last column, or name the columns in a first line "
            "(label, text_a); if these are labels, list them in {}".format(
                examples[0].where,
                examples.label_column,
                len(examples),
                len(labels),
                quoted(examples[0].label, 40),
                labels_file,
            )
        )
