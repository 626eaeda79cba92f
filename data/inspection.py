"""The content of record shards for people: rows with words in brackets, and figures of many."""

import collections
from typing import NamedTuple, Optional

import numpy as np

from common.errors import UserError
from common.features import (
    MASKED_LM,
    PIECE_TAGS,
    PREDICTIONS,
    ROW,
    SENTENCE_LABEL,
    TAG_LABELS,
    WORD_STARTS,
)
from common.tags import KINDS
from data.records import tfrecord
from data.records.schema import FEATURES, feature_length
from data.rows.display import bracketed, shown_tags, word_starts
from data.rows.row_features import unpacked_bits
from data.text.characters import is_letter
from data.text.tags import UNKNOWN

_HISTOGRAM_BARS = 16
_BAR_WIDTH = 40

_NEEDED = ("input_ids", "input_mask")


class ShownRow(NamedTuple):
    """One record as arrays.

    Attributes:
      ids: int64 [seq], as the model reads them.
      original: int64 [seq], those of the text.
      positions: int64 [predictions], the pieces that are predicted.
      length: int, pieces without padding.
      label: int, the sentence label; None where the record has none.
      word_groups: int64 [seq], where masks are drawn in training, else None.
      tags: int64 [seq, kinds], UNKNOWN where the record does not hold the piece's tag; None without
        tags.
      segments: how many the row has.
      starts: bool [seq], True where a word begins; None where the record does not say.
      participle: what happened to the predicted pieces, a key of PREDICTIONS.
    """

    ids: np.ndarray
    original: np.ndarray
    positions: np.ndarray
    length: int
    label: Optional[int]
    word_groups: Optional[np.ndarray]
    tags: Optional[np.ndarray] = None
    segments: int = 2
    starts: Optional[np.ndarray] = None
    participle: str = "masked"


def read_rows(path, vocab_size):
    """Yields the ShownRows of a shard.

    Raises:
      UserError: damaged file, no records of pre-training, or ids outside the vocabulary.
    """
    # Imports TensorFlow, which the program tells how much to log before.
    from data.records.checks.record_contents import NoExample, example_of

    for number, content in enumerate(tfrecord.read_records(path)):
        where = "{} record {}".format(path, number)
        try:
            example = example_of(content)
        except NoExample:
            raise UserError("{} is no tf.train.Example".format(where)) from None
        yield _row(example.features.feature, vocab_size, where)


def _row(features, vocab_size, where):
    unmasked = "word_groups" in features or set(features) == set(ROW)
    participle, predictions = next(
        (item for item in PREDICTIONS.items() if item[1][0] in features), ("masked", MASKED_LM)
    )
    needed = _NEEDED if unmasked else _NEEDED + predictions
    missing = [name for name in needed if name not in features]
    if missing:
        raise UserError("{} has no feature {}".format(where, ", ".join(missing)))
    ids = _integers(features, "input_ids", vocab_size, where)
    if not len(ids):
        raise UserError("{}: input_ids holds no whole numbers".format(where))
    length = int(_integers(features, "input_mask", 2, where, len(ids)).sum())
    places, labels, weights = predictions
    are_places = FEATURES[labels].limit == "S"
    limit = len(ids) if are_places else vocab_size
    weights = np.array(features[weights].float_list.value)
    positions = _integers(features, places, len(ids), where, len(weights))
    labels = _integers(features, labels, limit, where, len(weights))
    tags = _tags(features, positions, weights > 0, len(ids), where)
    positions, labels = positions[weights > 0], labels[weights > 0]
    original = ids.copy()
    original[positions] = ids[labels] if are_places else labels
    groups = starts = label = None
    if "word_groups" in features:
        groups = _integers(features, "word_groups", len(ids), where, len(ids))
        starts = word_starts(groups, 0)
    if WORD_STARTS in features:
        count = feature_length(WORD_STARTS, len(ids), None)
        values = _integers(features, WORD_STARTS, FEATURES[WORD_STARTS].limit, where, count)
        starts = unpacked_bits(values, len(ids))
    if SENTENCE_LABEL in features:
        label = int(_integers(features, SENTENCE_LABEL, 2, where, 1)[0])
    segments = 1 + int(_integers(features, "segment_ids", 2, where).max(initial=0))
    return ShownRow(
        ids, original, positions, length, label, groups, tags, segments, starts, participle
    )


def _tags(features, positions, real, length, where):
    """int [length, kinds]: tags of the pieces, UNKNOWN where they are not known; None without tags.

    Args:
      features: of the record.
      positions: int [predictions], where `real` of masked pieces.
      real: bool [predictions].
      length: pieces of the row.
      where: for messages.
    """
    tags = np.full((length, len(KINDS)), UNKNOWN)
    if not any(name in features for name in TAG_LABELS + PIECE_TAGS):
        return None
    for kind, (label, source) in enumerate(zip(TAG_LABELS, PIECE_TAGS)):
        if source in features:
            limit = FEATURES[source].limit
            tags[:, kind] = _integers(features, source, limit, where, length) - 1
        if label in features:
            limit, count = FEATURES[label].limit, len(positions)
            labels = _integers(features, label, limit, where, count, FEATURES[label].low)
            tags[positions[real], kind] = labels[real]
    return tags


