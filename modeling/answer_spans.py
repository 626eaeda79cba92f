"""Search for the best answers to a question: pairs of a first and a last token."""

import typing

from common.lazy_tensorflow import tf
from modeling import layers


class Spans(typing.NamedTuple):
    """C candidate answers of each row; pairs are not checked, an end may precede its start.

    Attributes:
      starts, ends: int32 [batch, C], positions of first and last tokens.
      scores: float32 [batch, C].
    """

    starts: typing.Any
    ends: typing.Any
    scores: typing.Any


# Subtracted from the scores of tokens that cannot be in an answer.
OUTSIDE = 1000.0


def outside_bias(features):
    """The bias of the scores of tokens: 0 at the first one and those of the second segment, -1000
    elsewhere (google-research/electra, qa_tasks.py).

    Args:
      features: dict of input_mask, segment_ids int32 [batch, seq].

    Returns:
      float32 [batch, seq].
    """
    inside = features["input_mask"] * features["segment_ids"]
    first = tf.one_hot(0, layers.axis_size(inside, 1), dtype=tf.int32)
    return OUTSIDE * (tf.cast(tf.maximum(inside, first), tf.float32) - 1.0)


def independent(start_logits, end_logits, beam_size):
    """Every pair of the best starts and the best ends; a score is the sum of two logits.

    Args:
      start_logits, end_logits: float32 [batch, seq].
      beam_size: how many of each, seq at most.

    Returns:
      Spans with C = beam_size squared.
    """
    beam = _beam(beam_size, start_logits)
    start_scores, starts = tf.nn.top_k(start_logits, beam)
    end_scores, ends = tf.nn.top_k(end_logits, beam)
    scores = start_scores[:, :, tf.newaxis] + end_scores[:, tf.newaxis, :]
    ends = tf.tile(ends[:, tf.newaxis, :], [1, beam, 1])
    return _flat(starts, ends, scores, beam)


def joint(start_logits, end_logits, beam_size):
    """The best ends of each of the best starts; a score is log p(start) + log p(end | start).

    Args:
      start_logits: float32 [batch, seq].
      end_logits: function from starts int32 [batch] to the logits of ends float32 [batch, seq].
      beam_size: how many starts, and ends of each start, seq at most.

    Returns:
      Spans with C = beam_size squared.
    """
    beam = _beam(beam_size, start_logits)
    start_scores, starts = tf.nn.top_k(tf.nn.log_softmax(start_logits), beam)

    def best_ends(chosen):
        return tuple(tf.nn.top_k(tf.nn.log_softmax(end_logits(chosen)), beam))

    # One start of every row at a time: all at once would need beam times the memory.
    end_scores, ends = tf.map_fn(
        best_ends,
        tf.transpose(starts),
        dtype=(tf.float32, tf.int32),
        parallel_iterations=1,
        back_prop=False,
    )
    scores = start_scores[:, :, tf.newaxis] + tf.transpose(end_scores, [1, 0, 2])
    return _flat(starts, tf.transpose(ends, [1, 0, 2]), scores, beam)


def _beam(beam_size, logits):
    seq_length = layers.axis_size(logits, 1)
    smaller = min if isinstance(seq_length, int) else tf.minimum
    return smaller(beam_size, seq_length)


def _flat(starts, ends, scores, beam):
    """Spans of starts [batch, beam], ends and scores [batch, beam, beam]."""
    starts = tf.tile(starts[:, :, tf.newaxis], [1, 1, beam])
    return Spans(*(tf.reshape(value, [-1, beam * beam]) for value in (starts, ends, scores)))
