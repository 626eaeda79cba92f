"""Sentences longer than a row, divided where rows are made of whole sentences."""

import numpy as np

from data.rows.instances import SPECIAL_TOKENS_PER_PAIR
from data.text.sentences import CLAUSE_MARKS, split_sentences


def divide_long_sentences(text, piece_starts, unit, max_seq_length):
    """A unit whose sentences all fit into a row.

    A row that holds a sentence longer than itself is cut, and what is cut off is in no row. Such a
    sentence (a paragraph a line, say) is parted at the sentence ends within it, as raw text is; a
    part that is still longer than a row goes into equal parts of half a row at the most, which end
    after a comma or another mark of a clause where there is one, else between two groups.

    Args:
      text: str, the text of the pieces.
      piece_starts: int [pieces], character offsets.
      unit: instances.UnitPieces.
      max_seq_length: int, including the special tokens.

    Returns:
      UnitPieces, the same one where no sentence is too long; how many sentences were too long.
    """
    room = max_seq_length - SPECIAL_TOKENS_PER_PAIR
    is_long = np.diff(unit.sentences) > room
    if not is_long.any():
        return unit, 0
    inner = _inside(_sentence_ends(text, piece_starts, unit.group_starts), unit.sentences, is_long)
    borders = np.union1d(unit.sentences, inner)
    cuts = _equal_parts(text, piece_starts, unit.group_starts, borders, room)
    group_starts = unit.group_starts.copy()
    group_starts[cuts] = True  # a group longer than half a row is cut, too
    sentences = np.union1d(borders, cuts)
    documents = np.searchsorted(sentences, unit.sentences[unit.documents])
    divided = unit._replace(sentences=sentences, documents=documents, group_starts=group_starts)
    return divided, int(is_long.sum())


def _sentence_ends(text, piece_starts, group_starts):
    """int [n]: pieces that begin a sentence of the text and a group."""
    starts, _ = split_sentences(text, max_chars=len(text))
    first = np.searchsorted(piece_starts, starts)
    first = first[first < len(piece_starts)]
    return first[group_starts[first]]


def _inside(places, sentences, chosen):
    """Those of the `places` (pieces) that lie in the sentences that are `chosen`, bool."""
    return places[chosen[np.searchsorted(sentences, places, side="right") - 1]]


def _equal_parts(text, piece_starts, group_starts, borders, room):
    """int64 [n]: where to cut the stretches between `borders` that are longer than `room`."""
    cuts = []
    for number in np.flatnonzero(np.diff(borders) > room).tolist():
        at, end = int(borders[number]), int(borders[number + 1])
        while end - at > room // 2:
            parts = -(-(end - at) // (room // 2))
            size = -(-(end - at) // parts)
            at = _cut(text, piece_starts, group_starts, at, at + size)
            cuts.append(at)
    return np.array(cuts, dtype=np.int64)


def _cut(text, piece_starts, group_starts, at, limit):
    """A place to cut in the second half of the pieces from `at` to `limit`, `limit` at last."""
    middle = at + (limit - at + 1) // 2
    groups = middle + np.flatnonzero(group_starts[middle : limit + 1])
    for place in groups[::-1].tolist():
        if text[piece_starts[place] - 1] in CLAUSE_MARKS:
            return place
    return int(groups[-1]) if len(groups) else limit
