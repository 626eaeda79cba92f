"""One split of a task with its rows: what a run trains on, evaluates or predicts."""

import dataclasses
import os
from typing import Any, Tuple

from finetuning.examples import Examples
from finetuning.features import FeatureFile
from finetuning.task import Task

# Fewer equal predictions may well be right.
_FEWEST_EQUAL = 10


@dataclasses.dataclass(frozen=True, eq=False)
class TaskSplit:
    """The examples of a split, and the record file of their rows.

    Attributes:
      task: with its labels settled.
      name: "train", "dev" or "test".
      examples: of the split.
      features: record file of their rows.
      objective: of modeling.objectives, which reads the rows.
      encoding: (tokenizer, max_seq_length) of the rows.
      is_one_of_several: whether the run has other tasks.
    """

    task: Task
    name: str
    examples: Examples
    features: FeatureFile
    objective: Any
    encoding: Tuple[Any, int]
    is_one_of_several: bool

    @property
    def is_labelled(self):
        """Whether every example has an answer."""
        return all(self.task.is_labelled(example) for example in self.examples)

    @property
    def path(self):
        """The record file."""
        return self.features.path

    @property
    def rows(self):
        """Number of rows in it, padding not counted."""
        return self.features.rows

    @property
    def metric(self):
        """Name of the task's main figure on dev examples in what `score` returns."""
        return self.named(self.task.metric)

    def named(self, figure):
        """The name of a figure among those of all tasks of a run."""
        return "{}_{}".format(self.task.name, figure) if self.is_one_of_several else figure

    def folder_in(self, output_dir):
        """Folder of predictions: the trial's output directory, with several tasks one in it."""
        return os.path.join(output_dir, self.task.name) if self.is_one_of_several else output_dir

    @property
    def fingerprint(self):
        """That of the examples, see features.fingerprint."""
        return self.features.made_from["examples"]

    @property
    def origin(self):
        """dict of all that predictions depend on beside the model's weights."""
        return {
            "file": self.examples.path,
            "rows": self.features.made_from,
            "options": dataclasses.asdict(self.task.options),
            "head_options": self.task.head_options,
        }

    def decode(self, outputs):
        """List of predictions for the examples; `outputs`: see Task.decode_all."""
        return list(self.task.decode_all(self.examples, outputs, *self.encoding))

    def sole_answer(self, predictions):
        """What all predictions say where they say the same, see Task.sole_answer; None where they
        are few, or where the right answers do not differ either."""
        if len(predictions) < _FEWEST_EQUAL:
            return None
        if self.is_labelled:
            answers = (tuple(self.task.answer_parts(e).values()) for e in self.examples)
            first = next(answers)
            if all(answer == first for answer in answers):
                return None
        return self.task.sole_answer(predictions)

    def score(self, predictions):
        """dict name -> figure of predictions; names begin with eval_ or test_."""
        prefix = "test" if self.name == "test" else "eval"
        figures = self.task.score(self.examples, predictions, prefix)
        return {self.named(name): value for name, value in figures.items()}