def _integers(features, name, limit, where, count=None, low=0):
    """int64 [count]: a feature whose values lie from `low` to below `limit`."""
    values = np.array(features[name].int64_list.value, dtype=np.int64)
    if count not in (None, len(values)):
        raise UserError(
            "{}: {} has {} whole numbers, expected are {}".format(where, name, len(values), count)
        )
    if len(values) and not low <= values.min() <= values.max() < limit:
        raise UserError(
            "{}: {} holds {}, which is not from {} to {}{}".format(
                where,
                name,
                values.min() if values.min() < low else values.max(),
                low,
                limit - 1,
                " (--vocab_file)" if FEATURES[name].limit == "V" else "",
            )
        )
    return values


def show_row(row, vocabulary, segmenter):
    """A row as text: words of several pieces in brackets, masked pieces as new<-old, their tags.

    Where the record does not say where words begin, they are guessed: the restored text is
    segmented again; without a segmenter, inner pieces of words (`##`) go with the piece before
    them.
    """
    original = np.full(row.length, -1)
    original[row.positions] = row.original[row.positions]
    if row.starts is None:
        starts = _guessed_starts(row.original[: row.length].tolist(), vocabulary, segmenter)
    else:
        starts = row.starts[: row.length]
    tags = None if row.tags is None else shown_tags(row.tags[: row.length])
    return bracketed(row.ids[: row.length], original, starts, vocabulary.tokens, tags)


def _guessed_starts(ids, vocabulary, segmenter):
    special = [i in vocabulary.special_ids for i in ids]
    # A blank between English words; a line end where a special token stands.
    text, offsets, starts, after_blank = "\n", [], [], False
    for i, is_special in zip(ids, special):
        spelling = vocabulary.spelling(i)
        goes_on = spelling.is_inner and is_letter(text[-1]) and is_letter(spelling.text[0])
        starts.append(is_special or not (goes_on or after_blank))
        after_blank = not spelling.text
        if not spelling.is_inner and text[-1].isalnum() and text[-1].isascii():
            text += " "
        offsets.append(len(text))
        text += "\n" if is_special else spelling.text
    if segmenter is None:
        return starts
    marks = segmenter.words(text, np.array([0]), np.array([len(text)]), lambda _: None).starts
    word = np.cumsum(marks)[np.minimum(offsets, len(text) - 1)]
    return [
        i == 0 or special[i] or special[i - 1] or word[i] != word[i - 1] for i in range(len(ids))
    ]


def summarize(rows, vocabulary):
    """Lines about many rows: lengths, masked share, kinds of replacement, tags, labels, [UNK]."""
    lengths, labels = [], collections.Counter()
    tagged, single, participle = [], 0, "masked"
    kinds = np.zeros(3, dtype=np.int64)
    width = masked = unknown = 0
    for row in rows:
        lengths.append(row.length)
        width = len(row.ids)
        labels[row.label] += 1
        single += row.segments == 1
        masked += len(row.positions)
        participle = row.participle
        new, old = row.ids[row.positions], row.original[row.positions]
        is_mask, kept = new == vocabulary.mask, new == old
        kinds += np.array([is_mask.sum(), (~is_mask & ~kept).sum(), (~is_mask & kept).sum()])
        unknown += int((row.original[: row.length] == vocabulary.unk).sum())
        if row.tags is not None:
            of_words = row.positions if row.word_groups is None else row.word_groups > 0
            tagged.append(row.tags[of_words] != UNKNOWN)
    if not lengths:
        return ["no records"]
    tokens = sum(lengths)
    lines = [
        "records: {:,}, tokens: {:,}, mean length {:.1f} of {}, {:.1%} padding".format(
            len(lengths), tokens, tokens / len(lengths), width, 1 - tokens / len(lengths) / width
        )
    ]
    lines += _histogram(np.array(lengths), width)
    if masked:
        lines.append("{}: {:.2%} of the tokens".format(participle, masked / tokens))
        lines.append(
            "{} pieces: {:.1%} [MASK], {:.1%} another piece, {:.1%} kept".format(
                participle, *(kinds / masked)
            )
        )
    else:
        lines.append("masked: nothing")
    if sum(map(len, tagged)):
        shares = zip(KINDS, np.concatenate(tagged).mean(axis=0))
        which = participle + " pieces" if masked else "pieces"
        lines.append(
            "tags: {} of the {}".format(", ".join("{} {:.1%}".format(*s) for s in shares), which)
        )
    lines.append("[UNK]: {:.2%} of the tokens".format(unknown / tokens))
    if single:
        lines.append("rows of one segment: {:.1%}".format(single / len(lengths)))
    if set(labels) != {None}:
        shown = ("{}: {:,}".format(k, v) for k, v in sorted(labels.items(), key=str))
        lines.append("sentence labels: " + ", ".join(shown))
    return lines


def _histogram(lengths, width):
    step = max(1, -(-width // _HISTOGRAM_BARS))
    counts = np.bincount((np.maximum(lengths, 1) - 1) // step)
    most = counts.max()
    return [
        "  {:5d}-{:<5d} {:8,d} {}".format(
            i * step + 1, min((i + 1) * step, width), count, "#" * int(_BAR_WIDTH * count / most)
        )
        for i, count in enumerate(counts.tolist())
    ]
