"""Multi-task fine-tuning: one encoder, heads for each task (Liu et al. 2019, arXiv 1901.11504)."""

import collections

from common.lazy_tensorflow import tf
from modeling.encoder import encode
from modeling.objectives.objective import Objective, new_output
from modeling.task_heads import Trunk


class Several(Objective):
    """Tasks whose rows are mixed; a row counts in the loss of the task that it is of
    (google-research/electra, run_finetuning.py).

    Attributes:
      name: names of the tasks.
      objectives: list of TaskObjective; the feature task_numbers counts them from 0.
      feature_names: record features that `build` reads; rows of a task without one of them hold any
        values within its limits.
      predicted: names of tensors that predictions hold, <task>/<name of its objective's>.
      optional: variables that none of them depends on, see TaskObjective.
    """

    def __init__(self, objectives):
        """`objectives`: list of TaskObjective with names and heads' scopes that all differ.

        Raises:
          ValueError: they do not.
        """
        self.objectives = list(objectives)
        for what, values in (
            ("names", [o.name for o in self.objectives]),
            ("scopes", [o.heads.scope for o in self.objectives]),
        ):
            if len(set(values)) < len(values):
                raise ValueError("tasks share {}: {}".format(what, values))
        if any(objective.texts_per_row > 1 for objective in self.objectives):
            raise ValueError("rows of several texts cannot be mixed with others")
        self.name = ",".join(objective.name for objective in self.objectives)
        names = [name for objective in self.objectives for name in objective.feature_names]
        self.feature_names = tuple(collections.OrderedDict.fromkeys(names)) + ("task_numbers",)
        parts = {objective.optional for objective in self.objectives}
        self.optional = parts.pop() if len(parts) == 1 else None
        self.predicted = tuple(
            "{}/{}".format(objective.name, name)
            for objective in self.objectives
            for name in objective.predicted
        )

    def label_counts(self):
        """See Objective; of labels that several tasks have, the most."""
        counts = {"task_numbers": len(self.objectives)}
        for objective in self.objectives:
            for name, count in objective.label_counts().items():
                counts[name] = max(count, counts.get(name, 0))
        return counts

    def packing_fault(self):
        """See Objective."""
        return "rows of several tasks are mixed"

    def distillation_fault(self, has_soft_labels):
        """See Objective."""
        return "a teacher is of one task; train the tasks one by one"

    def build(self, config, store, kernels, features, is_training):
        """See Objective.

        features: task_numbers int32 [batch, 1] and those of the tasks. The encoder runs once.
        losses: <task>_loss each; where a task takes a mean, that is over the rows of all tasks.
        metrics and tensors: <task>/<name of its objective's>; of tensors also `encoder`.
        """
        encoded = encode(config, store, kernels, features, is_training)
        trunk = Trunk(config, store, kernels, encoded, is_training)
        numbers = tf.reshape(features["task_numbers"], [-1])
        output = new_output()
        output.tensors["encoder"] = encoded
        for number, objective in enumerate(self.objectives):
            counted = tf.cast(tf.equal(numbers, number), tf.float32)
            task_output = objective.build_on(trunk, features, counted)
            (loss,) = task_output.losses.values()
            output.losses[objective.name + "_loss"] = loss
            for ours, theirs in (
                (output.metrics, task_output.metrics),
                (output.tensors, task_output.tensors),
            ):
                ours.update(("{}/{}".format(objective.name, k), v) for k, v in theirs.items())
        return output
