"""Classes of a text or of a pair of texts."""

import collections

from common.lazy_tensorflow import tf
from modeling import losses
from modeling.objectives.objective import ObjectiveOutput
from modeling.objectives.task import TaskObjective, labels_of, labels_of_rows
from modeling.task_heads import GoogleHeads


class Classification(TaskObjective):
    """One of several classes a row, by a layer on the pooled first token.

    Attributes:
      num_labels: classes; for the others see TaskObjective.
    """

    feature_names = ("input_ids", "input_mask", "segment_ids", "label_ids")
    counted_by = "label_ids"
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
        return {"label_ids": self.num_labels}

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective."""
        return [labels_of_rows("classification", tensors["logits"], self.heads)]

    def build_on(self, trunk, features, counted):
        """See TaskObjective.

        features: label_ids int32 [batch, 1]. Tensors: logits and probabilities [batch, labels],
        example_loss [batch]. The loss is the heads' row_loss of it.
        """
        logits = self.heads.class_logits(trunk, self.num_labels)
        labels = labels_of(features["label_ids"], counted)
        nll = losses.cross_entropy(logits, labels)
        return ObjectiveOutput(
            collections.OrderedDict(classification_loss=self.heads.row_loss(nll, counted)),
            collections.OrderedDict(
                classification_accuracy=losses.accuracy_ratio(logits, labels, counted)
            ),
            {"logits": logits, "probabilities": tf.nn.softmax(logits), "example_loss": nll},
        )
