"""Instances: unmasked training rows, as ranges of the pieces of a work unit.

A unit is tokenised, segmented and aligned once. A row is two ranges of its pieces and a label, so
further dupes cost a few integers, and static records, dynamic records and every family's records
derive from the same Instances.
"""

import bisect
import collections
import random

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


def nsp_pairs(unit, max_seq_length, short_seq_prob, seed):
    """Next-sentence pairs after google-research/bert create_pretraining_data.py.

    Sentences of a document are taken up to a target length and parted at a random sentence; in
    half of the pairs the second segment comes from another document of the unit (label 1), and the
    sentences it replaces are used again. One document in 1 / short_seq_prob has a random, shorter
    target.

    Args:
      unit: UnitPieces.
      max_seq_length: int, including [CLS] and both [SEP].
      short_seq_prob: float.
      seed: int or str.

    Returns:
      Rows, in document order, cut to max_seq_length at group borders.
    """
    rng = random.Random(seed)
    room = max_seq_length - SPECIAL_TOKENS_PER_PAIR
    sentences, documents = unit.sentences.tolist(), unit.documents.tolist()
    rows = []
    for document, at, end, target in _targets(documents, room, short_seq_prob, rng):
        while at < end:
            last = _take(sentences, at, end, target)
            a_last = _middle(at, last, rng)
            if last - at == 1 or rng.random() < 0.5:
                start = _random_sentence(documents, document, rng)
                other_end = documents[_document_of(documents, start) + 1]
                wanted = target - (sentences[a_last] - sentences[at])
                stop = _take(sentences, start, other_end, wanted)
                label, following = 1, a_last
            else:
                start, stop, label, following = a_last, last, 0, last
            rows.append(
                (sentences[at], sentences[a_last], sentences[start], sentences[stop], label)
            )
            at = following
    return _cut_to_length(unit, _as_rows(rows), room, np.random.default_rng(rng.getrandbits(64)))


def sentence_order_pairs(unit, max_seq_length, short_seq_prob, seed):
    """Sentence-order pairs after google-research/albert create_pretraining_data.py.

    Sentences of a document are taken up to a target length, as for nsp_pairs, and parted at a
    random sentence; in half of the pairs the two parts change places (label 1). Where a document
    leaves a single sentence, google-research/albert takes the second segment from another document;
    here that sentence is parted at a random group, so that every pair is consecutive text (if one
    whose order is easier to see).

    Args:
      unit: UnitPieces.
      max_seq_length: int, including [CLS] and both [SEP].
      short_seq_prob: float.
      seed: int or str.

    Returns:
      Rows, in document order, cut to max_seq_length at group borders: at either end of a segment,
      so that where a segment is cut does not tell the label. A sentence of a single group is left
      out: it makes no pair.
    """
    rng = random.Random(seed)
    room = max_seq_length - SPECIAL_TOKENS_PER_PAIR
    sentences, documents = unit.sentences.tolist(), unit.documents.tolist()
    groups = np.flatnonzero(unit.group_starts)
    rows = []
    for _, at, end, target in _targets(documents, room, short_seq_prob, rng):
        while at < end:
            last = _take(sentences, at, end, target)
            start, stop = sentences[at], sentences[last]
            if last - at > 1:
                middle = sentences[_middle(at, last, rng)]
            else:
                middle = _random_border(groups, start, stop, rng)
            swapped = rng.random() < 0.5
            if middle is not None:
                first, second = (start, middle), (middle, stop)
                pair = (*second, *first, 1) if swapped else (*first, *second, 0)
                rows.append(pair)
            at = last
    return _cut_to_length(unit, _as_rows(rows), room, np.random.default_rng(rng.getrandbits(64)))


def _targets(documents, room, short_seq_prob, rng):
    """Yields (document, first sentence, the one behind the last, target length in pieces)."""
    for document in range(len(documents) - 1):
        target = room
        if rng.random() < short_seq_prob:
            target = rng.randint(2, room)
        yield document, documents[document], documents[document + 1], target


def _middle(at, last, rng):
    """The sentence that a second segment begins with, at random; `last` after a single one."""
    return at + (rng.randint(1, last - at - 1) if last - at > 1 else 1)


