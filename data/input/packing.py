"""Several texts in a row: a batch keeps its texts, and lays them in as few rows as it can.

Losses and the order of texts stay those of a text a row; only padding is computed no more.
"""

from typing import NamedTuple

import numpy as np

from common.features import POSITION_IDS, PREDICTIONS, ROW_SEGMENT_IDS, TEXT_STARTS
from common.lazy_tensorflow import tf
from data.records.schema import FEATURES

# Few sizes of batches, since a GPU or a compiler plans anew for each: rows are rounded up to a
# multiple of one for so many texts, predictions of a row to one of PREDICTION_STEP.
TEXTS_PER_STEP, PREDICTION_STEP = 64, 8


class Places(NamedTuple):
    """Where texts lie.

    Attributes:
      rows: int32 [texts], their rows.
      starts: int32 [texts], their first places in these rows.
      numbers: int32 [texts], which of the row's texts they are, from 0.
      count: how many rows there are.
    """

    rows: np.ndarray
    starts: np.ndarray
    numbers: np.ndarray
    count: int


def place(lengths, width):
    """Lays texts in rows: the longest first, each in the fullest row that has room for it.

    That is best fit decreasing (Johnson et al. 1974), at most 11/9 of the fewest rows and one more.
    Equal lengths are taken in order, so that the places follow from the lengths alone.

    Args:
      lengths: int [texts], from 1 to width.
      width: of a row.

    Returns:
      Places.
    """
    lengths = np.asarray(lengths, np.int32)
    rows, starts, numbers = (np.zeros(len(lengths), np.int32) for _ in range(3))
    rooms = np.full(len(lengths), width, np.int32)
    texts_of = np.zeros(len(lengths), np.int32)
    count = 0
    for text in np.argsort(-lengths, kind="stable"):
        left = rooms[:count] - lengths[text]
        row = int(np.argmin(np.where(left < 0, width, left))) if count else 0
        if not count or left[row] < 0:
            row, count = count, count + 1
        rows[text], starts[text], numbers[text] = row, width - rooms[row], texts_of[row]
        rooms[row] -= lengths[text]
        texts_of[row] += 1
    return Places(rows, starts, numbers, count)


