"""Texts and pairs of texts as the rows of ids that an encoder reads."""

import collections

# input_ids, input_mask, segment_ids: lists of max_seq_length ints; is_truncated: bool.
Row = collections.namedtuple("Row", ["input_ids", "input_mask", "segment_ids", "is_truncated"])


def encode_text(tokenizer, first, second, max_seq_length):
    """[CLS] first [SEP], or [CLS] first [SEP] second [SEP], padded.

    Args:
      tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).
      first, second: str; second may be None.
      max_seq_length: length of the row.

    Returns:
      Row.
    """
    ids = tokenizer.tokenize(first).ids.tolist()
    more = None if second is None else tokenizer.tokenize(second).ids.tolist()
    return lay_out(tokenizer.vocabulary, ids, more, max_seq_length)


def lay_out(vocabulary, first, second, max_seq_length):
    """The row of one or two lists of piece ids; `second` may be None.

    What does not fit is cut off at the end, in a pair always from the longer text
    (google-research/bert, _truncate_seq_pair), so that little is lost of the shorter one.
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
    return Row(ids, mask, segments + padding, whole > room)


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
