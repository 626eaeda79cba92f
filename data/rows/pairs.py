"""Pairs of segments, the rows of most families, as ranges of the pieces of a work unit."""

import bisect
import random

import numpy as np

from data.rows.instances import SPECIAL_TOKENS_PER_PAIR, RowRanges
from data.text.sentence_pairs import NOT_SAID, OTHER, SIMILAR


def nsp_pairs(unit, max_seq_length, short_seq_prob, seed):
    """Next-sentence pairs after google-research/bert create_pretraining_data.py.

    Sentences of a document are taken up to a target length and split at a random sentence; in
    half of the pairs the second segment comes from another document of the unit (label 1), and the
    sentences it replaces are used again. One document in 1 / short_seq_prob has a random, shorter
    target.

    Args:
      unit: UnitPieces.
      max_seq_length: int, including [CLS] and both [SEP].
      short_seq_prob: float.
      seed: int or str.

    Returns:
      RowRanges, in document order, cut to max_seq_length at group borders.
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
                start, other_end = _random_sentence(documents, document, rng)
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

    Sentences of a document are taken up to a target length, as for nsp_pairs, and split at a
    random sentence; in half of the pairs the two parts change places (label 1). Where a document
    leaves a single sentence, google-research/albert takes the second segment from another document;
    here that sentence is split at a random group, so that every pair is consecutive text (if one
    whose order is easier to see).

    Args:
      unit: UnitPieces.
      max_seq_length: int, including [CLS] and both [SEP].
      short_seq_prob: float.
      seed: int or str.

    Returns:
      RowRanges, in document order, cut to max_seq_length at group borders: at either end of a
      segment, so that where a segment is cut does not tell the label. A sentence of a single group
      is skipped: it makes no pair.
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


def similarity_pairs(unit, max_seq_length, seed):
    """Rows of sentence pairs, the label 0 for similar sentences and 1 for others.

    A pair that is said to be similar, or not, is one row. One of which nothing is said is similar,
    and one of its sentences with one of another pair of the unit is a second row, of label 1; so
    both labels are as frequent. Which sentence is the first is drawn: similarity has no order.

    Args:
      unit: UnitPieces whose documents are pairs, with labels.
      max_seq_length: int, including [CLS] and both [SEP].
      seed: int or str.

    Returns:
      RowRanges in text order, cut to max_seq_length at group borders. A pair that has lost a
      sentence (of control characters alone, say) is skipped; without any other pair that has a
      sentence of its own there is no second row.
    """
    rng = random.Random(seed)
    room = max_seq_length - SPECIAL_TOKENS_PER_PAIR
    whole = np.flatnonzero(np.diff(unit.documents) == 2)
    firsts = unit.documents[:-1][whole]
    # [pairs, sentences, (start, end)]
    spans = np.stack([unit.sentences[firsts[:, None] + [n, n + 1]] for n in (0, 1)], axis=1)
    spans, rows = spans.tolist(), []
    for pair, label in enumerate(unit.labels[whole].tolist()):
        rows.append(_in_any_order(*spans[pair], OTHER if label == OTHER else SIMILAR, rng))
        stranger = _sentence_of_another(unit, spans, pair, rng) if label == NOT_SAID else None
        if stranger:
            kept = spans[pair][rng.random() < 0.5]
            rows.append(_in_any_order(kept, stranger, OTHER, rng))
    return _cut_to_length(unit, _as_rows(rows), room, np.random.default_rng(rng.getrandbits(64)))


def _in_any_order(first, second, label, rng):
    first, second = (first, second) if rng.random() < 0.5 else (second, first)
    return (*first, *second, label)


def _sentence_of_another(unit, spans, pair, rng):
    """A sentence of another pair that none of this pair is equal to; None if ten draws find none,
    as many pairs may share a sentence."""
    own = [unit.ids[start:end].tobytes() for start, end in spans[pair]]
    for _ in range(10):
        other = int(rng.random() * len(spans))
        start, end = spans[other][rng.random() < 0.5]
        if other != pair and unit.ids[start:end].tobytes() not in own:
            return start, end
    return None


def _targets(documents, room, short_seq_prob, rng):
    """Yields (document, first sentence, the one after the last, target length in pieces)."""
    for document in range(len(documents) - 1):
        target = room
        if rng.random() < short_seq_prob:
            target = rng.randint(2, room)
        yield document, documents[document], documents[document + 1], target


def _middle(at, last, rng):
    """The sentence that a second segment begins with, at random; `last` after a single one."""
    return at + 1 + (int(rng.random() * (last - at - 1)) if last - at > 1 else 0)


def _random_border(borders, start, stop, rng):
    """One of the increasing `borders` that lie inside (start, stop), None without any."""
    low, high = np.searchsorted(borders, (start + 1, stop))
    return int(borders[low + int(rng.random() * (high - low))]) if high > low else None


def _take(sentences, start, end, target):
    """The sentence after the first ones from `start` that reach `target` pieces; at least one."""
    return bisect.bisect_left(sentences, sentences[start] + target, start + 1, end)


def _random_sentence(documents, document, rng):
    """A sentence of another document, of the same one if ten draws find no other; its document's
    end."""
    # A product is several times faster than randint; its bias is 2^-53 of the number of choices.
    for _ in range(10):
        other = int(rng.random() * (len(documents) - 1))
        if other != document:
            break
    start, end = documents[other], documents[other + 1]
    return start + int(rng.random() * (end - start)), end


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
      RowRanges in text order. A last row of a single group is skipped: it makes no pair.
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


def sentence_rows(unit):
    """A row of one segment for each sentence, which must be short enough: RowRanges."""
    starts, ends = unit.sentences[:-1], unit.sentences[1:]
    return RowRanges(starts, ends, ends, ends, np.zeros_like(starts))


def _as_rows(rows):
    return RowRanges(*np.array(rows, dtype=np.int64).reshape(-1, 5).T)


def group_start_at_or_before(group_starts):
    """int64 [pieces + 1]: for each border between pieces, the nearest group border before it."""
    border = np.append(group_starts, True)
    return np.maximum.accumulate(np.where(border, np.arange(len(border)), 0))


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
    borders = np.flatnonzero(np.append(unit.group_starts, True))

    def cut(start, end, count):
        front = rng.binomial(count, 0.5)
        hard_start, hard_end = start + front, end - (count - front)
        # A cut that falls into a group takes the rest of the group too.
        after = borders[np.searchsorted(borders, hard_start)]
        before = borders[np.searchsorted(borders, hard_end, side="right") - 1]
        new_start = np.where(front > 0, after, start)
        new_end = np.where(count > front, before, end)
        empty = new_end <= new_start  # one group longer than the segment: no way but to cut it
        return np.where(empty, hard_start, new_start), np.where(empty, hard_end, new_end)

    a_start, a_end = cut(rows.a_start, rows.a_end, cut_a)
    b_start, b_end = cut(rows.b_start, rows.b_end, cut_b)
    return RowRanges(a_start, a_end, b_start, b_end, rows.labels)
