"""Rows of two segments of running text, in order or swapped: of families that learn the order."""

from data.rows import pairs


def rows(unit, settings, seed):
    """The rows of a work unit; see Recipe.pairs."""
    return pairs.sentence_order_pairs(unit, settings.max_seq_length, settings.short_seq_prob, seed)
