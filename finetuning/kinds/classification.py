"""Classification of a text or a pair of texts: from a folder of files to scores."""

import collections
import os

import numpy as np

from common import files
from common.errors import UserError, quoted, some
from data.rows import sequences
from finetuning.layouts.tables import checked, read_table, text_lines
from finetuning.scoring import reports, submissions
from finetuning.task import SPLITS, Task, TaskRow
from modeling.objectives.classification import Classification

# split -> names of files in the folder; the first that exists is read.
TABLE_FILES = {split: (split + ".tsv", split + ".txt", split + ".csv") for split in SPLITS}
# More different values than this, each in one or two examples, are not labels.
_FEW_LABELS = 20
# With so many examples per label, a label that occurs once is suspicious.
_EXAMPLES_PER_LABEL = 5
# U+FFFD, the replacement of a character that an earlier conversion lost.
_LOST_CHARACTER = "\ufffd"


class ClassificationTask(Task):
    """A task whose examples are texts or pairs of texts with a label (examples.Example);
    predictions are probabilities, float32 [labels].
    """

    kind = "classification"
    metric = "eval_accuracy"
    headline = ("accuracy",)
    feature_names = ("input_ids", "input_mask", "segment_ids", "label_ids")

    def __init__(
        self,
        name,
        defaults=None,
        labels=None,
        is_pair=None,
        file_names=TABLE_FILES,
        layout=None,
        label_files=("labels.txt",),
        aliases=None,
        no_labels=(),
        has_numbers=False,
    ):
        """Configures a task: its files, their layout and its labels.

        Args:
          name, defaults, labels, file_names: see Task.
          is_pair: whether examples have two texts, None: as the files look. For tables only.
          layout: function of a path that returns Examples; None: read_table.
          label_files: names of files that list the labels, one per line; the first that exists
            counts.
          aliases: dict of other spellings of labels -> labels.
          no_labels: values that mean an example has no label; such examples are skipped.
          has_numbers: whether examples may have labels by their number in that file, from 0.
        """
        super().__init__(name, defaults, labels, file_names)
        self._is_pair, self._layout = is_pair, layout
        self._label_files, self._aliases = label_files, aliases or {}
        self._no_labels, self._has_numbers = no_labels, has_numbers

    def read_file(self, path, split):
        """See Task."""
        del split
        examples = self._layout(path) if self._layout else read_table(path, self._is_pair)
        if self._layout is None and self._is_pair is None:
            # All splits have the same columns, labels aside.
            self._is_pair = examples[0].text_b is not None
        self._mend_labels(examples, self._numbered(os.path.dirname(path)))
        return checked(examples)

    def _mend_labels(self, examples, names):
        """Gives labels their canonical names, and skips examples without a label."""
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

    def choose_labels(self, given, data_dir, splits):
        """See Task: those of the task, else given ones, else a label file in data_dir, else
        those of the training (or development) examples, sorted."""
        if self.labels is not None and given and list(given) != self.labels:
            raise UserError(
                "--labels={}, but task {} has the labels {}; remove it".format(
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
                labels = {e.label for e in splits[split] if e.label is not None}
                _check_found(labels, splits[split], path)
                return sorted(labels), "found in {}".format(split)
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

    def is_labelled(self, example):
        """See Task."""
        return example.label is not None

    def texts(self, example):
        """See Task."""
        return example.text_a, example.text_b

    def check(self, examples, config):
        """See Task: labels must be known, and a model with a single token type takes no pairs."""
        self.label_numbers(examples)
        for example in examples:
            if example.text_b is not None and config.type_vocab_size < 2:
                raise UserError(
                    "{} is a pair of texts, but {} has token types for one only "
                    "(type_vocab_size)".format(example.where, config.source)
                )

    def notes(self, split, examples):
        """See Task: empty and damaged texts, frequencies of classes."""
        lines = _text_notes(split, examples)
        classes = collections.Counter(e.label for e in examples if e.label is not None)
        if classes:
            lines.append((False, "{}: {}".format(split, _class_shares(classes, self.labels))))
            lines += _header_note(examples, classes)
        return lines + (submissions.notes(self.name, examples) if split == "test" else [])

    def rows(self, example, tokenizer, max_seq_length):
        """See Task: [CLS] text [SEP], or [CLS] text [SEP] text [SEP], cut at the end."""
        row = sequences.encode_text(tokenizer, example.text_a, example.text_b, max_seq_length)
        length = sum(row.input_mask)
        features = {
            "input_ids": row.input_ids[:length],
            "segment_ids": row.segment_ids[:length],
            "label_ids": self.label_numbers([example]),
        }
        return [TaskRow(features, row.is_truncated)]

    def objective(self, heads):
        """See Task."""
        return Classification(self.name, len(self.labels), heads)

    def decode(self, example, rows, outputs):
        """See Task."""
        del example, rows
        return outputs[0]["probabilities"]

    def score(self, examples, predictions, prefix="eval"):
        """See Task; the figures of `class_scores`."""
        return class_scores(self.label_numbers(examples), np.array(predictions), prefix)

    def prediction_file(self, split):
        """See Task."""
        return reports.class_file(split)

    def save_predictions(self, folder, split, examples, predictions):
        """See Task: the files of reports.save_classes, and CLUE's submission of test examples."""
        names = reports.save_classes(folder, split, self.labels, predictions)
        if split == "test":
            labels = [self.labels[int(np.argmax(probabilities))] for probabilities in predictions]
            submission = submissions.save_classes(folder, self.name, examples, labels)
            names += [os.path.basename(submission)] if submission else []
        return names


def class_scores(numbers, probabilities, prefix):
    """Figures of a classifier, by scikit-learn.

    Args:
      numbers: int32 [examples], right classes.
      probabilities: float32 [examples, labels].
      prefix: first part of the names.

    Returns:
      dict: accuracy, F1 averaged over the classes that occur (macro) and over all examples
      (micro; the accuracy, where each example has one class), Matthews correlation.
    """
    from sklearn import metrics

    predicted = np.argmax(probabilities, axis=-1)
    return {
        prefix + "_accuracy": float(metrics.accuracy_score(numbers, predicted)),
        prefix + "_macro_f1": float(metrics.f1_score(numbers, predicted, average="macro")),
        prefix + "_micro_f1": float(metrics.f1_score(numbers, predicted, average="micro")),
        prefix + "_mcc": float(metrics.matthews_corrcoef(numbers, predicted)),
    }


def _text_notes(split, examples):
    """Warnings of texts that are empty or damaged."""
    texts = [(e.text_a, e.text_b or "") for e in examples]
    empty = sum(not e.text_a or e.text_b == "" for e in examples)
    damaged = sum(any(_LOST_CHARACTER in text for text in pair) for pair in texts)
    lines = []
    if empty:
        lines.append((True, "{}: {:,} examples have an empty text".format(split, empty)))
    if damaged:
        text = "{}: {:,} examples hold U+FFFD, the replacement of characters that were lost"
        lines.append((True, text.format(split, damaged)))
    return lines


def _class_shares(classes, labels, limit=20):
    total = sum(classes.values())
    parts = ["{} {:,} ({:.1%})".format(k, classes[k], classes[k] / total) for k in labels[:limit]]
    if len(labels) > limit:
        parts.append("{} more labels".format(len(labels) - limit))
    never = sum(1 for label in labels if not classes[label])
    if never:
        parts.append("{} of {} labels do not occur".format(never, len(labels)))
    return ", ".join(parts)


def _header_note(examples, classes):
    """A warning where the first line of a file may be a header with unknown names."""
    first = examples[0]
    is_rare = classes.get(first.label) == 1
    if not is_rare or len(classes) < 3 or len(examples) < _EXAMPLES_PER_LABEL * len(classes):
        return []
    text = "{}: label {} (column {}) is in no other line; if this line names the columns, write {}"
    names = "label, text_a" if first.text_b is None else "label, text_a, text_b"
    shown = quoted(first.label, 40)
    return [(True, text.format(first.where, shown, examples.label_column, names))]


def _read_labels(path):
    return [line.strip() for _, line in text_lines(path) if line.strip()]


def _check_found(labels, examples, labels_file):
    """Refuses texts in place of labels: the columns are in another order.

    Args:
      labels: set of str.
      examples: Examples with these labels.
      labels_file: where the user can list them if they are labels after all.

    Raises:
      UserError: there are nearly as many values as examples, and either more than a few or much
        longer than the texts.
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
