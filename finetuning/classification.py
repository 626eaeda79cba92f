"""Classification of a text or a pair of texts: from a folder of files to scores."""

import os

import numpy as np

from data import files
from errors import UserError, quoted, some
from finetuning.settings import Settings
from finetuning.tables import checked, read_table, text_lines
from modeling.objectives.classification import Classification

SPLITS = ("train", "dev", "test")
# split -> names of files in the folder, of which the first that is there is read.
TABLE_FILES = {split: (split + ".tsv", split + ".txt", split + ".csv") for split in SPLITS}
# More labels than this, each in one or two examples, are no labels.
_FEW_LABELS = 20


class ClassificationTask:
    """A task whose examples are texts or pairs of texts with a label.

    Attributes:
      name: registry name.
      kind: "classification", for task.json.
      settings: Settings, what it is usually trained with.
      labels: list of str by class number; None until they are known.
      metric: name of the figure by which checkpoints are compared; larger is better.
    """

    kind = "classification"
    metric = "eval_accuracy"

    def __init__(
        self,
        name,
        settings=None,
        labels=None,
        is_pair=None,
        file_names=TABLE_FILES,
        layout=None,
        label_files=("labels.txt",),
        aliases=None,
        no_labels=(),
        has_numbers=False,
    ):
        """Says where the examples of a task are and how they are read.

        Args:
          name, settings, labels: see the class.
          is_pair: whether examples have two texts, None: as the files look. For tables only.
          file_names: dict split -> names in the folder; the first that is there is read.
          layout: function of a path that returns Examples; None: read_table.
          label_files: names of files that list the labels, a line each; the first that is there
            counts.
          aliases: dict of other spellings of labels -> labels.
          no_labels: labels that say there is none; such examples are left out.
          has_numbers: whether examples may have labels by their number in that file, from 0.
        """
        self.name, self.labels = name, labels
        self.settings = settings or Settings()
        self._is_pair, self._file_names, self._layout = is_pair, file_names, layout
        self._label_files, self._aliases = label_files, aliases or {}
        self._no_labels, self._has_numbers = no_labels, has_numbers

    def read(self, data_dir, split):
        """The examples of a split: Examples, or None where there is no such file.

        Raises:
          UserError: the file is not what it should be.
        """
        paths = (os.path.join(data_dir, name) for name in self._file_names[split])
        path = next((path for path in paths if files.exists(path)), None)
        if path is None:
            return None
        examples = self._layout(path) if self._layout else read_table(path, self._is_pair)
        if self._layout is None and self._is_pair is None:
            # All splits look alike, labels aside.
            self._is_pair = examples[0].text_b is not None
        self._mend_labels(examples, self._numbered(data_dir))
        return checked(examples)

    def _mend_labels(self, examples, names):
        """Gives labels their usual names, and leaves out examples that have none."""
        kept = []
        for example in examples:
            if example.label in self._no_labels:
                examples.skipped["labels {}".format(example.label)] += 1
                continue
            if example.label in names:
                examples.mended["labels by number"] += 1
                example = example._replace(label=names[example.label])
            if example.label in self._aliases:
                examples.mended["labels {}".format(example.label)] += 1
                example = example._replace(label=self._aliases[example.label])
            kept.append(example)
        examples[:] = kept

    def _numbered(self, data_dir):
        """dict "0", "1", ... -> name of the label, where a file has names for numbers."""
        path = self._has_numbers and self._label_file(data_dir)
        labels = _read_labels(path) if path else []
        if any(label.isdigit() for label in labels):
            return {}
        return {str(number): label for number, label in enumerate(labels)}

    def _label_file(self, data_dir):
        paths = (os.path.join(data_dir, name) for name in self._label_files)
        return next((path for path in paths if files.exists(path)), None)

    def file_names(self, split):
        """What `read` looks for, for messages."""
        return " or ".join(self._file_names[split])

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
        """Settles `labels`: those of the task, else given ones, else a label file in data_dir, else
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
        path = self._label_file(data_dir)
        if path:
            return _read_labels(path), path
        path = os.path.join(data_dir, self._label_files[0])
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
          dict: accuracy, F1 averaged over the classes that occur (macro) and over all examples
          (micro; the accuracy, where each example has one class), Matthews correlation.
        """
        from sklearn import metrics

        found = np.argmax(probabilities, axis=-1)
        return {
            prefix + "_accuracy": float(metrics.accuracy_score(numbers, found)),
            prefix + "_macro_f1": float(metrics.f1_score(numbers, found, average="macro")),
            prefix + "_micro_f1": float(metrics.f1_score(numbers, found, average="micro")),
            prefix + "_mcc": float(metrics.matthews_corrcoef(numbers, found)),
        }


def _read_labels(path):
    return [line.strip() for _, line in text_lines(path) if line.strip()]


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