def row_multiple(texts, num_micro_batches):
    """What the number of rows of a batch of so many texts must be a multiple of."""
    step = max(1, texts // TEXTS_PER_STEP)
    return -(-step // num_micro_batches) * num_micro_batches


def pack(features, multiple):
    """Lays the texts of a batch in rows.

    Args:
      features: dict name -> [texts, ...], a text in each row, with input_mask int32 [texts, S];
        names of data.records.schema.FEATURES.
      multiple: of the number of rows; the last ones may be empty.

    Returns:
      dict name -> [rows, ...]. Features of pieces: [rows, S]. Those of predictions:
      [rows, predictions], only what counts, places in the new row. Those of texts:
      [rows, texts of a row, values]. And int32 position_ids [rows, S], from 0 in every text;
      row_segment_ids [rows, S], from 1, 0 on padding; text_starts [rows, texts of a row], the place
      of each text's first piece, -1 where there is none.
    """
    mask = features["input_mask"]
    width = mask.shape.as_list()[1]
    lengths, real = _extent(features, width)
    counts = tf.reduce_sum(tf.cast(real, tf.int32), axis=1)
    layout = _layout(lengths, counts, width, multiple)
    pieces = _Moved(tf.sequence_mask(lengths, width), layout.rows, layout.starts)
    predictions = _Moved(real, layout.rows, layout.prediction_starts)
    texts = tf.stack([layout.rows, layout.numbers], axis=1)
    packed = {}
    for name, values in features.items():
        feature = FEATURES[name]
        if feature.shape == "S":
            packed[name] = pieces.put(values, feature.pad, layout.row_count, width)
        elif feature.shape == "P":
            if feature.limit == "S":  # a place in the row
                values += layout.starts[:, tf.newaxis]
            packed[name] = predictions.put(
                values, feature.pad, layout.row_count, layout.predictions_per_row
            )
        else:
            shape = [layout.row_count, layout.texts_per_row, values.shape.as_list()[1]]
            packed[name] = tf.scatter_nd(texts, values, shape)
    places = tf.zeros_like(mask) + tf.range(width)[tf.newaxis, :]
    numbers = tf.zeros_like(mask) + 1 + layout.numbers[:, tf.newaxis]
    packed[POSITION_IDS] = pieces.put(places, 0, layout.row_count, width)
    packed[ROW_SEGMENT_IDS] = pieces.put(numbers, 0, layout.row_count, width)
    shape = [layout.row_count, layout.texts_per_row]
    packed[TEXT_STARTS] = tf.scatter_nd(texts, layout.starts + 1, shape) - 1
    return packed


def _extent(features, width):
    """(lengths of the texts int32 [texts], 1 at least; which predictions count bool [texts, P]).

    A text ends with its last piece that is no padding, or that is predicted: no row of another
    program is read otherwise than by itself.
    """
    places = tf.range(1, width + 1)[tf.newaxis, :]
    lengths = tf.reduce_max(places * tf.cast(features["input_mask"] > 0, tf.int32), axis=1)
    lengths = tf.maximum(1, lengths)
    given = [names for names in PREDICTIONS.values() if names[-1] in features]
    if not given:
        return lengths, tf.zeros_like(features["input_mask"][:, :0], tf.bool)
    ((positions, _, weights),) = given
    real = features[weights] > 0
    predicted = (features[positions] + 1) * tf.cast(real, tf.int32)
    return tf.maximum(lengths, tf.reduce_max(predicted, axis=1)), real


class _Layout(NamedTuple):
    """Places as tensors, int32.

    Attributes:
      rows, starts, numbers: see Places.
      prediction_starts: [texts], first places of their predictions in those of the row.
      row_count, texts_per_row, predictions_per_row: scalars.
    """

    rows: "tf.Tensor"
    starts: "tf.Tensor"
    numbers: "tf.Tensor"
    prediction_starts: "tf.Tensor"
    row_count: "tf.Tensor"
    texts_per_row: "tf.Tensor"
    predictions_per_row: "tf.Tensor"


def _layout(lengths, counts, width, multiple):
    """_Layout of texts with so many pieces and predictions, int32 [texts]."""

    def compute(lengths, counts):
        places = place(lengths, width)
        before, predictions = np.zeros_like(counts), np.zeros(places.count, np.int32)
        for text in np.lexsort((places.numbers, places.rows)):
            before[text] = predictions[places.rows[text]]
            predictions[places.rows[text]] += counts[text]
        sizes = (
            -(-places.count // multiple) * multiple,
            places.numbers.max() + 1,
            -(-predictions.max() // PREDICTION_STEP) * PREDICTION_STEP,
        )
        return [np.int32(v) for v in (*places[:3], before, *sizes)]

    tensors = tf.numpy_function(compute, [lengths, counts], [tf.int32] * len(_Layout._fields))
    layout = _Layout(*tensors)
    for tensor in layout[:4]:
        tensor.set_shape([None])
    for tensor in layout[4:]:
        tensor.set_shape([])
    return layout


class _Moved:
    """Values of texts that get other places."""

    def __init__(self, chosen, rows, starts):
        """`chosen`: bool [texts, n], the values to move; those of a text lie side by side in its
        row of `rows`, from its place in `starts` on, int32 [texts]."""
        self._sources = tf.cast(tf.where(chosen), tf.int32)
        text = self._sources[:, 0]
        column = tf.gather_nd(tf.cumsum(tf.cast(chosen, tf.int32), axis=1) - 1, self._sources)
        self._targets = tf.stack([tf.gather(rows, text), tf.gather(starts, text) + column], axis=1)

    def put(self, values, pad, count, width):
        """[count, width] of values [texts, n]; the rest is `pad`."""
        moved = tf.gather_nd(values, self._sources) - pad
        packed = tf.scatter_nd(self._targets, moved, tf.stack([count, width])) + pad
        packed.set_shape([None, width if isinstance(width, int) else None])
        return packed
