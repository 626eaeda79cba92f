"""The base class of the objectives of fine-tuning."""

from common.features import TEXT_STARTS
from common.lazy_tensorflow import tf
from modeling import layers
from modeling.distillation.outputs import SoftLabels
from modeling.distillation.tasks import TaskTeacher
from modeling.encoder import encode
from modeling.objectives.objective import Objective
from modeling.task_heads import Trunk


class TaskObjective(Objective):
    """One loss of heads on one pass of the encoder.

    Attributes:
      name: of the task.
      heads: GoogleHeads or an object with its methods.
      feature_names: record features that `build` reads.
      predicted: names of ObjectiveOutput.tensors that predictions hold.
      counted_by: a feature with as many entries as there are losses of rows, or of texts where rows
        hold several.
    """

    counted_by = "input_ids"

    def __init__(self, name, heads):
        self.name, self.heads = name, heads

    def build(self, config, store, kernels, features, is_training):
        """See Objective; features are those that build_on describes. Tensors: `encoder`, its
        EncoderOutput, and those of build_on."""
        encoded = encode(config, store, kernels, self.sequences(features), is_training)
        output = self.build_alone(Trunk(config, store, kernels, encoded, is_training), features)
        output.tensors["encoder"] = encoded
        return output

    def distillation_fault(self, has_soft_labels):
        """See Objective."""
        return None

    def of_teacher(self):
        """See Objective."""
        return TaskTeacher(self)

    def comparison_fault(self, heads):
        """Why a teacher's scores cannot be compared with the student's, as a sentence; None where
        they can.

        Args:
          heads: the teacher's.
        """
        del heads
        return None

    def build_alone(self, trunk, features):
        """build_on of rows that are all of this task."""
        if TEXT_STARTS in features:
            features = _text_by_text(features)
        counted = tf.ones([layers.axis_size(features[self.counted_by], 0)])
        return self.build_on(trunk, features, counted)

    def build_on(self, trunk, features, counted):
        """Builds the heads and their loss.

        Args:
          trunk: task_heads.Trunk.
          features: dict of the features named above.
          counted: float32 [batch], 1 for rows of this task, 0 for those of other tasks, whose
            labels are ignored. In rows with several texts, [texts] where
            `counted_by` is of texts.

        Returns:
          ObjectiveOutput with one loss.
        """
        raise NotImplementedError


def labels_of_rows(name, logits, heads, **more):
    """SoftLabels of rows that all count, in a loss that is reduced as the heads' own.

    Args:
      name, logits: of SoftLabels.
      heads: of modeling.task_heads.
      **more: others of its fields.
    """
    weights = tf.ones([layers.axis_size(logits, 0)])
    return SoftLabels(name, logits, weights, is_summed=heads.sums_rows, **more)


def _text_by_text(features):
    """Features of rows with several texts, those of texts [rows, texts of a row, values] as
    [texts, values] in the order of the pooled outputs."""
    is_text = features[TEXT_STARTS] >= 0
    return {
        name: tf.boolean_mask(values, is_text) if values.shape.ndims == 3 else values
        for name, values in features.items()
    }


def labels_of(feature, counted):
    """A label of each row, 0 where it does not count: feature int32 [batch, 1], counted as in
    build_on -> int32 [batch]."""
    return tf.reshape(feature, [-1]) * tf.cast(counted, feature.dtype)
