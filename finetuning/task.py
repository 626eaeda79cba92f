"""What every kind of task has, and what it says of itself: see Task."""

import itertools
import os
from typing import Any, Dict, List, NamedTuple

from common import files
from common.errors import UserError
from finetuning.task_defaults import TaskDefaults

SPLITS = ("train", "dev", "test")
# Of the names that a file may have, in messages.
_NAMES_SHOWN = 4


class TaskRow(NamedTuple):
    """One input row of the network, without padding.

    Attributes:
      features: feature name -> ints, without input_mask.
      is_truncated: whether something of the example is in no row.
      place: where the row lies in the example, for Task.decode; None where the row is all of it.
    """

    features: Dict[str, List[int]]
    is_truncated: bool
    place: Any = None


class Task:
    """From a folder of files to predictions and scores.

    A kind of task is a subclass; a task is an instance, made in finetuning/registry.py.

    Attributes:
      name: registry name.
      kind: for task.json.
      defaults: TaskDefaults, what it is usually trained with.
      metric: the figure by which checkpoints are compared; larger is better.
      feature_names: record features of a row; data.records.schema.FEATURES.
      labels: list of str, what the numbers of the outputs mean; None until they are known.
      headline: parts of the names of the figures that papers report, in their order.
      options: names of attributes that flags of the same names may set.
      has_head_options: whether the heads have the options of task_heads.QuestionOptions.
      head_options: dict of those that were chosen.
      answer_name: what messages call that which examples are labelled with.
      answer_folder: where google-research/electra writes prediction_file, below its results; None
        where it has nothing of the kind.
    """

    kind = metric = None
    feature_names = headline = options = ()
    has_head_options = False
    answer_name = "label"
    answer_folder = None

    def __init__(self, name, defaults=None, labels=None, file_names=None):
        """`file_names`: dict split -> names in the folder; the first that is there is read."""
        self.name, self.labels = name, labels
        self.defaults = defaults or TaskDefaults()
        self.head_options = {}
        self._file_names = file_names

    @property
    def row_options(self):
        """What rows depend on beside the labels and the arguments of `rows`; dict for JSON."""
        return {}

    def configure(self, values):
        """Sets those of a dict option -> value that the task has; returns their names."""
        known = [name for name in self.options if name in values]
        for name in known:
            setattr(self, name, values[name])
        return known

    def read(self, data_dir, split):
        """The examples of a split: Examples, or None where there is no such file.

        Raises:
          UserError: the file is not what it should be.
        """
        paths = (os.path.join(data_dir, name) for name in self._file_names[split])
        path = next((path for path in paths if files.exists(path)), None)
        return None if path is None else self.read_file(path, split)

    def file_names(self, split):
        """What `read` looks for, for messages."""
        names = self._file_names[split]
        shown = " or ".join(names[:_NAMES_SHOWN])
        more = len(names) - _NAMES_SHOWN
        return shown if more <= 0 else "{} (or {} other names)".format(shown, more)

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

    def read_file(self, path, split):
        """The Examples of one file; at least one.

        Raises:
          UserError: the file is not what it should be.
        """
        raise NotImplementedError

    def choose_labels(self, given, data_dir, splits):
        """Settles `labels`.

        Args:
          given: list of str or None, --labels.
          data_dir: the folder.
          splits: dict split -> Examples.

        Returns:
          Where they are from, a few words.

        Raises:
          UserError: they are not known, or given for a task that has its own.
        """
        raise NotImplementedError

    def is_labelled(self, example):
        """Whether the file says what is right for an example."""
        raise NotImplementedError

    def check(self, examples, config):
        """Refuses examples that a model, or this task, has no use for.

        Args:
          examples: Examples.
          config: model config.

        Raises:
          UserError: naming the first one.
        """

    def texts(self, example):
        """The texts of an example, by which it is found again in another split; hashable."""
        raise NotImplementedError

    def notes(self, split, examples):
        """What is worth knowing of the examples: list of (is_warning, text)."""
        del split, examples
        return []

    def rows(self, example, tokenizer, max_seq_length):
        """The rows of an example.

        Args:
          example: one of Examples, or what prediction makes of a line of input.
          tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).
          max_seq_length: longest row.

        Returns:
          List of TaskRow, at least one.

        Raises:
          UserError: the rows are too short for the task.
        """
        raise NotImplementedError

    def objective(self, heads):
        """What is trained: an object of modeling.objectives; `heads`: of modeling.task_heads."""
        raise NotImplementedError

    def decode(self, example, rows, outputs):
        """The prediction for an example.

        Args:
          example, rows: see `rows`.
          outputs: for each row a dict of the objective's `predicted` tensors, one row each; what
            lies behind a row's own pieces is padding.
        """
        raise NotImplementedError

    def score(self, examples, predictions, prefix="eval"):
        """Figures of predictions.

        Args:
          examples: Examples, all of them labelled.
          predictions: list of what `decode` gave for them.
          prefix: first part of the names, and an underscore.

        Returns:
          Ordered dict name -> float; shares lie between 0 and 1.
        """
        raise NotImplementedError

    def prediction_file(self, split):
        """Name of the first file of save_predictions."""
        raise NotImplementedError

    def save_predictions(self, folder, split, examples, predictions):
        """Writes predictions in the forms that scorers want.

        Args:
          folder: where to.
          split: "dev" or "test".
          examples, predictions: see `score`; examples may be without labels.
        """
        raise NotImplementedError

    def decode_all(self, examples, outputs, tokenizer, max_seq_length):
        """Yields the prediction for each of `examples`.

        Args:
          examples: iterable.
          outputs: iterable of dicts, one for each row of all examples, in order.
          tokenizer, max_seq_length: those that the rows were made with.
        """
        outputs = iter(outputs)
        for example in examples:
            rows = self.rows(example, tokenizer, max_seq_length)
            yield self.decode(example, rows, list(itertools.islice(outputs, len(rows))))
