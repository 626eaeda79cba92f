"""The choice of the pieces of rows to predict, by a masking.MaskingSpec.

graph_sampling.py chooses by the same procedure in operations of a graph.
"""

from typing import NamedTuple

import numpy as np

from common.features import MASKED_LM, TAG_LABELS
from data.rows.instances import group_heads
from data.text.tags import UNKNOWN


def predictions_per_row(lengths, spec):
    """int [rows]: min(P, max(1, round(length * probability))), google-research/bert."""
    wanted = np.rint(lengths * spec.probability).astype(np.int64)
    return np.minimum(spec.max_predictions, np.maximum(1, wanted))


def predictions(instances, chosen, max_predictions):
    """Targets of chosen pieces, in the order of their places, padding at the end.

    Args:
      instances: instances.Instances.
      chosen: bool [rows, S].
      max_predictions: P, at least as many as a row has chosen pieces.

    Returns:
      dict of masked_lm_positions, masked_lm_ids int32 [rows, P], masked_lm_weights float32
      [rows, P], 1 on real predictions; of rows with tags also pos_labels and the like, int8
      [rows, P], UNKNOWN on padding.
    """
    positions, ids, weights = values_at(chosen, instances.ids, max_predictions)
    targets = dict(zip(MASKED_LM, (positions, ids, weights)))
    if instances.tags is not None:
        tags = np.take_along_axis(instances.tags, positions[:, :, None], axis=1)
        tags = np.where(weights[:, :, None] > 0, tags, np.int8(UNKNOWN))
        targets.update(zip(TAG_LABELS, np.moveaxis(tags, 2, 0)))
    return targets


def values_at(chosen, values, max_predictions):
    """Values of chosen pieces, in the order of their places, zeros at the end.

    Args:
      chosen: bool [rows, S].
      values: int [rows, S].
      max_predictions: P, at least as many as a row has chosen pieces.

    Returns:
      places and values int32 [rows, P], weights float32 [rows, P], 1 where there is a piece.
    """
    rows, columns = places(chosen)
    rank = _rank_in_row(rows, len(chosen))
    shape = (len(chosen), max_predictions)
    positions, found = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    weights = np.zeros(shape, np.float32)
    positions[rows, rank] = columns
    found[rows, rank] = values[rows, columns]
    weights[rows, rank] = 1.0
    return positions, found, weights


def places(matrix):
    """Rows and columns of what is True in a bool [rows, S], two int64 [n]: a faster np.nonzero."""
    return np.divmod(np.flatnonzero(matrix), matrix.shape[1])


def _rank_in_row(rows, row_count):
    counts = np.bincount(rows, minlength=row_count)
    return np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)


def choose_pieces(instances, spec, rng):
    """Chooses what is predicted.

    Groups are tried in random order, google-research/bert's way: one that would overflow the
    row's number of predictions is passed over, so no group is ever chosen in part. The last run
    of n-grams is shortened until it fits, as in google-research/albert.

    Args:
      instances: instances.Instances.
      spec: masking.MaskingSpec, or another specification with its probability, unit,
        max_predictions and, for "ngram", ngram_probs.
      rng: numpy Generator.

    Returns:
      bool [rows, S], True on the pieces to predict; int64 [n], counts of runs of 1, 2, ... groups.
    """
    groups = list_groups(instances, spec.unit)
    segments = instances.segment_ids[groups.row, groups.first]
    row_count, width = instances.ids.shape
    counts = np.bincount(groups.row, minlength=row_count)
    longest = len(spec.ngram_probs) if spec.unit == "ngram" else 1
    order = shuffled_within_rows(counts, rng)
    left = predictions_per_row(instances.lengths, spec)
    wanted = _draw_runs(spec, row_count, longest, rng)
    taken = np.zeros(len(groups.row), dtype=bool)
    ngrams = np.zeros(longest, dtype=np.int64)
    active = np.arange(row_count)
    # One candidate of every unfinished row at a time. A drawn length is kept until a place is
    # found for it, so that long runs, which find fewer, stay as frequent as asked for; a second
    # round over the candidates fills what is left with single groups.
    rounds = 1 if longest == 1 else 2
    for turn in range(rounds * int(counts.max(initial=0))):
        active = active[(left[active] > 0) & (rounds * counts[active] > turn)]
        if not len(active):
            break
        second = turn >= counts[active]
        candidate = order[active, turn - second * counts[active]]
        size = np.where(second, 1, np.minimum(wanted[active], left[active]))
        size, length = _fitting_run(groups, segments, candidate, size, taken, left[active])
        fits = size > 0
        rows, chosen, size = active[fits], candidate[fits], size[fits]
        for i in range(longest):
            taken[(chosen + i)[size > i]] = True
        left[rows] -= length[fits]
        ngrams += np.bincount(size - 1, minlength=longest)
        if longest > 1:
            wanted[rows] = _draw_runs(spec, len(rows), longest, rng)
    return _spread(taken, groups, (row_count, width)), ngrams


