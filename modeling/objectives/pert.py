"""PERT: the places where the words of a text went that was shuffled in part."""

from common.features import PERMUTED, ROW
from common.lazy_tensorflow import tf
from modeling import heads, layers, losses
from modeling.distillation.words import WordTeacher
from modeling.encoder import encode
from modeling.load_plan import POOLER
from modeling.objectives.masked_lm import MASKED_LM_EPSILON
from modeling.objectives.objective import Objective, new_output


class Pert(Objective):
    """The objective of Cui et al. 2022 (arXiv 2203.06906, section 3): cross entropy over the places
    of a row at the slots of the chosen pieces; no sentence pairs."""

    recognised_by = PERMUTED[1]
    optional = POOLER
    predicts_words = False

    def __init__(self, name):
        self.name = name
        self.feature_names = [*ROW, *PERMUTED]

    def packing_fault(self):
        """See Objective."""
        return None

    def distillation_fault(self, has_soft_labels):
        """See Objective."""
        if has_soft_labels:
            return "it predicts no words; give --soft_label_weight=0 and compare layers"
        return None

    def of_teacher(self):
        """See Objective."""
        return WordTeacher()

    def build(self, config, store, kernels, features, is_training):
        """See Objective.

        features: input_ids, input_mask, segment_ids int32 [batch, seq]; permuted_positions,
        permuted_labels int32 [batch, P]; permuted_weights float32 [batch, P], 0 at padding.

        Tensors: encoder, its EncoderOutput; position_logits [batch * P, seq];
        position_example_loss [batch * P]. The loss is sum(w * nll) / (sum(w) + 1e-5), guarded as
        the masked language model's.
        """
        positions, labels, weights = (features[name] for name in PERMUTED)
        encoded = encode(config, store, kernels, features, is_training)
        sequence = encoded.sequence_output
        logits = heads.position_logits(config, store, kernels, sequence, features, positions)
        logits = tf.reshape(logits, [-1, layers.axis_size(sequence, 1)])
        labels, weights = tf.reshape(labels, [-1]), tf.reshape(weights, [-1])
        nll = kernels.cross_entropy(logits, labels)
        output = new_output()
        output.tensors.update(encoder=encoded, position_logits=logits, position_example_loss=nll)
        output.losses["position_loss"] = losses.weighted_ratio(nll, weights, MASKED_LM_EPSILON)
        output.metrics["position_accuracy"] = losses.accuracy_ratio(logits, labels, weights)
        return output
