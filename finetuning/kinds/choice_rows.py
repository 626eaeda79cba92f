"""Rows of questions with choices, a sequence of pieces for each choice, as CLUE's programs cut
them.

A function takes a Question, a tokenizer and the length of a row; it returns a list of ChoiceRow, in
the order of the choices.
"""

from typing import List, NamedTuple

from common.errors import UserError
from data.rows import sequences
from finetuning.layouts.choices import BLANK

# Stands for the blank that is asked for; where a vocabulary lacks it, [MASK] does.
_ASKED_BLANK = "[unused1]"
# An idiom has four characters: so many pieces stand for another blank.
_IDIOM = 4


class ChoiceRow(NamedTuple):
    """A choice with what it is compared with.

    Attributes:
      input_ids, segment_ids: lists of int, without padding.
      is_truncated: whether something does not fit.
    """

    input_ids: List[int]
    segment_ids: List[int]
    is_truncated: bool


def passage_rows(question, tokenizer, max_seq_length):
    """C3: [CLS] passage [SEP] question [SEP] choice [SEP], the passage being the first segment.

    The longest of the three loses pieces at its end (CLUE's run_c3.py).

    Raises:
      UserError: the row has no room for text.
    """
    room = max_seq_length - 4
    if room < 1:
        raise UserError("--max_seq_length={} has no room for text".format(max_seq_length))
    passage, asked = (tokenizer.tokenize(text).ids.tolist() for text in question.texts)
    vocabulary, rows = tokenizer.vocabulary, []
    for text in question.choices:
        choice = tokenizer.tokenize(text).ids.tolist()
        lengths = _shares((len(passage), len(choice), len(asked)), room)
        first = [vocabulary.cls, *passage[: lengths[0]], vocabulary.sep]
        second = [*asked[: lengths[2]], vocabulary.sep, *choice[: lengths[1]], vocabulary.sep]
        is_cut = sum(lengths) < len(passage) + len(choice) + len(asked)
        rows.append(ChoiceRow(first + second, [0] * len(first) + [1] * len(second), is_cut))
    return rows


def cause_rows(question, tokenizer, max_seq_length):
    """COPA: [CLS] cause [SEP] effect [SEP], the choice being one of the two."""
    premise, asked = question.texts
    rows = []
    for choice in question.choices:
        pair = (choice, premise) if asked == "cause" else (premise, choice)
        row = sequences.encode_text(tokenizer, *pair, max_seq_length)
        length = sum(row.input_mask)
        rows.append(ChoiceRow(row.input_ids[:length], row.segment_ids[:length], row.is_truncated))
    return rows


def cloze_rows(question, tokenizer, max_seq_length):
    """CHID: [CLS] idiom [SEP] text before the blank, [unused1], text after it [SEP], all of one
    segment (CLUE's CHID_preprocess.py).

    As much of the text is taken on either side of the blank, or more of one where the other is
    short. Other blanks are four [MASK].

    Raises:
      UserError: the row has no room for text.
    """
    text, asked = question.texts
    vocabulary = tokenizer.vocabulary
    choices = [tokenizer.tokenize(choice).ids.tolist() for choice in question.choices]
    room = max_seq_length - 4 - max([_IDIOM, *map(len, choices)])
    if room < 1:
        raise UserError(
            "--max_seq_length={} has no room for text beside an idiom".format(max_seq_length)
        )
    pieces = _pieces_of_cloze(text, tokenizer)
    start, place, end = _around(pieces, pieces.index(asked), room)
    # Other blanks grow to four pieces here, which the far ends of the text give way to.
    before = _with_masks(pieces[start:place], vocabulary)
    before = before[len(before) - (place - start) :]
    after = _with_masks(pieces[place + 1 : end], vocabulary)[: end - place - 1]
    blank = vocabulary.ids.get(_ASKED_BLANK, vocabulary.mask)
    is_cut = end - start < len(pieces)
    rows = []
    for choice in choices:
        ids = [vocabulary.cls, *choice, vocabulary.sep, *before, blank, *after, vocabulary.sep]
        rows.append(ChoiceRow(ids, [0] * len(ids), is_cut))
    return rows


def _shares(lengths, room):
    """What is left of lists when the longest, the first of equals, loses piece after piece."""
    kept = list(lengths)
    while sum(kept) > room:
        longest = max(range(len(kept)), key=kept.__getitem__)
        # Down to the next longest at once.
        others = [length for place, length in enumerate(kept) if place != longest]
        kept[longest] -= max(1, min(sum(kept) - room, kept[longest] - max(others)))
    return kept


def _pieces_of_cloze(text, tokenizer):
    """List of ids, and of blanks as the text has them."""
    pieces, at = [], 0
    for match in BLANK.finditer(text):
        pieces += tokenizer.tokenize(text[at : match.start()]).ids.tolist()
        pieces.append(match.group())
        at = match.end()
    return pieces + tokenizer.tokenize(text[at:]).ids.tolist()


def _around(pieces, place, room):
    """(start, place, end) of the pieces around one of them, `room` beside it at most."""
    left, after = room // 2, len(pieces) - 1 - place
    if place < left:
        start, end = 0, place + 1 + room - place
    elif after < room - left:
        start, end = place - (room - after), len(pieces)
    else:
        start, end = place - left, place + 1 + room - left
    return max(0, start), place, min(len(pieces), end)


def _with_masks(pieces, vocabulary):
    ids = []
    for piece in pieces:
        ids += [vocabulary.mask] * _IDIOM if isinstance(piece, str) else [piece]
    return ids
