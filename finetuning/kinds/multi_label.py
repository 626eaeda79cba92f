"""Any number of labels for a text or a pair of texts: from a folder of files to scores."""

import numpy as np

from common.errors import UserError, quoted, some
from finetuning.kinds.classification import OWN_FILES, ClassificationTask, class_shares
from finetuning.kinds.multi_label_options import MultiLabelOptions
from finetuning.layouts import table_checks
from finetuning.scoring import multi_label, reports
from modeling.objectives.multi_label import INDICATORS, MultiLabel

# PaddleNLP's folders have texts to predict in data.txt.
_FILES = dict(
    OWN_FILES,
    test=(*OWN_FILES["test"], *(name.replace("test", "data") for name in OWN_FILES["test"])),
)
# What users put between labels.
_SEPARATORS = ",|;，；、#/ "


class MultiLabelTask(ClassificationTask):
    """A task whose examples (examples.Example) have a tuple of labels, which may be empty;
    predictions are probabilities of the labels by themselves, float32 [labels].
    """

    kind = "multi_label"
    metric = "eval_micro_f1"
    headline = ("micro_f1", "macro_f1")
    problem_type = "multi_label_classification"
    feature_names = MultiLabel.feature_names
    option_class = MultiLabelOptions

    def __init__(
        self,
        name,
        defaults=None,
        labels=None,
        file_names=_FILES,
        layout=None,
        label_files=("labels.txt", "label.txt", "label.tsv"),
        further_figures=None,
    ):
        """Configures a task: its files, their layout and its labels.

        Args:
          name, defaults, labels, file_names, label_files: see ClassificationTask.
          layout: see ClassificationTask; labels are a tuple, or a text with separators; None: see
            ClassificationTask.
          further_figures: function of the indicators of examples and predictions that returns a
            dict of figures, or None.
        """
        super().__init__(
            name,
            defaults,
            labels,
            file_names=file_names,
            layout=layout,
            label_files=label_files,
        )
        self._further_figures = further_figures
        self._is_separator_chosen = self._has_cells = False

    def configure(self, values):
        """See Task."""
        self._is_separator_chosen |= "label_separator" in values
        return super().configure(values)

    def read_file(self, path, split):
        """See Task. Where no example of a file has a label its labels are unknown: test files are
        made so."""
        examples = super().read_file(path, split)
        if any(self.labels_of(example) for example in examples):
            return examples
        if split != "test":
            raise UserError("{}: no example has a label".format(path))
        empty = sum(self.is_labelled(example) for example in examples)
        if empty:
            examples.mended["empty labels, taken for unknown ones"] = empty
            examples[:] = [example._replace(label=None) for example in examples]
        return examples

    @staticmethod
    def label_of(row, key):
        """See ClassificationTask."""
        return row.labels(key)

    def _read_own(self, path, split):
        examples = super()._read_own(path, split)
        if examples.label_column:  # an empty cell is an example without labels
            examples[:] = [example._replace(label=example.label or "") for example in examples]
        return examples

    def _mend_labels(self, examples, names):
        """Divides labels that are one text, and takes each label of an example once."""
        for i, example in enumerate(examples):
            if example.label is None:
                continue
            labels = example.label
            if isinstance(labels, str):
                self._has_cells = True
                labels = [label.strip() for label in labels.split(self.options.label_separator)]
            labels = [label for label in labels if label]
            once = tuple(dict.fromkeys(labels))
            if len(once) < len(labels):
                examples.mended["labels named twice"] += 1
            examples[i] = example._replace(label=once)

    def choose_labels(self, given, data_dir, splits):
        """See Task."""
        source = super().choose_labels(given, data_dir, splits)
        separator = self.options.label_separator
        for label in self.labels:
            if separator in label:
                raise UserError(
                    "label {} ({}) holds {}, which separates labels; give another "
                    "--label_separator".format(quoted(label), source, quoted(separator))
                )
        return source

    def _check_found(self, labels, examples, labels_file):
        """Refuses labels that seem to be several with another separator between."""
        if self._has_cells and not self._is_separator_chosen:
            is_divided = any(len(example.label) > 1 for example in examples)
            for label in sorted(labels):
                for separator in _SEPARATORS:
                    if self._is_several(label, separator, labels, not is_divided):
                        raise UserError(
                            "{}: label {} seems to be several; say what separates labels: "
                            "--label_separator={} or, if this is one label, "
                            "--label_separator={}".format(
                                examples.path,
                                quoted(label, 40),
                                quoted(separator),
                                quoted(self.options.label_separator),
                            )
                        )
        if examples.table and labels:
            table_checks.check_found(examples.table, labels, labels_file, may_be_rare=True)

    def _check_table(self, table):
        """A cell may hold several labels: unknown ones are named one by one."""

    @staticmethod
    def _is_several(label, separator, labels, suffices_one):
        """Whether a label holds others of `labels` with a separator between: all of its parts, or
        where suffices_one any of them, stand alone or in another label."""
        parts = [part.strip() for part in label.split(separator)]
        if len(parts) < 2 or "" in parts:
            return False
        if not suffices_one:
            return all(part in labels for part in parts)
        elsewhere = {
            part.strip() for other in labels if other != label for part in other.split(separator)
        }
        return any(part in elsewhere for part in parts)

    def _hint(self, label, known):
        for separator in _SEPARATORS:
            parts = [part.strip() for part in label.split(separator)]
            if len(parts) > 1 and all(part in known for part in parts):
                return "; if it is several, give --label_separator={}".format(quoted(separator))
        return ""

    def labels_of(self, example):
        """See ClassificationTask."""
        return list(example.label or ())

    def indicators(self, examples):
        """int32 [examples, labels]: 1 where an example has a label.

        Raises:
          UserError: a label is not one of `labels`.
        """
        numbers = np.zeros([len(examples), len(self.labels)], np.int32)
        for i, of_example in self.known_labels(examples):
            numbers[i, of_example] = 1
        return numbers

    def targets(self, example):
        """See ClassificationTask."""
        return {INDICATORS: self.indicators([example])[0]}

    def _label_notes(self, split, examples, classes):
        """Labels per example, and the share of examples that have each."""
        counts = [len(self.labels_of(example)) for example in examples]
        text = "{}: {:,} labels, {:.2f} an example, {} at most; {:,} of {:,} examples have none"
        total, without = sum(counts), counts.count(0)
        size = len(examples)
        shown = text.format(split, total, total / size, max(counts), without, size)
        frequent = sorted(self.labels, key=lambda label: -classes[label])
        shares = class_shares(classes, frequent, size)
        return [(False, shown), (False, "{}: {}".format(split, shares))]

    def objective(self, heads):
        """See Task."""
        return MultiLabel(self.name, len(self.labels), heads)

    def _predicted(self, predictions):
        """int32 [examples, labels]: 1 where a label is likely enough."""
        return (np.array(predictions) >= self.options.decision_threshold).astype(np.int32)

    def score(self, examples, predictions, prefix="eval"):
        """See Task; the figures of scoring.multi_label.scores, and the task's own."""
        right, predicted = self.indicators(examples), self._predicted(predictions)
        figures = multi_label.scores(right, predicted, prefix)
        if self._further_figures:
            for name, value in self._further_figures(right, predicted).items():
                figures["{}_{}".format(prefix, name)] = value
        return figures

    def sole_answer(self, predictions):
        """See Task: the labels that every example gets."""
        predicted = self._predicted(predictions)
        if (predicted != predicted[0]).any():
            return None
        return some([self.labels[i] for i in np.flatnonzero(predicted[0])]) or "no label"

    def answer(self, probabilities, shown):
        """See ClassificationTask; labels are those that are likely enough, the likeliest first."""
        (chosen,) = np.nonzero(self._predicted(probabilities))
        chosen = sorted(chosen, key=lambda number: -probabilities[number])
        return {
            "labels": [self.labels[number] for number in chosen],
            "probabilities": dict(zip(self.labels, shown)),
        }

    def save_predictions(self, folder, split, examples, predictions):
        """See Task: the files of reports.save_classes, with the labels of an example in one line;
        and SPLIT_label_scores.tsv, a line for each label, where the examples have labels."""
        predicted = self._predicted(predictions)
        chosen = [
            self.options.label_separator.join(self.labels[i] for i in np.flatnonzero(row))
            for row in predicted
        ]
        names = reports.save_classes(folder, split, chosen, predictions)
        if all(self.is_labelled(example) for example in examples):
            table = multi_label.table(self.labels, self.indicators(examples), predicted)
            names.append(reports.save_table(folder, split + "_label_scores.tsv", table))
        return names
