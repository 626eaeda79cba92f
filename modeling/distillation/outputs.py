"""What two networks give for a batch, to be compared."""

import typing

from common.features import ROW_SEGMENT_IDS
from common.lazy_tensorflow import tf
from modeling import layers


class SoftLabels(typing.NamedTuple):
    """Scores of classes that a network gives.

    Attributes:
      name: what is classified, the stem of a loss's name: "masked_lm".
      logits: float32 [N, classes].
      weights: float32 [N], which rows count.
      is_binary: every class is a decision of its own.
      is_summed: their loss is a sum over the rows that count, as the student's own is; else a mean.
      share: factor of their loss, as of the labels' own part in the student's loss.
    """

    name: str
    logits: typing.Any
    weights: typing.Any
    is_binary: bool = False
    is_summed: bool = False
    share: float = 1.0


class TopLabels(typing.NamedTuple):
    """The likeliest classes by a teacher.

    Attributes:
      ids: int32 [N, k].
      log_probabilities: float32 [N, k], at the temperature of the distillation; the other classes
        have the rest.
    """

    ids: typing.Any
    log_probabilities: typing.Any


class Built(typing.NamedTuple):
    """A network without losses.

    Attributes:
      tensors: as of an ObjectiveOutput.
    """

    tensors: dict


class Outputs(typing.NamedTuple):
    """What a network gives.

    Attributes:
      soft_labels: list of SoftLabels; a teacher's may be TopLabels.
      hidden: dict layer -> float32 [batch, seq, width]; 0: the embeddings.
      attention: dict layer -> (queries, keys, values), states [batch, heads, seq, size].
    """

    soft_labels: list
    hidden: dict
    attention: dict


class RecordingKernels:
    """Kernels that keep the queries, keys and values of every block that they compute.

    Attributes:
      attended: list of (queries, keys, values), states [batch, heads, seq, size].
    """

    def __init__(self, kernels):
        self._kernels, self.attended = kernels, []

    def __getattr__(self, name):
        return getattr(self._kernels, name)

    def attention(self, query, key, value, mask_bias, rate):
        """See PlainKernels."""
        self.attended.append((query, key, value))
        return self._kernels.attention(query, key, value, mask_bias, rate)


def outputs_of(encoded, attended, soft_labels):
    """The Outputs of a network.

    Args:
      encoded: its EncoderOutput.
      attended: RecordingKernels.attended of its pass.
      soft_labels: list of SoftLabels.
    """
    states = [encoded.embedding_output, *encoded.all_encoder_layers]
    hidden = {layer: tf.cast(state, tf.float32) for layer, state in enumerate(states)}
    # Out of training the last block is computed a second time, for the pooler.
    attention = dict(enumerate(attended[: len(encoded.all_encoder_layers)], 1))
    return Outputs(soft_labels, hidden, attention)


def token_weights(features):
    """float32 [batch, seq], 1 for tokens, 0 for padding."""
    return tf.cast(features["input_mask"], tf.float32)


def attention_bias(features):
    """layers.attention_mask_bias of a batch."""
    return layers.attention_mask_bias(features["input_mask"], features.get(ROW_SEGMENT_IDS))
