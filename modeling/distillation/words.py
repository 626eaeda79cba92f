"""Words as soft labels, and the teacher that gives them."""

from common.features import MASKED_LM, ROW
from common.lazy_tensorflow import tf
from modeling import heads
from modeling.distillation.options import ALL
from modeling.distillation.outputs import Built, SoftLabels, token_weights
from modeling.encoder import encode
from modeling.load_plan import MLM_HEAD, POOLER, Head


class WordTeacher:
    """The objective of a teacher of pre-training: an encoder, and the masked-LM head where soft
    labels are asked for. It has no loss."""

    feature_names = (*ROW, *MASKED_LM)

    def build(self, config, store, kernels, features, is_training):
        """See Objective."""
        return Built({"encoder": encode(config, store, kernels, features, is_training)})

    head = Head(
        (MLM_HEAD, "generator_predictions/"),
        "masked-LM head",
        "give a pre-trained teacher with its head, or compare layers alone: --soft_label_weight=0",
    )
    optional = POOLER

    def network_config(self, config, shapes, shown, has_soft_labels):
        """See Objective: of ELECTRA the generator where words are predicted."""
        if has_soft_labels:
            return config.as_masked_lm(shapes, shown)
        return config.as_encoder(shapes, shown)

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective."""
        return word_labels(config, store, kernels, features, tensors["encoder"], positions)


def word_labels(config, store, kernels, features, encoded, positions):
    """Scores of the vocabulary at tokens of a row.

    Args:
      config, store, kernels: of the network.
      features: input_mask int32 [batch, seq]; masked_lm_positions int32 [batch, P],
        masked_lm_weights float32 [batch, P].
      encoded: its EncoderOutput.
      positions: MASKED or ALL.

    Returns:
      List of one SoftLabels: [batch * P, vocab] or [batch * seq, vocab].
    """
    sequence = encoded.sequence_output
    if positions == ALL:
        vectors = tf.reshape(sequence, [-1, sequence.shape.as_list()[-1]])
        weights = token_weights(features)
    else:
        vectors = heads.gather_positions(sequence, features["masked_lm_positions"])
        weights = features["masked_lm_weights"]
    logits = heads.masked_lm_logits(config, store, kernels, vectors, encoded.embedding_tables)
    return [SoftLabels("masked_lm", logits, tf.reshape(weights, [-1]))]
