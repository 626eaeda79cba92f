"""Texts and pairs of texts as the rows of ids that an encoder reads."""

from typing import List, NamedTuple


class EncodedRow(NamedTuple):
    """A text or a pair of texts as an encoder reads it.

    Attributes:
      input_ids, input_mask, segment_ids: lists of max_seq_length ints.
      is_truncated: bool, something did not fit.
    """

    input_ids: List[int]
    input_mask: List[int]
    segment_ids: List[int]
    is_truncated: bool


def encode_text(tokenizer, first, second, max_seq_length):
    """[CLS] first [SEP], or [CLS] first [SEP] second [SEP], padded.

    Args:
      tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).
      first, second: str; second may be None.
      max_seq_length: length of the row.

    Returns:
      EncodedRow.
    """
    ids = tokenizer.tokenize(first).ids.tolist()
    more = None if second is None else tokenizer.tokenize(second).ids.tolist()
    return encode_pieces(tokenizer.vocabulary, ids, more, max_seq_length)


def encode_pieces(vocabulary, first, second, max_seq_length):
    """The row of one or two lists of piece ids: [CLS] first [SEP] second [SEP], padded.

    What does not fit is cut off at the end, in a pair always from the longer text
    (google-research/bert, _truncate_seq_pair), so that little is lost of the shorter one.

    Args:
      vocabulary: for the special ids.
      first, second: lists of int; second may be None.
      max_seq_length: length of the row.

    Returns:
      EncodedRow.
    """
    room = max_seq_length - (2 if second is None else 3)
    whole = len(first) + len(second or ())
    if second is None:
        first = first[:room]
    else:
        kept = _share(len(first), len(second), room)
        first, second = first[: kept[0]], second[: kept[1]]
    ids = [vocabulary.cls, *first, vocabulary.sep]
    segments = [0] * len(ids)
    if second is not None:
        ids += [*second, vocabulary.sep]
        segments += [1] * (len(second) + 1)
    padding = [0] * (max_seq_length - len(ids))
    mask = [1] * len(ids) + padding
    ids += [vocabulary.pad] * len(padding)
    return EncodedRow(ids, mask, segments + padding, whole > room)


def _share(first, second, room):
    """Lengths that are left when the longer one (the second of equals) loses piece after piece."""
    over = first + second - room
    if over <= 0:
        return first, second
    longer_by = abs(first - second)
    cut = min(over, longer_by)
    if first > second:
        first -= cut
    else:
        second -= cut
    over -= cut
    return first - over // 2, second - (over + 1) // 2
