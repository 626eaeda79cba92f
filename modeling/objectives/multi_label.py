"""Labels of a text or of a pair of texts, any number of them."""

import collections

from common.lazy_tensorflow import tf
from modeling import losses
from modeling.objectives.objective import ObjectiveOutput
from modeling.objectives.task import TaskObjective, labels_of_rows
from modeling.task_heads import GoogleHeads

INDICATORS = "label_indicators"


class MultiLabel(TaskObjective):
    """A binary decision for each label of a row, by a layer on the pooled first token.

    The loss of a row is the mean of the labels' binary cross-entropies: with a mean over rows that
    is PyTorch's BCEWithLogitsLoss, which transformers takes for multi_label_classification.

    Attributes:
      num_labels: labels; for the others see TaskObjective.
    """

    feature_names = ("input_ids", "input_mask", "segment_ids", INDICATORS)
    counted_by = INDICATORS
    predicted = ("probabilities", "example_loss")

    def __init__(self, name, num_labels, heads=None):
        """`heads`: None: GoogleHeads()."""
        super().__init__(name, heads or GoogleHeads())
        self.num_labels = num_labels

    def packing_fault(self):
        """See Objective."""
        return None

    def label_counts(self):
        """See Objective."""
        return {INDICATORS: self.num_labels}

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective: a decision each."""
        return [labels_of_rows("multi_label", tensors["logits"], self.heads, is_binary=True)]

    def build_on(self, trunk, features, counted):
        """See TaskObjective.

        features: label_indicators int32 [batch, labels or more], 1 where a row has the label, else
        0; the columns after the task's labels are those of another task. Tensors: logits and
        probabilities [batch, labels], each label's own; example_loss [batch]. The loss is the
        heads' row_loss of it.
        """
        logits = self.heads.class_logits(trunk, self.num_labels)
        indicators = features[INDICATORS][:, : self.num_labels]
        row_losses = tf.reduce_mean(losses.binary_cross_entropy(logits, indicators), axis=-1)
        is_right = tf.equal(tf.cast(logits >= 0.0, indicators.dtype), indicators)
        is_exact = tf.cast(tf.reduce_all(is_right, axis=-1), tf.float32)
        return ObjectiveOutput(
            collections.OrderedDict(multi_label_loss=self.heads.row_loss(row_losses, counted)),
            collections.OrderedDict(exact_match=losses.weighted_ratio(is_exact, counted)),
            {
                "logits": logits,
                "probabilities": tf.nn.sigmoid(logits),
                "example_loss": row_losses,
            },
        )
