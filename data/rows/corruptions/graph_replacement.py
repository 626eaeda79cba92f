"""Similar words drawn anew for every batch: word_replacement.py's corruption as a graph."""

from typing import NamedTuple

from common.lazy_tensorflow import tf
from data.rows.corruptions import graph_sampling
from data.rows.corruptions.word_replacement import KEPT
from data.similarity import piece_table


class _Words(NamedTuple):
    """The groups of a batch, counted from 1 in each row; 0 is special tokens and padding.

    Attributes:
      keys: int64 [batch, seq + 1], of piece_table.keys_of.
      sizes: int32 [batch, seq + 1], in pieces.
      offsets: int32 [batch, seq], place of a piece in its group.
    """

    keys: "tf.Tensor"
    sizes: "tf.Tensor"
    offsets: "tf.Tensor"


def draw_words(features, spec, table, tokens, uniform):
    """Replaces chosen words of a batch; see corruption.Corruption.draw.

    Args:
      features: dict with input_ids, input_mask, segment_ids, word_groups, int32 [batch, seq].
      spec: word_replacement.ReplacementSpec.
      table: piece_table.WordTable.
      tokens: corruption.Tokens.
      uniform: function (shape, purpose) -> float32 tensor.

    Returns:
      Changed ids, int32 [batch, seq]; dict of masked_lm_positions, masked_lm_ids int32 [batch, P],
      masked_lm_weights float32 [batch, P].
    """
    chosen = graph_sampling.choose_pieces(features, spec, uniform)
    positions, real = graph_sampling.true_columns(chosen, spec.max_predictions)
    ids = features["input_ids"]
    groups = graph_sampling.groups_of(features, spec)
    words = _list_words(ids, groups)
    shape = tf.shape(words.keys)
    kind = uniform(shape, graph_sampling.KIND)
    which = uniform(shape, graph_sampling.RANDOM)
    entry, is_kept = _draw_entries(table, words, spec, kind, which)
    start = tf.where(entry < 0, entry, tf.gather(table.starts, tf.maximum(entry, 0)))
    start = tf.gather(start, groups, batch_dims=1)
    # Padding is one long group, which is never chosen.
    at = tf.clip_by_value(start + words.offsets, 0, len(table.pieces) - 1)
    written = tf.gather(tf.constant(table.pieces), at)
    # Pieces of a word for which the table has no random one: draws of the row's words serve again.
    random = tf.gather(tf.constant(tokens.random_ids), _place(which[:, 1:], len(tokens.random_ids)))
    new = tf.where(start < 0, random, written)
    changed = tf.logical_and(chosen, tf.logical_not(tf.gather(is_kept, groups, batch_dims=1)))
    targets = graph_sampling.predictions(ids, positions, real)
    return tf.where(changed, new, ids), targets


def _list_words(ids, groups):
    batch, seq = tf.shape(ids)[0], ids.shape.as_list()[1]
    cells = batch * (seq + 1)
    flat = tf.reshape(groups + tf.range(batch)[:, tf.newaxis] * (seq + 1), [-1])
    columns = tf.zeros_like(ids) + tf.range(seq)[tf.newaxis, :]
    first = tf.math.unsorted_segment_min(tf.reshape(columns, [-1]), flat, cells)
    offsets = tf.reshape(tf.reshape(columns, [-1]) - tf.gather(first, flat), tf.shape(ids))
    factors = tf.constant(piece_table.powers(seq).view("int64"))
    terms = (tf.cast(ids, tf.int64) + 1) * tf.gather(factors, offsets)
    keys = tf.math.unsorted_segment_sum(tf.reshape(terms, [-1]), flat, cells)
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, cells)
    shape = [batch, seq + 1]
    return _Words(tf.reshape(keys, shape), tf.reshape(sizes, shape), offsets)


def _draw_entries(table, words, spec, kind, which):
    """Entries of the table for words, int32 [batch, seq + 1], -1 where random pieces are drawn;
    whether words are kept, bool [batch, seq + 1]."""
    to_similar, to_random, _ = spec.replacement
    keys = tf.constant(table.keys)
    number = tf.reshape(tf.searchsorted(keys, tf.reshape(words.keys, [-1])), tf.shape(words.keys))
    number = tf.minimum(number, len(table.keys) - 1)
    has_similar = tf.equal(tf.gather(keys, number), words.keys)
    similar = tf.gather(tf.constant(table.similar), _one_of(table.first, number, which))
    # A size more, which has no words.
    size_first = tf.constant([*table.size_first, table.size_first[-1]], tf.int32)
    size = tf.minimum(words.sizes, len(table.size_first) - 1)
    has_random = tf.gather(size_first, size + 1) > tf.gather(size_first, size)
    at = _one_of(size_first, tf.where(has_random, size, tf.ones_like(size)), which)
    at = tf.minimum(at, len(table.by_size) - 1)
    random = tf.where(has_random, tf.gather(tf.constant(table.by_size), at), -tf.ones_like(at))
    is_similar = tf.logical_and(kind < to_similar, has_similar)
    is_kept = kind >= to_similar + to_random
    if spec.without_similar == KEPT:
        without = tf.logical_and(kind < to_similar, tf.logical_not(has_similar))
        is_kept = tf.logical_or(is_kept, without)
    return tf.where(is_similar, similar, random), is_kept


def _one_of(first, number, which):
    """As word_replacement's: int32, the shape of `number`."""
    first = tf.convert_to_tensor(first)
    begin = tf.gather(first, number)
    return begin + _place(which, tf.gather(first, number + 1) - begin)


def _place(which, count):
    """floor(which * count), below count (float32 may round up)."""
    count = tf.convert_to_tensor(count)
    place = tf.cast(which * tf.cast(count, tf.float32), tf.int32)
    return tf.maximum(tf.minimum(place, count - 1), 0)
