"""TFRecord shards to batches.

The one place that builds input graphs.
"""

import dataclasses
from typing import Any, List, NamedTuple, Optional

from common.lazy_tensorflow import tf
from data.input import teacher_outputs
from data.input.drawn_corruption import draw
from data.input.packing import pack
from data.records import schema
from data.records.schema import FEATURES, feature_length

# Shards read in turn in training.
CYCLE_LENGTH = 8
# Batches parsed side by side; parsing a whole batch at once is already fast.
PARSE_CALLS = 2
# Of `by_length`: batches in which rows are sorted, what lengths are rounded up to (of cut_padding,
# too), and the feature that says where in the file a row is.
WINDOW_BATCHES, LENGTH_STEP = 64, 16
ROW_NUMBERS = "row_numbers"
# What TensorFlow says of a record with a value out of its feature's range.
OUT_OF_RANGE = "record feature {} is out of range"
# Epochs of neighbouring seeds do not share a seed.
EPOCH_SEEDS = 1000003


@dataclasses.dataclass
class TrainingOrder:
    """In which order training reads rows, and where in it.

    Attributes:
      shuffle_buffer_size: rows held for shuffling; 0 = file order in every epoch.
      seed: int. The order within an epoch follows from the seed and the epoch's number alone.
      first_row: rows of the run that were read before; a resumed run continues after them.
      rows_per_epoch: rows in all files, None where unknown: then a late first_row is reached by
        reading past all rows before it.
    """

    shuffle_buffer_size: int
    seed: int
    first_row: int = 0
    rows_per_epoch: Optional[int] = None


class TeacherShards(NamedTuple):
    """The records of a teacher beside those of a training.

    Attributes:
      paths: list of lists, for each record file the shards with its rows in their order.
      layout: data.records.teacher_outputs.Layout.
    """

    paths: List[List[str]]
    layout: Any


def make_input_fn(
    files,
    feature_names,
    max_seq_length,
    max_predictions_per_seq,
    order=None,
    drawing=None,
    replicas=1,
    full_batches=False,
    by_length=False,
    ranges=None,
    texts_per_row=1,
    labels=None,
    row_multiple=None,
    cut_padding=False,
    teacher=None,
):
    """Makes the input function for an estimator.

        input_fn = make_input_fn(["train.tfrecord"], ROW + MASKED_LM, 128, 20, order=order)
        estimator.train(input_fn)

    Args:
      files: record files.
      feature_names: names from data.records.schema.FEATURES.
      max_seq_length, max_predictions_per_seq: lengths in the records.
      order: TrainingOrder for training: endless, full batches only. None: every record once, in
        file order, the last batch may be short.
      drawing: Drawing for records whose corruption is drawn in training, else None.
      replicas: number of sequential slices in which a tf.distribute strategy takes a batch.
      full_batches: drop a short last batch (TPUs take batches of one size only).
      by_length: rows are sorted by length within windows of WINDOW_BATCHES batches, batches are
        cut to little more than their longest row, and have a feature ROW_NUMBERS; the reader puts
        results back in order with `in_order`. Where nothing is masked in the graph.
      ranges: dict feature -> schema.Range that its values must be in, or None. A GPU or TPU would
        silently read zeros or another row for an id outside its table.
      texts_per_row: sequences of max_seq_length in a record.
      labels: see schema.feature_length.
      row_multiple: lay several texts in each row, see packing.pack, in a multiple of so many rows;
        None: a text a row. A batch has the same texts and the same masks either way.
      cut_padding: batches are cut to little more than their longest row, in the order that they
        have. Where nothing is masked in the graph.
      teacher: TeacherShards, whose features are in each batch, too; of training alone, where
        neither `drawing` nor `row_multiple` is given. None: there is none.

    Returns:
      input_fn(params), giving a dataset of dicts name -> [params["batch_size"] / replicas,
      length], of pieces [.., texts_per_row, length] where there are several; int32 or float32.
      Hosts of a TPU pod (params["context"]) share the rows in turn.
    """
    names = stored_features(feature_names, drawing)
    width = max_seq_length * texts_per_row
    lengths = {name: feature_length(name, width, max_predictions_per_seq, labels) for name in names}
    parse = _parser(lengths, ranges or {}, texts_per_row)
    if teacher:
        parse = _with_teacher(parse, teacher_outputs.parser(teacher.layout))

    def input_fn(params):
        batch_size = params["batch_size"] // replicas
        hosts, host = _hosts(params)
        if order:
            dataset = _training_rows(files, order, teacher and teacher.paths)
            first_batch = order.first_row // (batch_size * hosts)
        else:
            dataset = tf.data.Dataset.from_tensor_slices(tf.constant(files))
            dataset = dataset.flat_map(tf.data.TFRecordDataset)
            first_batch = 0
        if hosts > 1:
            dataset = dataset.shard(hosts, host)
        if by_length:
            return _by_length(dataset, batch_size, parse).prefetch(2)
        dataset = dataset.batch(batch_size, drop_remainder=full_batches or order is not None)
        dataset = dataset.map(parse, num_parallel_calls=PARSE_CALLS)
        if drawing:
            # Hosts draw independently.
            numbers = tf.data.experimental.Counter(first_batch * hosts + host, hosts)
            dataset = tf.data.Dataset.zip((dataset, numbers)).map(
                lambda features, number: draw(features, number, drawing),
                num_parallel_calls=PARSE_CALLS,
            )
        if cut_padding and not row_multiple:
            dataset = dataset.map(_cut, num_parallel_calls=PARSE_CALLS)
        if row_multiple:
            dataset = dataset.map(
                lambda features: pack(features, row_multiple), num_parallel_calls=PARSE_CALLS
            )
        return dataset.prefetch(2)

    return input_fn


