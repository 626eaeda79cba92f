"""One split of a task with its rows: what a run trains on, evaluates or predicts."""


class TaskSplit:
    """The examples of a split, and the record file of their rows.

    Attributes:
      task: task object.
      split: "train", "dev" or "test".
      examples: Examples.
      features: features.FeatureFile.
      objective: of modeling.objectives, which reads the rows.
      is_labelled: whether every example says what is right.
    """

    def __init__(self, task, split, examples, features, objective, encoding, is_one_of_several):
        """`encoding`: (tokenizer, max_seq_length) that the rows were made with."""
        self.task, self.split, self.examples = task, split, examples
        self.features, self.objective = features, objective
        self._encoding, self._is_one_of_several = encoding, is_one_of_several
        self.is_labelled = all(task.is_labelled(example) for example in examples)

    @property
    def path(self):
        """The record file."""
        return self.features.path

    @property
    def rows(self):
        """How many rows it holds, padding not counted."""
        return self.features.rows

    @property
    def metric(self):
        """What `score` calls the task's main figure on dev examples."""
        return self.named(self.task.metric)

    def named(self, figure):
        """The name of a figure among those of all tasks of a run."""
        return "{}_{}".format(self.task.name, figure) if self._is_one_of_several else figure

    def decode(self, outputs):
        """List of predictions for the examples; `outputs`: see Task.decode_all."""
        return list(self.task.decode_all(self.examples, outputs, *self._encoding))

    def score(self, predictions):
        """dict name -> figure of predictions; names begin with eval_ or test_."""
        prefix = "test" if self.split == "test" else "eval"
        found = self.task.score(self.examples, predictions, prefix)
        return {self.named(name): value for name, value in found.items()}
