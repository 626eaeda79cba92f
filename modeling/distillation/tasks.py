"""The teacher of a task: an encoder, and its fine-tuned heads."""

import copy

from common.errors import UserError
from modeling.distillation.outputs import Built
from modeling.encoder import encode
from modeling.load_plan import POOLER, Head
from modeling.task_heads import ROOT_HEADS, Trunk


class TaskTeacher:
    """The objective of a fine-tuned teacher. It has no loss.

        teacher = TaskTeacher(Classification("tnews", 15, ElectraHeads("tnews")))
        teacher = teacher.with_heads(GoogleHeads())

    Attributes: see Objective.
    """

    def __init__(self, objective):
        """`objective`: TaskObjective of the student."""
        self._objective, self._has_heads = objective, False
        self.feature_names = objective.feature_names

    def with_heads(self, heads):
        """The same with heads, which soft labels come from.

        Args:
          heads: the teacher's, of modeling.task_heads.

        Raises:
          UserError: what they give cannot be compared with the student's.
        """
        fault = self._objective.comparison_fault(heads)
        if fault:
            raise UserError(
                "soft labels of {} cannot be compared: {}, or compare layers alone: "
                "--soft_label_weight=0".format(self._objective.name, fault)
            )
        teacher = copy.copy(self)
        teacher._objective, teacher._has_heads = copy.copy(self._objective), True
        teacher._objective.heads = heads
        return teacher

    @property
    def head(self):
        """See Objective."""
        name, scope = self._objective.name, self._objective.heads.scope
        hint = (
            "give a teacher that was fine-tuned for it, or compare layers alone: "
            "--soft_label_weight=0"
        )
        return Head(scope or ROOT_HEADS, "head of task {}".format(name), hint)

    @property
    def optional(self):
        """See Objective."""
        return self._objective.optional if self._has_heads else POOLER

    def network_config(self, config, shapes, shown, has_soft_labels):
        """See Objective."""
        del has_soft_labels
        return config.as_encoder(shapes, shown)

    def build(self, config, store, kernels, features, is_training):
        """See Objective; features as `sequences` of the student's has them."""
        return Built({"encoder": encode(config, store, kernels, features, is_training)})

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective."""
        trunk = Trunk(config, store, kernels, tensors["encoder"], is_training=False)
        output = self._objective.build_alone(trunk, features)
        return self._objective.soft_labels(
            config, store, kernels, features, output.tensors, positions
        )
