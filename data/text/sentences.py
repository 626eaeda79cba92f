"""Sentence borders in running Chinese text, found for a whole text at once."""

import numpy as np

from data.text.characters import CODE_POINTS, code_points, is_ascii_word

# A sentence ends after one of these and the closing marks that follow it.
TERMINATORS = "。！？…；!?;."
CLOSERS = "”’」』）》】〉〕］\"')]}"
# Behind a closing mark these go on with the sentence: “好！”，他说。
CONTINUATIONS = "，、：,:"
# Where a sentence that is too long is cut, just behind.
CLAUSE_MARKS = CONTINUATIONS + " \t\u3000"
DEFAULT_MAX_CHARS = 256  # LTP's models read 510 pieces at most

_ASCII_TERMINATORS = "!?;."
_TERMINATOR, _CLOSER, _CONTINUATION, _ASCII_TERMINATOR, _BLANK, _LETTER = 1, 2, 4, 8, 16, 32


def _flag_table():
    table = np.zeros(CODE_POINTS, dtype=np.uint8)
    for chars, flag in (
        (TERMINATORS, _TERMINATOR),
        (CLOSERS, _CLOSER),
        (CONTINUATIONS, _CONTINUATION),
        (_ASCII_TERMINATORS, _ASCII_TERMINATOR),
        ((chr(code) for code in range(0x10000) if chr(code).isspace()), _BLANK),
    ):
        table[[ord(c) for c in chars]] |= flag
    table[np.r_[ord("A") : ord("Z") + 1, ord("a") : ord("z") + 1]] |= _LETTER
    return table


_FLAGS = _flag_table()


def split_sentences(text, max_chars=DEFAULT_MAX_CHARS):
    """Spans of the sentences of `text`, whose lines are paragraphs.

    A border lies after 。！？…； and the closing quotes and brackets after them, unless a
    comma or colon follows; after the ASCII marks only before a blank (and `.` only after a
    letter or a closing mark: not in "1. 总则" or "3.5"); at every line end. A longer sentence than
    `max_chars` is cut after its last comma or blank in the second half of the limit, else at the
    limit, but never inside a run of ASCII letters or digits that fits the limit.

    Args:
      text: str.
      max_chars: int, longest sentence in characters.

    Returns:
      starts, ends: int64 [sentences], character offsets, without blanks at both sides.
    """
    starts, ends = _lines_or_sentences(text, within_lines=True)
    return _limit_length(text, starts, ends, max_chars)


def split_lines(text):
    """Spans of the lines of `text` (one sentence a line); empty lines are skipped."""
    return _lines_or_sentences(text, within_lines=False)


def _lines_or_sentences(text, within_lines):
    chars = code_points(text)
    if not len(chars):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    newline = chars == ord("\n")
    border = newline.copy()
    if within_lines:
        border |= _sentence_borders(chars)
    last = np.flatnonzero(border)
    if not border[-1]:
        last = np.append(last, len(chars) - 1)
    starts = np.concatenate([[0], last[:-1] + 1])
    ends = last + 1
    return _strip_blanks(chars, starts, ends)


def _sentence_borders(chars):
    """bool [chars], True where a sentence ends with this character."""
    flags = _FLAGS[chars]
    next_flags = np.append(flags[1:], _BLANK)
    before = np.append(0, flags[:-1])
    ascii_mark = (flags & _ASCII_TERMINATOR) > 0
    # An ASCII mark ends a sentence only before a blank or a closing mark; a full stop only
    # after a letter or a closing mark.
    ends_here = (next_flags & (_BLANK | _CLOSER)) > 0
    full_stop = chars == ord(".")
    ends_here &= ~full_stop | ((before & (_LETTER | _CLOSER)) > 0)
    terminator = ((flags & _TERMINATOR) > 0) & (~ascii_mark | ends_here)
    in_tail = terminator | ((flags & _CLOSER) > 0)
    next_in_tail = np.append(in_tail[1:], False)
    tail_end = in_tail & ~next_in_tail
    # Of each stretch of terminators and closing marks: does it hold a terminator?
    seen = np.cumsum(terminator)
    tail_start = np.flatnonzero(in_tail & ~np.append(False, in_tail[:-1]))
    tail_last = np.flatnonzero(tail_end)
    has_terminator = seen[tail_last] - seen[tail_start] + terminator[tail_start] > 0
    border = np.zeros(len(chars), dtype=bool)
    border[tail_last[has_terminator]] = True
    return border & ((next_flags & _CONTINUATION) == 0)


def _strip_blanks(chars, starts, ends):
    solid = (_FLAGS[chars] & _BLANK) == 0
    positions = np.flatnonzero(solid)
    first = np.searchsorted(positions, starts)
    last = np.searchsorted(positions, ends)
    keep = last > first
    first, last = first[keep], last[keep]
    return positions[first].astype(np.int64), positions[last - 1].astype(np.int64) + 1


def _limit_length(text, starts, ends, max_chars):
    if not len(starts) or (ends - starts).max() <= max_chars:
        return starts, ends
    cut_starts, cut_ends = [], []
    for start, end in zip(starts.tolist(), ends.tolist()):
        while end - start > max_chars:
            cut = _cut(text, start, start + max_chars)
            cut_starts.append(start)
            cut_ends.append(cut)
            start = cut
        cut_starts.append(start)
        cut_ends.append(end)
    chars = code_points(text)
    return _strip_blanks(chars, np.array(cut_starts), np.array(cut_ends))


def _cut(text, start, limit):
    """Place to cut text[start:] so that its beginning ends at `limit` or before."""
    for at in range(limit, start + (limit - start) // 2, -1):
        if text[at - 1] in CLAUSE_MARKS:
            return at
    for at in range(limit, start, -1):
        if not (is_ascii_word(text[at - 1]) and is_ascii_word(text[at])):
            return at
    return limit