def _draw_runs(spec, count, longest, rng):
    """int64 [count], lengths of runs in groups."""
    if longest == 1:
        return np.ones(count, dtype=np.int64)
    return 1 + np.searchsorted(np.cumsum(spec.ngram_probs)[:-1], rng.random(count), "right")


class Groups(NamedTuple):
    """Groups of a batch, row by row.

    Attributes:
      row: int64 [groups].
      first: int64 [groups], column of the first piece.
      end: int64 [groups], column after the last.
    """

    row: np.ndarray
    first: np.ndarray
    end: np.ndarray


def list_groups(instances, unit, among=None):
    """Groups of the rows: single pieces for the unit "wordpiece", words for the others.

    Args:
      instances: instances.Instances.
      unit: of the specification.
      among: bool [rows, S], True on all pieces of the groups wanted; None: all groups.
    """
    ids = instances.group_ids
    heads = ids >= 0 if unit == "wordpiece" else group_heads(ids)
    ends = _group_ends(instances, heads)
    row, first = places(heads)
    if among is None:
        return Groups(row, first, ends)
    wanted = among[row, first]
    return Groups(row[wanted], first[wanted], ends[wanted])


def pieces_of_groups(groups):
    """Rows and columns of the pieces of groups, group by group: two int64 [pieces]."""
    sizes = groups.end - groups.first
    before = np.cumsum(sizes) - sizes
    columns = np.arange(sizes.sum()) + np.repeat(groups.first - before, sizes)
    return np.repeat(groups.row, sizes), columns


def _group_ends(instances, heads):
    in_text = instances.group_ids >= 0
    following = np.ones_like(heads)
    following[:, :-1] = heads[:, 1:] | ~in_text[:, 1:]
    ends = np.flatnonzero((in_text & following).ravel())
    return ends % heads.shape[1] + 1


def shuffled_within_rows(counts, rng):
    """The items of each row, such as its groups, in random order: int64 [rows, most items], indices
    of the items of all rows.

    The first counts[row] of a row are its own. A row of keys has 30 random bits and the index of an
    item of the row in one integer: numpy sorts short rows of integers tens of times as fast as one
    long array, and ties cannot depend on the sorting method.

    Args:
      counts: int64 [rows], items of each row.
      rng: numpy Generator.
    """
    index = np.arange(int(counts.max(initial=0)))
    bits = max(1, len(index).bit_length())
    keys = rng.integers(0, 1 << 30, (len(counts), len(index)), dtype=np.uint32).astype(np.int64)
    keys = (keys << bits) | index
    np.putmask(keys, index >= counts[:, None], np.iinfo(np.int64).max)
    keys.sort(axis=1)
    return (keys & ((1 << bits) - 1)) + (np.cumsum(counts) - counts)[:, None]


def _fitting_run(groups, segments, candidate, wanted, taken, room):
    """Whether a run of `wanted` groups from each candidate is free in one segment.

    Where it is but has more than `room` pieces, it is shortened until it fits.

    Returns:
      sizes in groups (0: no place here) and lengths in pieces, int64 [candidates].
    """
    size = np.zeros(len(candidate), dtype=np.int64)
    length = np.zeros(len(candidate), dtype=np.int64)
    free = np.ones(len(candidate), dtype=bool)
    for i in range(int(wanted.max())):
        member = np.minimum(candidate + i, len(groups.row) - 1)
        same_segment = (groups.row[member] == groups.row[candidate]) & (
            segments[member] == segments[candidate]
        )
        needed = i < wanted
        free &= ~needed | ((member == candidate + i) & same_segment & ~taken[member])
        pieces = groups.end[member] - groups.first[candidate]
        fits = needed & (pieces <= room)
        size[fits] = i + 1
        length[fits] = pieces[fits]
    size[~free] = 0
    return size, length


def _spread(taken, groups, shape):
    """bool [rows, S]: True on every piece of the groups taken."""
    numbers = np.flatnonzero(taken)
    lengths = groups.end[numbers] - groups.first[numbers]
    before = np.cumsum(lengths) - lengths
    starts = groups.row[numbers] * shape[1] + groups.first[numbers]
    spread = np.zeros(shape, dtype=bool)
    spread.ravel()[np.repeat(starts - before, lengths) + np.arange(lengths.sum())] = True
    return spread