def _by_length(rows, batch_size, parse):
    """Batches of rows that are about as long as each other; see make_input_fn."""

    def batches_of(window, number):
        features = parse(window)
        lengths = _lengths(features)
        order = tf.argsort(lengths, stable=True)
        first = tf.cast(number, tf.int32) * (WINDOW_BATCHES * batch_size)
        features[ROW_NUMBERS] = first + tf.range(tf.shape(lengths)[0])
        features = {name: tf.gather(values, order) for name, values in features.items()}
        return tf.data.Dataset.from_tensor_slices(features).batch(batch_size)

    windows = rows.batch(WINDOW_BATCHES * batch_size)
    windows = tf.data.Dataset.zip((windows, tf.data.experimental.Counter()))
    return windows.flat_map(batches_of).map(_cut, num_parallel_calls=PARSE_CALLS)


def _cut(batch):
    """A batch without the places behind its longest row."""
    longest = tf.reduce_max(_lengths(batch))
    # Few lengths, since a GPU or a compiler plans anew for each.
    length = -(-longest // LENGTH_STEP) * LENGTH_STEP
    per_token = [n for n in batch if n in FEATURES and FEATURES[n].shape == "S"]
    return dict(batch, **{name: batch[name][..., :length] for name in per_token})


def _lengths(features):
    """int32 [rows]: pieces of each row, of its longest text where it has several."""
    lengths = tf.reduce_sum(features["input_mask"], axis=-1)
    return lengths if lengths.shape.ndims == 1 else tf.reduce_max(lengths, axis=1)


def in_order(batches):
    """Yields the rows of results of batches that were read `by_length`, in the order of the file.

    Args:
      batches: iterable of dicts name -> array [batch, ...] with ROW_NUMBERS among them.

    Yields:
      dict name -> array, without ROW_NUMBERS. No more than a window of rows is held.
    """
    waiting, due = {}, 0
    for batch in batches:
        for place, number in enumerate(batch[ROW_NUMBERS]):
            waiting[int(number)] = {
                name: values[place] for name, values in batch.items() if name != ROW_NUMBERS
            }
        while due in waiting:
            yield waiting.pop(due)
            due += 1


def _hosts(params):
    """(number of hosts, this one's index) of a TPU that asks for input host by host."""
    context = params.get("context") if hasattr(params, "get") else None
    if context is None:
        return 1, 0
    _, index, count, _ = context.current_input_fn_deployment()
    return count, index


def _training_rows(files, order, shards=None):
    """Serialized rows of epoch after epoch, from order.first_row on; with `shards`, see
    TeacherShards, pairs of them and those of the teacher."""
    first_epoch, skipped = 0, order.first_row
    if order.rows_per_epoch:
        first_epoch, skipped = divmod(order.first_row, order.rows_per_epoch)

    def epoch_rows(epoch):
        dataset, rows_of = tf.data.Dataset.from_tensor_slices(tf.constant(files)), _rows_of
        if shards:
            dataset = tf.data.Dataset.from_tensor_slices((tf.constant(files), _table(shards)))
            rows_of = _pairs_of
        if not order.shuffle_buffer_size:
            return dataset.flat_map(rows_of)
        # An epoch is shuffled by itself, so that its order depends on nothing before it.
        seed = tf.constant(order.seed, tf.int64) * EPOCH_SEEDS + epoch
        dataset = dataset.shuffle(len(files), seed=seed)
        # Without num_parallel_calls: with it TensorFlow 1.15 crashes now and then when a
        # session with a live iterator is closed, and parsing, not reading, takes the time.
        dataset = dataset.interleave(
            rows_of, cycle_length=min(CYCLE_LENGTH, len(files)), block_length=1
        )
        return dataset.shuffle(order.shuffle_buffer_size, seed=seed)

    epochs = tf.data.experimental.Counter(first_epoch)
    return epochs.flat_map(epoch_rows).skip(skipped)


def _rows_of(file):
    return tf.data.TFRecordDataset(file)


def _pairs_of(file, shards):
    """(row, teacher's record) of a record file; an empty name fills a row of _table."""
    shards = tf.boolean_mask(shards, tf.not_equal(shards, ""))
    return tf.data.Dataset.zip((tf.data.TFRecordDataset(file), tf.data.TFRecordDataset(shards)))


def _table(shards):
    """Strings [files, most shards] of a list of lists."""
    most = max(map(len, shards))
    return tf.constant([names + [""] * (most - len(names)) for names in shards], tf.string)


def _with_teacher(parse, parse_teacher):
    """A parser of pairs."""
    return lambda rows, of_teacher: dict(parse(rows), **parse_teacher(of_teacher))


def stored_features(feature_names, drawing):
    """Names of the features that the records must hold for an objective's `feature_names`.

    Args:
      feature_names: names from data.records.schema.FEATURES.
      drawing: drawn_corruption.Drawing, None for records that hold what the model reads.
    """
    return list(schema.stored_features(feature_names, drawing and drawing.corruption))


def _parser(lengths, ranges, texts_per_row):
    """A function that parses a batch of records at once; int64 becomes int32, which is what TPUs
    take, after its range was checked. `lengths`: dict feature -> number of values."""
    spec = {
        name: tf.io.FixedLenFeature([length], tf.as_dtype(FEATURES[name].dtype))
        for name, length in lengths.items()
    }

    def parse(serialized):
        parsed = tf.io.parse_example(serialized, spec)
        checks = [_range_check(name, parsed[name], ranges[name]) for name in spec if name in ranges]
        with tf.control_dependencies(checks):
            values = {
                name: tf.cast(value, tf.int32) if value.dtype == tf.int64 else tf.identity(value)
                for name, value in parsed.items()
            }
        if texts_per_row > 1:
            for name in (name for name in values if FEATURES[name].shape == "S"):
                shape = [-1, texts_per_row, lengths[name] // texts_per_row]
                values[name] = tf.reshape(values[name], shape)
        return values

    return parse


def _range_check(name, values, allowed):
    """An operation that fails with OUT_OF_RANGE where a value of a feature is out of its range."""
    low, limit = (tf.constant(value, values.dtype) for value in (allowed.low, allowed.limit))
    is_right = tf.reduce_all(tf.logical_and(values >= low, values < limit))
    return tf.debugging.Assert(is_right, [OUT_OF_RANGE.format(name)])
