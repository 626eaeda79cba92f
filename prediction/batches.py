"""Texts laid in batches of rows, and the shares of texts in what a network gives for a batch."""

import typing

import numpy as np

from common.features import POSITION_IDS, ROW_SEGMENT_IDS, TEXT_STARTS
from data.input.packing import place

# Compiled functions are compiled for each shape: lengths and texts of a row are rounded up to
# multiples of these, numbers of rows and texts to powers of two.
LENGTH_STEP, SLOT_STEP = 16, 8
# A row of several texts: so short, since attention costs by the square of it.
PACKED_WIDTH = 128
PACKED_FEATURES = (POSITION_IDS, ROW_SEGMENT_IDS, TEXT_STARTS)
# Features with a value for every token of a text; the others have values by themselves.
_PER_TOKEN = ("input_ids", "segment_ids")
# Those whose values are places in the text.
_PLACES = ("positions",)
_MADE_HERE = ("input_mask", *PACKED_FEATURES)


class Share(typing.NamedTuple):
    """What a text has of an output for rows of several texts.

    Attributes:
      feature: the output has an entry for each value of this feature, as input_ids; None: one for
        each text.
      axis: of these entries, in the output of a row.
    """

    feature: typing.Optional[str]
    axis: int = 0


OF_TEXT, OF_TOKENS = Share(None), Share("input_ids")
OF_POSITIONS = Share("positions")


class Text(typing.NamedTuple):
    """The place of a text in a batch.

    Attributes:
      number: among all texts.
      row: of the batch.
      slot: among the texts of the row.
      begins: dict feature -> the place of the text's first value in its row.
      lengths: dict feature -> how many values it has.
    """

    number: int
    row: int
    slot: int
    begins: dict
    lengths: dict

    @property
    def tokens(self):
        """The text's tokens in its row, a slice."""
        begin = self.begins["input_ids"]
        return slice(begin, begin + self.lengths["input_ids"])


class Batch(typing.NamedTuple):
    """Rows to compute at once.

    Attributes:
      arrays: dict feature -> int32 [rows, values].
      texts: list of Text.
      shares: dict output -> Share; None: a text is a row.
      indices: with shares: int [texts], which each is of the texts that the network sees.
    """

    arrays: dict
    texts: list
    shares: typing.Optional[dict] = None
    indices: typing.Any = None

    def divided(self, outputs):
        """Yields (number of a text, dict output -> array) of a dict output -> array."""
        for at, text in enumerate(self.texts):
            yield text.number, {n: self._share(at, n, values) for n, values in outputs.items()}

    def _share(self, at, name, values):
        text = self.texts[at]
        if self.shares is None:
            return values[text.row]
        feature, axis = self.shares[name]
        if feature is None:
            return values[self.indices[at]]
        begin = text.begins[feature]
        chosen = slice(begin, begin + text.lengths[feature])
        return values[text.row][(slice(None),) * axis + (chosen,)]


