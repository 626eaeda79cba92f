"""Masked language modelling, with or without a sentence-pair loss."""

import math

from common.features import MASKED_LM, ROW, SENTENCE_LABEL
from common.lazy_tensorflow import tf
from modeling import heads, losses
from modeling.distillation.options import MASKED
from modeling.distillation.outputs import SoftLabels
from modeling.distillation.words import WordTeacher, word_labels
from modeling.encoder import encode
from modeling.load_plan import POOLER
from modeling.objectives.objective import Objective, new_output

# The original program's guard against a batch without predictions.
MASKED_LM_EPSILON = 1e-5
# exp of more is no float.
LARGEST_EXPONENT = 709.0


class MaskedLm(Objective):
    """BERT's objective, and RoBERTa's: the same without the sentence-pair loss."""

    def __init__(self, name, sentence_pair, recognised_by=None):
        """`sentence_pair`: stem of the reported names ("next_sentence"), None = no such loss;
        `recognised_by`: see Objective."""
        self.name = name
        if recognised_by:
            self.recognised_by = recognised_by
        self.sentence_pair = sentence_pair
        self.optional = None if sentence_pair else POOLER
        self.feature_names = [*ROW, *MASKED_LM]
        if sentence_pair:
            self.feature_names.append(SENTENCE_LABEL)

    def figures(self, counts):
        """See Objective: the perplexity of the masked pieces."""
        return dict(super().figures(counts), **perplexity(counts))

    def packing_fault(self):
        """See Objective."""
        return "its rows are pairs of sentences" if self.sentence_pair else None

    def distillation_fault(self, has_soft_labels):
        """See Objective."""
        return None

    def of_teacher(self):
        """See Objective."""
        return WordTeacher()

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective: of words."""
        if positions != MASKED:
            encoded = tensors["encoder"]
            return word_labels(config, store, kernels, features, encoded, positions)
        weights = tf.reshape(features["masked_lm_weights"], [-1])
        return [SoftLabels("masked_lm", tensors["masked_lm_logits"], weights)]

    def build(self, config, store, kernels, features, is_training):
        """Builds the network and its losses.

        Args:
          config: model config.
          store, kernels: see modules parameters and kernels.
          features: dict of the features named above: input_ids, input_mask, segment_ids int32
            [batch, seq]; masked_lm_positions, masked_lm_ids int32 [batch, P], masked_lm_weights
            float32 [batch, P] with weight 0 at padding; next_sentence_labels int32 [batch, 1].
          is_training: dropout on or off.

        Returns:
          ObjectiveOutput. The loss is sum(w * nll) / (sum(w) + 1e-5) plus, with sentence pairs,
          the mean over rows (Devlin et al. 2019, section 3.1).
        """
        encoded = encode(config, store, kernels, features, is_training)
        output = new_output()
        output.tensors["encoder"] = encoded
        self._masked_lm(config, store, kernels, encoded, features, output)
        self._add_heads(config, store, kernels, features, output)
        return output

    def _masked_lm(self, config, store, kernels, encoded, features, output):
        vectors = heads.gather_positions(encoded.sequence_output, features["masked_lm_positions"])
        vectors = heads.masked_lm_transform(config, store, kernels, vectors)
        logits = heads.masked_lm_scores(config, store, kernels, vectors, encoded.embedding_tables)
        labels = tf.reshape(features["masked_lm_ids"], [-1])
        weights = tf.reshape(features["masked_lm_weights"], [-1])
        nll = kernels.cross_entropy(logits, labels)
        output.losses["masked_lm_loss"] = losses.weighted_ratio(nll, weights, MASKED_LM_EPSILON)
        output.metrics["masked_lm_accuracy"] = losses.accuracy_ratio(logits, labels, weights)
        output.tensors.update(
            masked_lm_transformed=vectors, masked_lm_logits=logits, masked_lm_example_loss=nll
        )

    def _add_heads(self, config, store, kernels, features, output):
        # Built without the loss as well: released RoBERTa checkpoints hold its variables.
        pooled = output.tensors["encoder"].pooled_output
        logits = heads.sentence_pair_logits(config, store, kernels, pooled)
        output.tensors["sentence_pair_logits"] = logits
        if not self.sentence_pair:
            return
        labels = tf.reshape(features[SENTENCE_LABEL], [-1])
        nll = losses.cross_entropy(logits, labels)
        ones = tf.ones_like(nll)
        stem = self.sentence_pair
        output.losses[stem + "_loss"] = losses.weighted_ratio(nll, ones)
        output.metrics[stem + "_accuracy"] = losses.accuracy_ratio(logits, labels, ones)
        output.tensors["sentence_pair_example_loss"] = nll


def perplexity(figures):
    """masked_lm_perplexity, exp of the mean loss of a masked piece: dict, empty without that loss.

    Args:
      figures: dict of an evaluation.
    """
    if "masked_lm_loss" not in figures:
        return {}
    loss = float(figures["masked_lm_loss"])
    return {"masked_lm_perplexity": math.exp(loss) if loss < LARGEST_EXPONENT else math.inf}
