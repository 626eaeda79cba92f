"""Instances: unmasked training rows, as ranges of the pieces of a work unit.

A unit is tokenised, segmented and aligned once. A row is two ranges of its pieces and a label, so
further dupes cost a few integers, and static records, dynamic records and every family's records
derive from the same Instances.
"""

import collections

import numpy as np

from data.text.tags import UNKNOWN

# Everything a row can be made from. ids: int32 [pieces]; group_starts: bool [pieces];
# sentences: int64 [sentences + 1], first piece of each sentence and the number of pieces;
# documents: int64 [documents + 1], first sentence of each document and their number; tags: int8
# [pieces, 3] in the order of tags.KINDS, -1 where a tag is not known, or None.
UnitPieces = collections.namedtuple(
    "UnitPieces", ["ids", "group_starts", "sentences", "documents", "tags"], defaults=[None]
)

# Rows as half-open ranges of pieces: int64 [rows] each. labels: int64 [rows], the sentence label.
# An empty second range: a row of one segment. order: int64 [n], the pieces that the ranges count
# in, for rows that change the order of sentences; None: those of the unit.
Rows = collections.namedtuple(
    "Rows", ["a_start", "a_end", "b_start", "b_end", "labels", "order"], defaults=[None]
)

# Rows laid out: ids, segment_ids, position_ids, group_ids: int32 [rows, max_seq_length]; group_ids
# is -1 on special tokens and padding and rises by one from group to group. lengths, labels: [rows].
# tags: int8 [rows, max_seq_length, 3], -1 on special tokens and padding, or None.
Instances = collections.namedtuple(
    "Instances",
    ["ids", "segment_ids", "position_ids", "group_ids", "lengths", "labels", "tags"],
    defaults=[None],
)

SPECIAL_TOKENS_PER_PAIR = 3  # [CLS] A [SEP] B [SEP]


def join(parts):
    """Rows of several lists of Rows of one unit."""
    ordered = parts[0].order is not None
    sizes = [len(rows.order) if ordered else 0 for rows in parts]
    offsets = np.cumsum(sizes) - sizes
    ranges = [
        np.concatenate([getattr(rows, name) + offset for rows, offset in zip(parts, offsets)])
        for name in Rows._fields[:4]
    ]
    labels = np.concatenate([rows.labels for rows in parts])
    return Rows(*ranges, labels, np.concatenate([r.order for r in parts]) if ordered else None)


def take(rows, numbers):
    """The Rows of these numbers, int [n]."""
    return Rows(*(part[numbers] for part in rows[:5]), rows.order)


def group_numbers(group_starts):
    """int32 [pieces]: number of the group each piece belongs to."""
    return (np.cumsum(group_starts) - 1).astype(np.int32)


def lay_out(unit, numbers, rows, max_seq_length, vocabulary):
    """Instances of `rows`: [CLS] A [SEP] B [SEP] and padding; [CLS] A [SEP] where B is empty.

    Args:
      unit: UnitPieces.
      numbers: int32 [pieces], from group_numbers.
      rows: Rows.
      max_seq_length: int.
      vocabulary: tokenization.Vocabulary, for the special ids.

    Returns:
      Instances, arrays of [rows, max_seq_length].
    """
    a_length = (rows.a_end - rows.a_start)[:, None].astype(np.int32)
    b_length = (rows.b_end - rows.b_start)[:, None].astype(np.int32)
    column = np.arange(max_seq_length, dtype=np.int32)[None, :]
    in_a = (column >= 1) & (column <= a_length)
    in_b = (column >= a_length + 2) & (column < a_length + 2 + b_length)
    lengths = a_length + b_length + SPECIAL_TOKENS_PER_PAIR - (b_length == 0)
    source = np.where(
        in_a, rows.a_start[:, None] + column - 1, rows.b_start[:, None] + column - 2 - a_length
    )
    text = in_a | in_b
    source = np.where(text, source, 0)
    if rows.order is not None:
        source = rows.order[source]
    ids = np.where(text, unit.ids[source], vocabulary.pad).astype(np.int32)
    group_ids = np.where(text, numbers[source], -1).astype(np.int32)
    ids[:, 0] = vocabulary.cls
    every = np.arange(len(ids))
    ids[every, a_length[:, 0] + 1] = vocabulary.sep
    ids[every, lengths[:, 0] - 1] = vocabulary.sep
    segment_ids = ((column >= a_length + 2) & (column < lengths)).astype(np.int32)
    position_ids = np.broadcast_to(column, ids.shape)
    tags = None
    if unit.tags is not None:
        tags = np.where(text[:, :, None], unit.tags[source], np.int8(UNKNOWN))
    return Instances(ids, segment_ids, position_ids, group_ids, lengths[:, 0], rows.labels, tags)