def _random_border(borders, start, stop, rng):
    """One of the increasing `borders` that lie inside (start, stop), None without any."""
    low, high = np.searchsorted(borders, (start + 1, stop))
    return int(borders[low + int(rng.random() * (high - low))]) if high > low else None


def _take(sentences, start, end, target):
    """The sentence behind the first ones from `start` that reach `target` pieces; at least one."""
    stop = start + 1
    while stop < end and sentences[stop] - sentences[start] < target:
        stop += 1
    return stop


def _random_sentence(documents, document, rng):
    """A sentence of another document; of the same one if ten draws find no other."""
    for _ in range(10):
        other = rng.randint(0, len(documents) - 2)
        if other != document:
            break
    return rng.randint(documents[other], documents[other + 1] - 1)


def _document_of(documents, sentence):
    return bisect.bisect_right(documents, sentence) - 1


def full_pairs(unit, max_seq_length, seed):
    """Full rows of contiguous text as pairs (RoBERTa-wwm: no NSP, every sequence full length).

    A row takes as many whole groups as fit and may go on into the next document; the two segments
    part at a document border inside the row, else at a random sentence border, else at a random
    group. The label is 0.

    Args:
      unit: UnitPieces.
      max_seq_length: int, including [CLS] and both [SEP].
      seed: int or str.

    Returns:
      Rows in text order. A last row of a single group is left out: it makes no pair.
    """
    rng = random.Random(seed)
    room = max_seq_length - SPECIAL_TOKENS_PER_PAIR
    group_before = group_start_at_or_before(unit.group_starts)
    groups = np.flatnonzero(unit.group_starts)
    document_firsts = unit.sentences[unit.documents[:-1]]
    rows, at, end = [], 0, len(unit.ids)
    while at < end:
        stop = min(at + room, end)
        if stop < end:
            snapped = int(group_before[stop])
            stop = snapped if snapped > at else stop
        for borders in (document_firsts, unit.sentences, groups):
            middle = _random_border(borders, at, stop, rng)
            if middle is not None:
                rows.append((at, middle, middle, stop, 0))
                break
        at = stop
    return _as_rows(rows)


def _as_rows(rows):
    return Rows(*np.array(rows, dtype=np.int64).reshape(-1, 5).T)


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


def group_start_at_or_before(group_starts):
    """int64 [pieces + 1]: for each border between pieces, the nearest group border before it."""
    border = np.append(group_starts, True)
    return np.maximum.accumulate(np.where(border, np.arange(len(border)), 0))


def _group_start_at_or_after(group_starts):
    border = np.append(group_starts, True)
    positions = np.where(border, np.arange(len(border)), len(border))
    return np.minimum.accumulate(positions[::-1])[::-1]


def _cut_to_length(unit, rows, room, rng):
    """Cuts pairs to `room` pieces: always from the longer segment, at either end by chance.

    Google takes single pieces; here a group that would be cut in two goes whole, so that no half
    word is ever masked.
    """
    a_length, b_length = rows.a_end - rows.a_start, rows.b_end - rows.b_start
    surplus = np.maximum(a_length + b_length - room, 0)
    difference = a_length - b_length
    from_longer = np.minimum(surplus, np.abs(difference))
    rest = surplus - from_longer
    cut_a = np.where(difference > 0, from_longer, 0) + rest // 2
    cut_b = np.where(difference < 0, from_longer, 0) + (rest + 1) // 2
    before = group_start_at_or_before(unit.group_starts)
    after = _group_start_at_or_after(unit.group_starts)

    def cut(start, end, count):
        front = rng.binomial(count, 0.5)
        hard_start, hard_end = start + front, end - (count - front)
        # A cut that falls into a group takes the rest of the group too.
        new_start = np.where(front > 0, after[hard_start], start)
        new_end = np.where(count > front, before[hard_end], end)
        empty = new_end <= new_start  # one group longer than the segment: no way but to cut it
        return np.where(empty, hard_start, new_start), np.where(empty, hard_end, new_end)

    a_start, a_end = cut(rows.a_start, rows.a_end, cut_a)
    b_start, b_end = cut(rows.b_start, rows.b_end, cut_b)
    return Rows(a_start, a_end, b_start, b_end, rows.labels)


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