class PaddedRows:
    """A text a row: sorted by length, so that short texts cost little.

    Attributes:
      feature_names: what a batch has.
    """

    def __init__(self, feature_names, batch_size, is_compiled, longest):
        """Chooses the sizes of batches.

        Args:
          feature_names: names, see Predictor.
          batch_size: rows of a batch.
          is_compiled: whether few shapes are better than little padding.
          longest: most tokens that a network takes for a text.
        """
        self.feature_names = tuple(feature_names)
        self._batch_size, self._longest = batch_size, longest
        self._is_compiled = is_compiled

    def batches(self, texts):
        """Yields a Batch for some of `texts` until all are done.

        Args:
          texts: list of dict feature -> list of ints.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]["input_ids"]))
        yield from self._cut(texts, [[i] for i in order])

    def _cut(self, texts, rows, width=None):
        """Batches of rows in this order; `rows`: list of lists of numbers of texts."""
        for begin in range(0, len(rows), self._batch_size):
            yield self._batch(texts, rows[begin : begin + self._batch_size], width)

    def _batch(self, texts, rows, width=None):
        """A Batch; `width`: of rows, None: of the longest."""
        placed, widths, names = [], {}, self._given()
        for row, numbers in enumerate(rows):
            ends = dict.fromkeys(names, 0)
            for slot, number in enumerate(numbers):
                lengths = {name: len(texts[number][name]) for name in names}
                placed.append(Text(number, row, slot, ends, lengths))
                ends = {name: ends[name] + lengths[name] for name in names}
            widths = {name: max(ends[name], widths.get(name, 0)) for name in names}
        widths = {name: self._rounded(most) for name, most in widths.items()}
        if width:
            widths.update(dict.fromkeys(_PER_TOKEN, width))
        count = self._filled(len(rows))
        arrays = {name: np.zeros([count, widths[name]], np.int32) for name in names}
        for text in placed:
            for name, values in arrays.items():
                begin, given = text.begins[name], texts[text.number][name]
                values[text.row, begin : begin + len(given)] = given
                if name in _PLACES:
                    values[text.row, begin : begin + len(given)] += text.tokens.start
        if "input_mask" in self.feature_names:
            arrays["input_mask"] = mask = np.zeros([count, widths["input_ids"]], np.int32)
            for text in placed:
                mask[text.row, text.tokens] = 1
        return Batch(arrays, placed)

    def _given(self):
        return [name for name in self.feature_names if name not in _MADE_HERE]

    def _rounded(self, length):
        """The length that is computed for one of the rows."""
        if not self._is_compiled:
            return length
        return max(length, min(-(-length // LENGTH_STEP) * LENGTH_STEP, self._longest))

    def _filled(self, count):
        """The number of rows that are computed for `count` of them."""
        if not self._is_compiled:
            return count
        return min(_power_of_two(count), self._batch_size)


class PackedRows(PaddedRows):
    """Texts of up to PACKED_WIDTH tokens, as many as fit in a row of this width; longer ones alone.

    Short texts are all computed in rows of one length, and next to nothing is padding.
    """

    def __init__(self, feature_names, batch_size, longest, shares):
        """See PaddedRows; `shares`: dict output -> Share."""
        super().__init__((*feature_names, *PACKED_FEATURES), batch_size, True, longest)
        self._shares = shares

    def batches(self, texts):
        """See PaddedRows."""
        lengths = np.array([len(text["input_ids"]) for text in texts], np.int32)
        short = np.flatnonzero(lengths <= PACKED_WIDTH)
        rows = _packed(short, lengths)
        # Rows far from each other, so that a batch has about as many texts as the next one.
        count = -(-len(rows) // self._batch_size)
        rows = [row for first in range(count) for row in rows[first::count]]
        yield from self._cut(texts, rows, PACKED_WIDTH)
        long = [i for i in np.argsort(lengths, kind="stable") if lengths[i] > PACKED_WIDTH]
        yield from self._cut(texts, [[i] for i in long])

    def _rounded(self, length):
        # Several texts together may be longer than a network takes one.
        return -(-length // LENGTH_STEP) * LENGTH_STEP

    def _batch(self, texts, rows, width=None):
        batch = super()._batch(texts, rows, width)
        positions, numbers = (np.zeros_like(batch.arrays["input_ids"]) for _ in range(2))
        for text in batch.texts:
            positions[text.row, text.tokens] = np.arange(text.lengths["input_ids"])
            numbers[text.row, text.tokens] = text.slot + 1
        starts = _text_starts(batch.texts, len(positions))
        batch.arrays.update(zip(PACKED_FEATURES, (positions, numbers, starts)))
        indices = np.cumsum(starts >= 0).reshape(starts.shape) - 1
        indices = [indices[text.row, text.slot] for text in batch.texts]
        return batch._replace(shares=self._shares, indices=indices)


def _packed(short, lengths):
    """Rows of texts: list of lists of the numbers `short`; `lengths`: of all texts."""
    places = place(lengths[short], PACKED_WIDTH)
    rows = [[] for _ in range(places.count)]
    for i in np.lexsort((places.numbers, places.rows)):
        rows[places.rows[i]].append(short[i])
    return rows


def _text_starts(texts, count):
    """int32 [count, slots], see modeling.encoder: of a list of Text, and 0 in so many free slots
    that the number of texts is a power of two."""
    computed = _power_of_two(len(texts))
    slots = max(max(text.slot for text in texts) + 1, -(-computed // count))
    starts = np.full([count, -(-slots // SLOT_STEP) * SLOT_STEP], -1, np.int32)
    for text in texts:
        starts[text.row, text.slot] = text.tokens.start
    free = np.flatnonzero(starts < 0)
    starts.flat[free[: computed - len(texts)]] = 0
    return starts


def _power_of_two(count):
    """The least one that is not less."""
    return 1 << (int(count) - 1).bit_length()
