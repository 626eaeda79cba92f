"""Classes of a text or of a pair of texts."""

import collections

import tensorflow.compat.v1 as tf

from modeling import heads, losses
from modeling.encoder import encode
from modeling.objectives.objective import Objective, ObjectiveOutput


class Classification(Objective):
    """The classifier of google-research/bert, run_classifier.py: dropout and one layer on the
    pooled first token; variables `output_weights` and `output_bias`.

    Attributes:
      name: what a run calls it.
      num_labels: classes.
      feature_names: record features that `build` reads.
      predicted: names of ObjectiveOutput.tensors that predictions hold.
    """

    feature_names = ("input_ids", "input_mask", "segment_ids", "label_ids")
    predicted = ("probabilities", "example_loss")

    def __init__(self, name, num_labels, dropout=0.1):
        """`dropout`: rate before the layer; the original's is 0.1 whatever the config says."""
        self.name, self.num_labels, self._dropout = name, num_labels, dropout

    def build(self, config, store, kernels, features, is_training):
        """Builds the network and its loss.

        Args:
          config: model config.
          store, kernels: see modules parameters and kernels.
          features: dict of input_ids, input_mask, segment_ids int32 [batch, seq], label_ids
            int32 [batch, 1].
          is_training: dropout on or off.

        Returns:
          ObjectiveOutput; tensors: logits and probabilities [batch, labels], example_loss
          [batch]. The loss is the mean over rows.
        """
        encoded = encode(config, store, kernels, features, is_training)
        pooled = kernels.dropout(encoded.pooled_output, self._dropout if is_training else 0.0)
        logits = heads.classification_logits(config, store, kernels, pooled, self.num_labels)
        labels = tf.reshape(features["label_ids"], [-1])
        nll = losses.cross_entropy(logits, labels)
        ones = tf.ones_like(nll)
        return ObjectiveOutput(
            collections.OrderedDict(classification_loss=losses.weighted_ratio(nll, ones)),
            collections.OrderedDict(
                classification_accuracy=losses.accuracy_ratio(logits, labels, ones)
            ),
            {
                "encoder": encoded,
                "logits": logits,
                "probabilities": tf.nn.softmax(logits),
                "example_loss": nll,
            },
        )
