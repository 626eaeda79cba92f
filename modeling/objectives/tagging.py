"""Tags of tokens."""

import collections

from common.lazy_tensorflow import tf
from modeling import layers, losses
from modeling.distillation.outputs import SoftLabels
from modeling.load_plan import POOLER
from modeling.objectives.objective import ObjectiveOutput
from modeling.objectives.task import TaskObjective


class Tagging(TaskObjective):
    """One of several tags a token, where it has one.

    Attributes:
      num_tags: tags; for the others see TaskObjective.
    """

    feature_names = ("input_ids", "input_mask", "segment_ids", "tag_ids")
    optional = POOLER
    predicted = ("tags", "tag_probabilities", "example_loss")

    def __init__(self, name, num_tags, heads):
        super().__init__(name, heads)
        self.num_tags = num_tags

    def packing_fault(self):
        """See Objective."""
        return None

    def label_counts(self):
        """See Objective."""
        return {"tag_ids": self.num_tags}

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective: of the tokens that have tags."""
        flat = tf.reshape(tensors["tag_logits"], [-1, self.num_tags])
        weights = tf.reshape(tf.cast(features["tag_ids"] >= 0, tf.float32), [-1])
        return [SoftLabels("tagging", flat, weights, is_summed=True)]

    def build_on(self, trunk, features, counted):
        """See TaskObjective.

        features: tag_ids int32 [batch, seq], -1 where a token has none. Tensors: tag_logits
        [batch, seq, tags]; tags int32 [batch, seq], the likeliest; tag_probabilities [batch, seq],
        theirs; example_loss [batch], the mean over the row's tagged tokens, 0 without one. The
        loss is the sum over all tagged tokens, in CLUE's run_ner.py as in ELECTRA.
        """
        logits = self.heads.tag_logits(trunk, self.num_tags)
        flat = tf.reshape(logits, [-1, self.num_tags])
        has_tag = tf.cast(features["tag_ids"] >= 0, tf.float32) * counted[:, tf.newaxis]
        weights = tf.reshape(has_tag, [-1])
        labels = tf.reshape(features["tag_ids"], [-1]) * tf.cast(weights, tf.int32)
        nll = losses.cross_entropy(flat, labels)
        of_rows = tf.reshape(nll * weights, [-1, layers.axis_size(has_tag, 1)])
        return ObjectiveOutput(
            collections.OrderedDict(tagging_loss=losses.summed(nll, weights)),
            collections.OrderedDict(tagging_accuracy=losses.accuracy_ratio(flat, labels, weights)),
            {
                "tag_logits": logits,
                "tags": tf.argmax(logits, axis=-1, output_type=tf.int32),
                "tag_probabilities": tf.reduce_max(tf.nn.softmax(logits), axis=-1),
                "example_loss": tf.math.divide_no_nan(
                    tf.reduce_sum(of_rows, axis=1), tf.reduce_sum(has_tag, axis=1)
                ),
            },
        )
