"""Corruption drawn anew for every batch, in the input pipeline.

The draw is a function of the seed and the batch's number alone.
"""

from typing import NamedTuple

from common.features import MASKED_IDS
from common.lazy_tensorflow import tf
from data.records.schema import FEATURES, SOURCE
from data.rows.corruptions.corruption import Corruption, Tokens

_PURPOSES = 4  # that a batch has seeds for


class Drawing(NamedTuple):
    """The corruption of a run whose rows are corrupted in training.

    Attributes:
      corruption: Corruption.
      tokens: Tokens of the records' vocabulary.
      seed: int.
      keeps_original: input_ids stay as they are, and the changed ids are a feature of their own,
        masked_input_ids.
    """

    corruption: Corruption
    tokens: Tokens
    seed: int
    keeps_original: bool = False

    @property
    def spec(self):
        """The corruption's specification."""
        return self.corruption.spec

    @property
    def special_ids(self):
        """Ids of the tokens that are no text."""
        return self.tokens.special_ids


def draw(features, batch_number, drawing):
    """Corrupts a batch.

    Args:
      features: dict with input_ids, input_mask, segment_ids and what the corruption needs beside
        them (Corruption.sources), int32 [batch, seq].
      batch_number: int64 scalar, counted from the beginning of the run.
      drawing: Drawing.

    Returns:
      The features without those sources, and with the corruption's targets. input_ids are the
      changed ones; with drawing.keeps_original these are masked_input_ids, int32 [batch, seq].
    """

    def uniform(shape, purpose):
        seed = tf.constant(drawing.seed * _PURPOSES + purpose, tf.int64)
        return tf.random.stateless_uniform(shape, tf.stack([seed, batch_number]))

    ids, targets = drawing.corruption.draw(features, drawing.tokens, uniform)
    kept = {name: value for name, value in features.items() if FEATURES[name].role != SOURCE}
    return dict(kept, **targets, **{MASKED_IDS if drawing.keeps_original else "input_ids": ids})
