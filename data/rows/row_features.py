"""Rows, masked or not, as the features of records, and for people."""

import numpy as np

from data.records.schema import LABELS_FROM
from data.rows.display import bracketed, shown_tags
from data.text.tags import UNKNOWN


def features_of(batch, masked):
    """The values of records: {name: array [rows, values]}.

    Args:
      batch: instances.Instances.
      masked: masking.Masked, None where masks are drawn in training.
    """
    column = np.arange(batch.ids.shape[1])[None, :]
    values = {
        "input_mask": column < batch.lengths[:, None],
        "segment_ids": batch.segment_ids,
        "next_sentence_labels": batch.labels,
    }
    if masked is None:
        values.update(input_ids=batch.ids, word_groups=numbered_in_row(batch.group_ids))
    else:
        values.update(
            input_ids=masked.ids,
            masked_lm_positions=masked.positions,
            masked_lm_ids=masked.labels,
            masked_lm_weights=masked.weights,
        )
    if batch.tags is not None:
        tags = batch.tags + 1 if masked is None else _tags_of_masked(batch, masked)
        names = LABELS_FROM.values() if masked is None else LABELS_FROM
        values.update(zip(names, np.moveaxis(tags, 2, 0)))
    return values


def _tags_of_masked(batch, masked):
    """int8 [rows, P, kinds]: tags of the masked pieces, -1 where unknown and at padding."""
    tags = np.take_along_axis(batch.tags, masked.positions[:, :, None], axis=1)
    return np.where(masked.weights[:, :, None] > 0, tags, np.int8(UNKNOWN))


def numbered_in_row(group_ids):
    """int [rows, S]: groups counted from 1 in each row, 0 outside of groups."""
    before = np.concatenate([np.full_like(group_ids[:, :1], -1), group_ids[:, :-1]], axis=1)
    heads = (group_ids >= 0) & (group_ids != before)
    return np.where(group_ids >= 0, np.cumsum(heads, axis=1), 0)


def example(batch, masked, row, tokens):
    """Row `row` of a batch for people.

    Args:
      batch, masked: see `features_of`.
      row: int.
      tokens: list of str, the vocabulary.
    """
    length = int(batch.lengths[row])
    groups = batch.group_ids[row, :length]
    starts = np.append(True, (groups[1:] != groups[:-1]) | (groups[1:] < 0))
    original, ids = np.full(length, -1), batch.ids[row, :length]
    if masked:
        real = masked.weights[row] > 0
        original[masked.positions[row, real]] = masked.labels[row, real]
        ids = masked.ids[row, :length]
    tags = None
    if batch.tags is not None:
        is_shown = original >= 0 if masked else groups >= 0
        tags = shown_tags(np.where(is_shown[:, None], batch.tags[row, :length], UNKNOWN))
    return bracketed(ids, original, starts, tokens, tags)
