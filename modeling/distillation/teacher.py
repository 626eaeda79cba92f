"""The teacher as a network in the student's graph."""

from modeling.distillation.outputs import RecordingKernels, outputs_of

# Of the names of its variables in the graph.
SCOPE = "teacher/"


class NetworkTeacher:
    """A frozen network that reads the student's rows.

        teacher = NetworkTeacher(get_objective("roberta").of_teacher(), teacher_config)
        outputs = teacher.outputs(store, kernels, features, "masked")

    Attributes:
      objective: that builds it, see Objective.of_teacher.
      config: its model config.
      flag: what names it, for messages.
    """

    flag = "--teacher_checkpoint"

    def __init__(self, objective, config):
        self.objective, self.config = objective, config

    def outputs(self, store, kernels, features, positions):
        """Builds the network, whose variables are frozen; without dropout.

        Args:
          store: ParameterStore of the student.
          kernels: of the teacher.
          features: dict of the student's features.
          positions: see Objective.soft_labels; None: no soft labels.

        Returns:
          Outputs.
        """
        return self.build(store.frozen(SCOPE), kernels, features, positions)

    def build(self, store, kernels, features, positions):
        """The same with variables of `store`, under their own names."""
        recording, objective = RecordingKernels(kernels), self.objective
        built = objective.build(self.config, store, recording, features, is_training=False)
        soft_labels = []
        if positions:
            soft_labels = objective.soft_labels(
                self.config, store, kernels, features, built.tensors, positions
            )
        return outputs_of(built.tensors["encoder"], recording.attended, soft_labels)
