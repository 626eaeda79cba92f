"""The interface of fine-tuning tasks, and what all kinds of them share: see Task."""

import dataclasses
import itertools
import os
from typing import Any, Dict, List, NamedTuple

from common import files
from common.errors import UserError, some
from common.options import FamilyOptions
from finetuning.task_defaults import TaskDefaults

_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar", ".rar", ".7z")

SPLITS = ("train", "dev", "test")
# Beginning of the source of labels that the examples alone tell.
FOUND = "found in "
# At most so many of the possible names of a file are listed in messages.
_NAMES_SHOWN = 5


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

    A kind of task is a subclass; a task is an instance, made in finetuning/registry.py:

        task = get_task("cmrc2018")
        train = task.read("data/cmrc2018", "train")
        task.choose_labels(None, "data/cmrc2018", {"train": train})
        rows = task.rows(train[0], tokenizer, max_seq_length=384)

    Attributes:
      name: registry name.
      kind: for task.json.
      defaults: TaskDefaults, the usual settings of its training.
      metric: name of the figure by which checkpoints are compared; larger is better.
      feature_names: record features of a row; data.records.schema.FEATURES.
      labels: list of str, names of the outputs by number; None until they are known.
      headline: names, without prefix, of the figures that papers report, in their order.
      head: which one it has, for conversion: one of modeling.conversion.families.HEADS.
      problem_type: of a Hugging Face config whose head has this meaning; None where there is none.
      option_class: FamilyOptions of the task's rows and predictions.
      options: an object of that class.
      head_option_class: FamilyOptions of the heads.
      head_options: dict of those that are given, option -> value.
      texts_per_row: sequences in a row; where there are several, features of pieces in a TaskRow
        are lists of so many lists at most.
      given_files: dict split -> path, of files that are read in place of those of the folder.
      answer_name: word for the label of an example, for messages.
      texts_per_example: 1, or 2 where examples are pairs; None until files are read, and for
        kinds of tasks where it has no meaning.
      has_answers: whether google-research/electra's results hold its prediction_file.
    """

    kind = metric = head = problem_type = None
    feature_names = headline = ()
    option_class = head_option_class = FamilyOptions
    answer_name = "label"
    texts_per_row = 1
    has_answers = False
    texts_per_example = None

    def __init__(self, name, defaults=None, labels=None, file_names=None, options=None):
        """`file_names`: dict split -> names in the folder; the first that is there is read."""
        self.name, self.labels = name, labels
        self.defaults = defaults or TaskDefaults()
        self.options, self.head_options = options or self.option_class(), {}
        self.given_files = {}
        self._file_names = file_names

    @property
    def row_options(self):
        """dict of the options that rows depend on, beside labels and the arguments of `rows`."""
        declared = self.option_class.declared()
        return {o.name: getattr(self.options, o.name) for o in declared if o.shapes_rows}

    @property
    def model_options(self):
        """dict of the options that rows or figures of a fine-tuned model depend on."""
        return {name: getattr(self.options, name) for name in self.model_option_names()}

    @property
    def saved_options(self):
        """dict of the options that a fine-tuned model keeps: model_options, and what later calls
        take where they are not told otherwise."""
        return {name: getattr(self.options, name) for name in self.saved_option_names()}

    @classmethod
    def model_option_names(cls):
        """Names of `model_options`."""
        declared = cls.option_class.declared()
        return [option.name for option in declared if option.shapes_rows or option.of_model]

    @classmethod
    def saved_option_names(cls):
        """Names of `saved_options`."""
        remembered = [o.name for o in cls.option_class.declared() if o.remembered]
        return cls.model_option_names() + remembered

    def configure(self, values):
        """Sets `options` and `head_options`.

        Args:
          values: dict option -> value, which may hold options of other kinds of tasks.

        Returns:
          Set of the names that the task has.
        """
        own, of_heads = (
            {option.name: values[option.name] for option in declared if option.name in values}
            for declared in (self.option_class.declared(), self.head_option_class.declared())
        )
        self.options, self.head_options = dataclasses.replace(self.options, **own), of_heads
        self.options.check()
        return {*own, *of_heads}

    def read(self, data_dir, split):
        """The Examples of a split, None where there is no such file.

        Raises:
          UserError: the file cannot be read, or is not in the layout of the task.
        """
        if split in self.given_files:
            return self.read_file(self.given_files[split], split)
        paths = (os.path.join(data_dir, name) for name in self._file_names[split])
        path = next((path for path in paths if files.exists(path)), None)
        return None if path is None else self.read_file(path, split)

    def file_names(self, split):
        """The names of a split's file, for messages."""
        names = self._file_names[split]
        shown = " or ".join(names[:_NAMES_SHOWN])
        more = len(names) - _NAMES_SHOWN
        return shown if more <= 0 else "{} (or {} other names)".format(shown, more)

    def lacks(self, data_dir, split):
        """UserError for a split without a file."""
        names = self.file_names(split)
        if not files.exists(data_dir):
            return UserError(
                "--data_dir {} does not exist; give the folder that holds {}".format(
                    data_dir, names
                )
            )
        if not files.is_directory(data_dir):
            files.refuse_other_kind(data_dir, "the folder of a task's files (--data_dir)")
            return UserError(
                "--data_dir {} is a file; give the folder that holds {}".format(data_dir, names)
            )
        packed = [name for name in files.names_in(data_dir) if name.endswith(_ARCHIVES)]
        return UserError(
            "--data_dir {} holds no {}{}".format(
                data_dir, names, "; unpack {} there".format(some(packed)) if packed else ""
            )
        )

    def read_file(self, path, split):
        """The Examples of one file; at least one.

        Raises:
          UserError: the file cannot be read, or is not in the layout of the task.
        """
        raise NotImplementedError

    def choose_labels(self, given, data_dir, splits):
        """Settles `labels`.

        Args:
          given: list of str or None, --labels.
          data_dir: the folder.
          splits: dict split -> Examples.

        Returns:
          Their source, in a few words.

        Raises:
          UserError: they are not known, or given for a task that has its own.
        """
        raise NotImplementedError

    def is_labelled(self, example):
        """Whether an example has a label."""
        raise NotImplementedError

    def answer_parts(self, example):
        """Ordered dict of the parts of a labelled example's answer, by which placeholders are
        found: word for it in messages -> hashable value."""
        raise NotImplementedError

    def can_be_right(self, example):
        """Whether a prediction can agree with the answer of a labelled example."""
        del example
        return True

    def without_answer(self, example):
        """The example without a label."""
        raise NotImplementedError

    def check(self, examples, config):
        """Refuses examples that the model or the task cannot take.

        Args:
          examples: Examples.
          config: model config.

        Raises:
          UserError: naming the first one.
        """

    def texts(self, example):
        """The texts of an example, for the search for duplicates in other splits; hashable."""
        raise NotImplementedError

    def notes(self, split, examples):
        """Remarks on the examples for the log: list of (is_warning, text)."""
        del split, examples
        return []

    def rows(self, example, tokenizer, max_seq_length):
        """The rows of an example.

        Args:
          example: one of Examples, or of a line of input in prediction.
          tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).
          max_seq_length: longest row.

        Returns:
          List of TaskRow, at least one.

        Raises:
          UserError: the rows are too short for the task.
        """
        raise NotImplementedError

    def objective(self, heads):
        """An object of modeling.objectives; `heads`: of modeling.task_heads."""
        raise NotImplementedError

    def decode(self, example, rows, outputs):
        """The prediction for an example.

        Args:
          example, rows: see `rows`.
          outputs: for each row a dict of the objective's `predicted` tensors without the batch
            dimension; positions after the row's own pieces are padding.
        """
        raise NotImplementedError

    def score(self, examples, predictions, prefix="eval"):
        """Figures of predictions.

        Args:
          examples: Examples, all of them labelled.
          predictions: list of what `decode` returned for them.
          prefix: of the names, followed by an underscore.

        Returns:
          Ordered dict name -> float; shares lie between 0 and 1.
        """
        raise NotImplementedError

    def sole_answer(self, predictions):
        """What all predictions say, where they say the same, as a text; None where they differ, and
        for kinds of tasks whose answers are no classes.

        Args:
          predictions: list of what `decode` returned, at least one.
        """
        del predictions
        return None

    def prediction_file(self, split):
        """Name of the first file of save_predictions."""
        raise NotImplementedError

    def save_predictions(self, folder, split, examples, predictions):
        """Writes predictions in the formats of the official scorers.

        Args:
          folder: where to.
          split: "dev" or "test".
          examples, predictions: see `score`; examples may be unlabelled.

        Returns:
          List of the names of the files.
        """
        raise NotImplementedError

    def decode_all(self, examples, outputs, tokenizer, max_seq_length):
        """Yields the prediction for each of `examples`.

        Args:
          examples: iterable.
          outputs: iterable of dicts, one for each row of all examples, in order.
          tokenizer, max_seq_length: of the rows, see `rows`.
        """
        outputs = iter(outputs)
        for example in examples:
            rows = self.rows(example, tokenizer, max_seq_length)
            yield self.decode(example, rows, list(itertools.islice(outputs, len(rows))))
