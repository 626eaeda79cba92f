"""Classification of a text or a pair of texts: from a folder of files to scores."""

import collections
import os

import numpy as np

from common import files
from common.errors import UserError, quoted, some
from data.rows import sequences
from finetuning.kinds.table_options import TableOptions
from finetuning.layouts import own_objects, table_checks
from finetuning.layouts.columns import ColumnChoice
from finetuning.layouts.tables import checked, read_table, text_lines
from finetuning.scoring import reports, submissions
from finetuning.task import FOUND, SPLITS, Task, TaskRow
from modeling.conversion.families import CLASSIFICATION
from modeling.objectives.classification import Classification

# split -> names of files in the folder; the first that exists is read.
TABLE_FILES = {split: (split + ".tsv", split + ".txt", split + ".csv") for split in SPLITS}
OWN_FILES = {
    split: (*names, *(split + ending for ending in own_objects.ENDINGS))
    for split, names in TABLE_FILES.items()
}
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
    head, problem_type = CLASSIFICATION, "single_label_classification"
    feature_names = ("input_ids", "input_mask", "segment_ids", "label_ids")
    option_class = TableOptions

    def __init__(
        self,
        name,
        defaults=None,
        labels=None,
        is_pair=None,
        file_names=OWN_FILES,
        layout=None,
        label_files=("labels.txt",),
        aliases=None,
        no_labels=(),
        has_numbers=False,
        figure=None,
    ):
        """Configures a task: its files, their layout and its labels.

        Args:
          name, defaults, labels, file_names: see Task.
          is_pair: whether examples have two texts, None: as the files look. Without a layout only.
          layout: function of a path that returns Examples; None: a table or, by the name of the
            file, JSON objects (layouts.own_objects).
          label_files: names of files that list the labels, one per line; the first that exists
            counts.
          aliases: dict of other spellings of labels -> labels.
          no_labels: values that mean an example has no label; such examples are skipped.
          has_numbers: whether examples may have labels by their number in that file, from 0.
          figure: one of `class_scores` that checkpoints are compared by and papers report, in place
            of the kind's own.
        """
        super().__init__(name, defaults, labels, file_names)
        if figure:
            self.metric, self.headline = "eval_" + figure, (figure,)
        self._is_pair, self._layout = is_pair, layout
        self._is_like_own_tables = layout is None and labels is not None
        self._label_files, self._aliases = label_files, aliases or {}
        self._no_labels, self._has_numbers = no_labels, has_numbers
        self._tables = []

    def configure(self, values):
        """See Task; files of a known layout leave no choice of columns."""
        if self._layout:
            own = [option.name for option in TableOptions.declared()]
            values = {name: value for name, value in values.items() if name not in own}
        return super().configure(values)

    def read_file(self, path, split):
        """See Task."""
        examples = self._layout(path) if self._layout else self._read_own(path, split)
        if split == "test" and all(example.label in self._no_labels for example in examples):
            # Test examples whose labels are kept secret, none of which is to be skipped.
            examples.mended["labels {}, now none".format(examples[0].label)] += len(examples)
            examples[:] = [self.without_answer(example) for example in examples]
        self._mend_labels(examples, self._numbered(os.path.dirname(path)))
        self.texts_per_example = 1 if checked(examples)[0].text_b is None else 2
        return examples

    def _read_own(self, path, split):
        """Examples of a file whose layout is not that of a known task."""
        choice = ColumnChoice.of(self.options.label_column, self.options.text_columns)
        if path.endswith(own_objects.ENDINGS):
            needs_label = split != "test"
            examples = own_objects.read_objects(
                path, self.label_of, choice, self._is_pair, needs_label
            )
        else:
            examples = read_table(path, self._is_pair, choice=choice, has_flags=True)
            for other in self._tables:
                table_checks.check_alike(examples.table, other)
            self._tables.append(examples.table)
        if self._is_pair is None:
            # All splits have the same columns, labels aside.
            self._is_pair = examples[0].text_b is not None
        return examples

    @staticmethod
    def label_of(row, key):
        """The label in a JsonObject, None without one."""
        return own_objects.only_label(row, key)

    def _mend_labels(self, examples, names):
        """Gives labels their canonical names, and skips examples without a label."""
        kept, labels = [], self.labels or ()
        for example in examples:
            if example.label in self._no_labels:
                examples.skipped["labels {}".format(example.label)] += 1
                continue
            if example.label in names:
                examples.mended["labels by number"] += 1
                example = example._replace(label=names[example.label])
            whole, point, zero = (example.label or "").partition(".")
            if point and zero == "0" and example.label not in labels and whole in labels:
                examples.mended["labels such as {}".format(example.label)] += 1
                example = example._replace(label=whole)
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
                labels = collections.Counter(
                    label for e in splits[split] for label in self.labels_of(e)
                )
                self._check_found(labels, splits[split], path)
                return sorted(labels), FOUND + split
        raise UserError("the labels are not known; give --labels or {}".format(path))

    def _check_found(self, labels, examples, labels_file):
        """Refuses what was found in place of labels: see table_checks.check_found."""
        if examples.table and labels:
            table_checks.check_found(examples.table, labels, labels_file)

    def labels_of(self, example):
        """List of the labels of an example."""
        return [] if example.label is None else [example.label]

    def label_numbers(self, examples):
        """int32 [examples]: class of each example; 0 where it has no label.

        Raises:
          UserError: a label is not one of `labels`.
        """
        numbers = np.zeros(len(examples), np.int32)
        for i, of_example in self.known_labels(examples):
            numbers[i] = of_example
        return numbers

    def known_labels(self, examples):
        """Yields (index of an example, number of a label) for every label of the examples.

        Raises:
          UserError: a label is not one of `labels`.
        """
        known = {label: number for number, label in enumerate(self.labels)}
        for i, example in enumerate(examples):
            for label in self.labels_of(example):
                if label not in known:
                    raise UserError(
                        "{}: unknown label {}; known are {}{}".format(
                            example.where,
                            quoted(label),
                            some(self.labels, 20),
                            self._hint(label, known),
                        )
                    )
                yield i, known[label]

    def _hint(self, label, known):
        """What may be wrong with an unknown label, for messages; known: labels."""
        del label, known
        return "; --task_name=tsv takes other labels" if self._is_like_own_tables else ""

    def is_labelled(self, example):
        """See Task."""
        return example.label is not None

    def answer_parts(self, example):
        """See Task."""
        return {"label": example.label}

    def without_answer(self, example):
        """See Task."""
        return example._replace(label=None)

    def texts(self, example):
        """See Task."""
        return example.text_a, example.text_b

    def check(self, examples, config):
        """See Task: labels must be known, and a model with a single token type takes no pairs."""
        if examples.table:
            self._check_table(examples.table)
        self.label_numbers(examples)
        for example in examples:
            if example.text_b is not None and config.type_vocab_size < 2:
                raise UserError(
                    "{} is a pair of texts, but {} has token types for one only "
                    "(type_vocab_size)".format(example.where, config.source)
                )

    def _check_table(self, table):
        """Refuses a table whose columns are read wrongly: see table_checks.check_known."""
        table_checks.check_known(table, self.labels)

    def notes(self, split, examples):
        """See Task: empty and damaged texts, frequencies of classes."""
        lines = _text_notes(split, examples)
        if examples.table:
            lines.append((False, "{}: {}".format(split, examples.table.reading())))
        classes = collections.Counter(label for e in examples for label in self.labels_of(e))
        if classes:
            lines += self._label_notes(split, examples, classes)
            lines += _header_note(examples, self.labels_of(examples[0]), classes)
        return lines + (submissions.notes(self.name, examples) if split == "test" else [])

    def _label_notes(self, split, examples, classes):
        """See Task.notes; classes: Counter of the labels of the examples."""
        del examples
        shares = class_shares(classes, self.labels, sum(classes.values()))
        return [(False, "{}: {}".format(split, shares))]

    def rows(self, example, tokenizer, max_seq_length):
        """See Task: [CLS] text [SEP], or [CLS] text [SEP] text [SEP], cut at the end."""
        row = sequences.encode_text(tokenizer, example.text_a, example.text_b, max_seq_length)
        length = sum(row.input_mask)
        features = {
            "input_ids": row.input_ids[:length],
            "segment_ids": row.segment_ids[:length],
        }
        features.update(self.targets(example))
        return [TaskRow(features, row.is_truncated)]

    def targets(self, example):
        """dict feature -> values, of what the objective compares with."""
        return {"label_ids": self.label_numbers([example])}

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

    def sole_answer(self, predictions):
        """See Task."""
        numbers = {int(np.argmax(probabilities)) for probabilities in predictions}
        return self.labels[numbers.pop()] if len(numbers) == 1 else None

    def answer(self, probabilities, shown):
        """What is printed of a prediction.

        Args:
          probabilities: float32 [labels].
          shown: list of float, the same with fewer digits.

        Returns:
          dict for JSON.
        """
        best = int(np.argmax(probabilities))
        return {
            "label": self.labels[best],
            "probability": shown[best],
            "probabilities": dict(zip(self.labels, shown)),
        }

    def prediction_file(self, split):
        """See Task."""
        return reports.class_file(split)

    def save_predictions(self, folder, split, examples, predictions):
        """See Task: the files of reports.save_classes, and CLUE's submission of test examples."""
        labels = [self.labels[int(np.argmax(probabilities))] for probabilities in predictions]
        names = reports.save_classes(folder, split, labels, predictions)
        if split == "test":
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


