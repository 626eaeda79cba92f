"""Overlapping windows over a passage that is longer than a row, and the places of answers in them.

Pieces are counted from the passage's first. Offsets, int [pieces, 2], are a piece's first character
in the passage and the one after its last.
"""

import unicodedata
from typing import NamedTuple

import numpy as np

from common.errors import UserError


class Window(NamedTuple):
    """The pieces of a passage from `start` up to, not including, `end`."""

    start: int
    end: int


def make_windows(num_pieces, room, stride, max_answer_length):
    """Windows over a passage: the first begins with it, each next one `stride` pieces later, the
    last ends with it (google-research/bert, run_squad.py).

    Any `max_answer_length` neighbouring pieces lie in one window: where `stride` is too long for
    that it is shortened.

    Args:
      num_pieces: pieces of the passage, at least 0.
      room: pieces of the passage that fit into a row beside the question.
      stride: at least 1.
      max_answer_length: pieces of the longest answer searched for, at least 1.

    Returns:
      List of Window, at least one; an empty one for a passage without a piece.

    Raises:
      UserError: the room is less than an answer.
    """
    if room < max_answer_length:
        raise UserError(
            "a row has room for {} pieces of a passage beside the question, and answers may have "
            "{}; raise --max_seq_length, or lower --max_query_length or --max_answer_length".format(
                max(0, room), max_answer_length
            )
        )
    stride = min(stride, room - max_answer_length + 1)
    windows = [Window(0, min(room, num_pieces))]
    while windows[-1].end < num_pieces:
        start = windows[-1].start + stride
        windows.append(Window(start, min(start + room, num_pieces)))
    return windows


def most_context(windows, num_pieces):
    """For each piece the window in which it has most context: the larger of the smaller sides, a
    longer window where they are equal, the first of those (run_squad.py).

    Args:
      windows: from make_windows.
      num_pieces: pieces of the passage.

    Returns:
      int32 [num_pieces], indices of windows.
    """
    best = np.full(num_pieces, -1.0)
    best_window = np.zeros(num_pieces, np.int32)
    for number, window in enumerate(windows):
        pieces = np.arange(window.start, window.end)
        context = np.minimum(pieces - window.start, window.end - 1 - pieces)
        score = context + 0.01 * (window.end - window.start)
        is_better = score > best[pieces]
        best[pieces[is_better]] = score[is_better]
        best_window[pieces[is_better]] = number
    return best_window


def pieces_of(offsets, start, end):
    """The pieces that contain any character of a range.

    Args:
      offsets: int [pieces, 2], rising.
      start, end: characters of the passage, `end` not included.

    Returns:
      (first, last) piece, the last one included; None where no piece contains one of them (blanks
      have none).
    """
    held = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > start))
    return (int(held[0]), int(held[-1])) if len(held) else None


def text_of(passage, offsets, first, last):
    """The passage's own text from piece `first` to piece `last`, both included, with the
    accents after it, which tokenizers drop."""
    end = offsets[last, 1]
    while end < len(passage) and unicodedata.category(passage[end]) == "Mn":
        end += 1
    return passage[offsets[first, 0] : end]


def place_in(window, first, last):
    """(first, last) counted from the window's first piece; None where they are not wholly in it."""
    if window.start <= first <= last < window.end:
        return first - window.start, last - window.start
    return None
