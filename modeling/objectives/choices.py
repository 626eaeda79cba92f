"""One of several choices: a score for each, computed of a row of its own."""

import collections

from common.lazy_tensorflow import tf
from modeling import layers, losses
from modeling.objectives.objective import ObjectiveOutput
from modeling.objectives.task import TaskObjective, labels_of, labels_of_rows
from modeling.task_heads import GoogleHeads

# Added to the score of a choice that a question does not have.
_ABSENT = -10000.0
_OF_CHOICES = ("input_ids", "input_mask", "segment_ids")


class MultipleChoice(TaskObjective):
    """A softmax over the scores of the choices, each by a layer on the pooled first token of its
    sequence (transformers' BertForMultipleChoice).

    A choice without a token does not exist: questions may have fewer of them.

    Attributes:
      texts_per_row: sequences in a row, one for each choice; for the others see TaskObjective.
    """

    feature_names = (*_OF_CHOICES, "label_ids")
    counted_by = "label_ids"
    predicted = ("choice_scores", "example_loss")

    def __init__(self, name, num_choices, heads=None):
        """`heads`: None: GoogleHeads()."""
        super().__init__(name, heads or GoogleHeads())
        self.texts_per_row = num_choices

    def label_counts(self):
        """See Objective."""
        return {"label_ids": self.texts_per_row}

    def sequences(self, features):
        """See TaskObjective: [batch, choices, seq] as [batch * choices, seq], so that the encoder
        runs once."""
        flat = dict(features)
        for name in _OF_CHOICES:
            seq_length = layers.axis_size(features[name], 2)
            flat[name] = tf.reshape(features[name], [-1, seq_length])
        return flat

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective."""
        return [labels_of_rows("choice", tensors["choice_scores"], self.heads)]

    def build_on(self, trunk, features, counted):
        """See TaskObjective.

        features: input_mask int32 [batch, choices, seq] or as `sequences` has it; label_ids int32
        [batch, 1]. Tensors: choice_scores [batch, choices]; example_loss [batch]. The loss is the
        heads' row_loss of it.
        """
        scores = tf.reshape(self.heads.class_logits(trunk, 1), [-1, self.texts_per_row])
        first = tf.reshape(features["input_mask"][..., 0], [-1, self.texts_per_row])
        is_there = tf.cast(first, tf.float32)
        scores = tf.cast(scores, tf.float32) + _ABSENT * (1.0 - is_there)
        labels = labels_of(features["label_ids"], counted)
        nll = losses.cross_entropy(scores, labels)
        return ObjectiveOutput(
            collections.OrderedDict(choice_loss=self.heads.row_loss(nll, counted)),
            collections.OrderedDict(choice_accuracy=losses.accuracy_ratio(scores, labels, counted)),
            {"choice_scores": scores, "example_loss": nll},
        )