def class_shares(classes, labels, total, limit=20):
    """`诈骗 351 (43.9%), 盗窃 162 (20.2%), 3 of 5 labels do not occur`, for the log.

    Args:
      classes: Counter of labels.
      labels: list of str, all of the task.
      total: number that shares are of.
      limit: how many labels are listed.
    """
    parts = ["{} {:,} ({:.1%})".format(k, classes[k], classes[k] / total) for k in labels[:limit]]
    if len(labels) > limit:
        parts.append("{} more labels".format(len(labels) - limit))
    never = sum(1 for label in labels if not classes[label])
    if never:
        parts.append("{} of {} labels do not occur".format(never, len(labels)))
    return ", ".join(parts)


def _header_note(examples, first_labels, classes):
    """A warning where the first line of a file, whose example has first_labels, may be a header
    with unknown names."""
    first = examples[0]
    if examples.label_column is None:  # no table
        return []
    is_rare = [classes[label] for label in first_labels] == [1]
    if not is_rare or len(classes) < 3 or len(examples) < _EXAMPLES_PER_LABEL * len(classes):
        return []
    text = "{}: label {} (column {}) is in no other line; if this line names the columns, write {}"
    names = "label, text_a" if first.text_b is None else "label, text_a, text_b"
    shown = quoted(first_labels[0], 40)
    return [(True, text.format(first.where, shown, examples.label_column, names))]


def _read_labels(path):
    return [line.strip() for _, line in text_lines(path) if line.strip()]
