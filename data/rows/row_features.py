"""Rows, corrupted or not, as the features of records, and for people."""

import numpy as np

from common.features import PIECE_TAGS, SENTENCE_LABEL, WORD_STARTS
from data.records.schema import BITS
from data.rows.display import bracketed, shown_tags, word_starts
from data.rows.instances import group_heads
from data.text.tags import UNKNOWN

# Pieces on each side of a word that is shown.
_AROUND = 10


def features_of(batch, corrupted=None, names=(WORD_STARTS,)):
    """The values of records: {name: array [rows, values]}.

    Args:
      batch: instances.Instances.
      corrupted: corruption.Corrupted, None for records whose corruption is drawn in training.
      names: features of the records; word_starts are made only for those that hold them.
    """
    column = np.arange(batch.ids.shape[1])[None, :]
    values = {
        "input_mask": column < batch.lengths[:, None],
        "segment_ids": batch.segment_ids,
        SENTENCE_LABEL: batch.labels,
    }
    if corrupted is not None:
        if WORD_STARTS in names:
            starts = group_heads(batch.group_ids) | (batch.group_ids < 0)
            values[WORD_STARTS] = packed_bits(starts & values["input_mask"])
        return dict(values, input_ids=corrupted.ids, **corrupted.targets)
    values.update(input_ids=batch.ids, word_groups=numbered_in_row(batch.group_ids))
    if batch.tags is not None:
        values.update(zip(PIECE_TAGS, np.moveaxis(batch.tags + 1, 2, 0)))
    return values


def packed_bits(bits):
    """The values of a feature of shape "B" (data/records/schema.py).

    Args:
      bits: bool [rows, S].

    Returns:
      int64 [rows, ceil(S / BITS)].
    """
    padded = np.pad(bits, ((0, 0), (0, -bits.shape[1] % BITS)))
    return padded.reshape(len(bits), -1, BITS) @ (1 << np.arange(BITS))


def unpacked_bits(values, length):
    """bool [length]: the bits of the pieces of one row, of what packed_bits gave for it."""
    return ((values[:, None] >> np.arange(BITS)) & 1).ravel()[:length] > 0


def numbered_in_row(group_ids):
    """int [rows, S]: groups counted from 1 in each row, 0 outside of groups."""
    return np.where(group_ids >= 0, np.cumsum(group_heads(group_ids), axis=1), 0)


def example(batch, corrupted, row, tokens):
    """Row `row` of a batch for people.

    Args:
      batch, corrupted: see `features_of`.
      row: int.
      tokens: list of str, the vocabulary.
    """
    length = int(batch.lengths[row])
    groups = batch.group_ids[row, :length]
    starts = word_starts(groups, -1)
    ids, original = batch.ids[row, :length], np.full(length, -1)
    is_shown = groups >= 0
    if corrupted is not None:
        is_shown = corrupted.predicted[row, :length]
        original = np.where(is_shown, ids, -1)
        ids = corrupted.ids[row, :length]
    tags = None
    if batch.tags is not None:
        tags = shown_tags(np.where(is_shown[:, None], batch.tags[row, :length], UNKNOWN))
    return bracketed(ids, original, starts, tokens, tags)


def shown_change(change):
    """A corruption.Change in short: new<-old, as in rows."""
    return "{}<-{}".format(change.new, change.old)


def changed_text(batch, change, vocabulary):
    """The original text around a changed word, which is written as `shown_change` does.

    Args:
      batch: instances.Instances.
      change: corruption.Change.
      vocabulary: of WordPiece tokens.
    """
    row, first, end = change.place
    ids, is_text = batch.ids[row], batch.group_ids[row] >= 0

    def text(begin, stop):
        columns = [i for i in range(max(begin, 0), min(stop, len(ids))) if is_text[i]]
        return "".join(vocabulary.spelling(int(ids[i])).text for i in columns)

    before, after = text(first - _AROUND, first), text(end, end + _AROUND)
    return "{}({}){}".format(before, shown_change(change), after)
