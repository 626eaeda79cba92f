"""Instances: unmasked training rows, as ranges of the pieces of a work unit.

A unit is tokenised, segmented and aligned once. A row is two ranges of its pieces and a label, so
further dupes cost a few integers, and static records, dynamic records and every family's records
derive from the same Instances.
"""

from typing import NamedTuple, Optional

import numpy as np

from data.text.tags import UNKNOWN


class UnitPieces(NamedTuple):
    """The pieces of a work unit: everything that a row can be made from.

    Attributes:
      ids: int32 [pieces].
      group_starts: bool [pieces], True where a word group begins.
      sentences: int64 [sentences + 1], first piece of each sentence, and the number of pieces.
      documents: int64 [documents + 1], first sentence of each document, and their number.
      tags: int8 [pieces, kinds] in the order of common.tags.KINDS, UNKNOWN where a tag is not
        known; None for pieces without tags.
      labels: int8 [documents] where each is a pair of sentences, as sentence_pairs.py has them; or
        None.
    """

    ids: np.ndarray
    group_starts: np.ndarray
    sentences: np.ndarray
    documents: np.ndarray
    tags: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None


class RowRanges(NamedTuple):
    """Rows as two half-open ranges of pieces each.

    Attributes:
      a_start, a_end: int64 [rows], the first segment.
      b_start, b_end: int64 [rows], the second; empty: a row of one segment.
      labels: int64 [rows], the sentence label.
      order: int64 [n], the pieces that the ranges count in, for rows that change the order of
        sentences; None: those of the unit.
    """

    a_start: np.ndarray
    a_end: np.ndarray
    b_start: np.ndarray
    b_end: np.ndarray
    labels: np.ndarray
    order: Optional[np.ndarray] = None


class Instances(NamedTuple):
    """Unmasked training rows as arrays of int32 [rows, max_seq_length], padded.

    Attributes:
      ids: of the pieces.
      segment_ids: 0 or 1.
      group_ids: rising by one from word group to word group; -1 on special tokens and padding.
      lengths: [rows], pieces without padding.
      labels: int64 [rows], the sentence label.
      tags: int8 [rows, max_seq_length, kinds], UNKNOWN on special tokens and padding; or None.
    """

    ids: np.ndarray
    segment_ids: np.ndarray
    group_ids: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    tags: Optional[np.ndarray] = None


SPECIAL_TOKENS_PER_PAIR = 3  # [CLS] A [SEP] B [SEP]


def join(several):
    """RowRanges of several RowRanges of one unit."""
    ordered = several[0].order is not None
    sizes = [len(rows.order) if ordered else 0 for rows in several]
    offsets = np.cumsum(sizes) - sizes
    ranges = [
        np.concatenate([getattr(rows, name) + offset for rows, offset in zip(several, offsets)])
        for name in RowRanges._fields[:4]
    ]
    labels = np.concatenate([rows.labels for rows in several])
    return RowRanges(
        *ranges, labels, np.concatenate([r.order for r in several]) if ordered else None
    )


def take(rows, numbers):
    """The RowRanges of these numbers, int [n]."""
    return RowRanges(*(values[numbers] for values in rows[:5]), rows.order)


def left_out(unit, rows):
    """The number of a unit's pieces that are in none of `rows` (RowRanges)."""
    starts = np.concatenate([rows.a_start, rows.b_start])
    ends = np.concatenate([rows.a_end, rows.b_end])
    by_start = np.argsort(starts)
    starts, ends = starts[by_start], ends[by_start]
    # What ranges before this one have covered goes up to the largest of their ends.
    reached = np.maximum.accumulate(np.append(0, ends))[:-1]
    fresh = np.maximum(starts, reached)
    if rows.order is None:
        return len(unit.ids) - int(np.maximum(ends - fresh, 0).sum())
    covered = np.zeros(len(unit.ids), dtype=bool)
    for start, end in zip(fresh.tolist(), ends.tolist()):
        covered[rows.order[start:end]] = True
    return len(unit.ids) - int(np.count_nonzero(covered))


def group_numbers(group_starts):
    """int32 [pieces]: number of the group each piece belongs to."""
    return (np.cumsum(group_starts) - 1).astype(np.int32)


def group_heads(group_ids):
    """bool [rows, S]: True on the first piece of each group; see Instances.group_ids."""
    before = np.concatenate([np.full_like(group_ids[:, :1], -1), group_ids[:, :-1]], axis=1)
    return (group_ids >= 0) & (group_ids != before)


def assemble(unit, numbers, rows, max_seq_length, vocabulary):
    """Instances of `rows`: [CLS] A [SEP] B [SEP] and padding; [CLS] A [SEP] where B is empty.

    Args:
      unit: UnitPieces.
      numbers: int32 [pieces], from group_numbers.
      rows: RowRanges.
      max_seq_length: int.
      vocabulary: of data/tokenizers/vocabularies.py, for the special ids.

    Returns:
      Instances, arrays of [rows, max_seq_length].
    """
    a_length = (rows.a_end - rows.a_start)[:, None].astype(np.int32)
    b_length = (rows.b_end - rows.b_start)[:, None].astype(np.int32)
    column = np.arange(max_seq_length, dtype=np.int32)[None, :]
    in_a = (column >= 1) & (column <= a_length)
    in_b = (column >= a_length + 2) & (column < a_length + 2 + b_length)
    lengths = a_length + b_length + SPECIAL_TOKENS_PER_PAIR - (b_length == 0)
    text = in_a | in_b
    # A block has less than 2^31 pieces. Outside of texts the place does not count: clipped.
    a_first = rows.a_start[:, None].astype(np.int32) - 1
    b_first = rows.b_start[:, None].astype(np.int32) - 2 - a_length
    source = column + np.where(in_a, a_first, b_first)
    if rows.order is not None:
        source = rows.order.take(source, mode="clip")
    ids = np.where(text, unit.ids.take(source, mode="clip"), np.int32(vocabulary.pad))
    group_ids = np.where(text, numbers.take(source, mode="clip"), np.int32(-1))
    ids[:, 0] = vocabulary.cls
    every = np.arange(len(ids))
    ids[every, a_length[:, 0] + 1] = vocabulary.sep
    ids[every, lengths[:, 0] - 1] = vocabulary.sep
    segment_ids = ((column >= a_length + 2) & (column < lengths)).astype(np.int32)
    tags = None
    if unit.tags is not None:
        placed = unit.tags.take(source, axis=0, mode="clip")
        tags = np.where(text[:, :, None], placed, np.int8(UNKNOWN))
    return Instances(ids, segment_ids, group_ids, lengths[:, 0], rows.labels, tags)
