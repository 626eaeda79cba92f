"""The content of single records: read for people and tests, and compared with a run's needs."""

import itertools
import time
import warnings

from common.errors import UserError, quoted
from common.lazy_tensorflow import tf
from data.records.schema import FEATURES, feature_length
from data.records.tfrecord import read_records

CHECKED_RECORDS = 100
# dtype of a feature -> type of its values in a record, and what messages call it.
_KINDS = {"int64": (int, "whole number"), "float32": (float, "float")}
# What to do about ids beyond one of the model's tables.
_ONE_VOCABULARY = "records and model need one vocabulary"


class NoExample(ValueError):
    """The content of a record is no tf.train.Example."""


def check_records(files, ranges, max_seq_length, max_predictions_per_seq, labels=None):
    """Compares the first records with what a run asks for.

    Args:
      files: record files; the first is read.
      ranges: dict feature that the objective needs -> schema.Range of its values.
      max_seq_length, max_predictions_per_seq: the flags.
      labels: see schema.feature_length.

    Raises:
      UserError: the file is damaged or empty, a feature is missing, a length differs from its
        flag, or a value is out of range.
    """
    path = files[0]
    for number, record in enumerate(first_records(path, CHECKED_RECORDS)):
        where = "{}, record {}".format(path, number)
        check_record(where, record, ranges, max_seq_length, max_predictions_per_seq, labels)


def check_record(where, record, ranges, max_seq_length, max_predictions_per_seq, labels=None):
    """Compares a record with what is asked for.

    Args:
      where: what messages call it.
      record: dict feature -> sequence of numbers.
      ranges, max_seq_length, max_predictions_per_seq, labels: see check_records.

    Raises:
      UserError: see check_records.
    """
    for name in ranges:
        if name not in record:
            raise UserError(
                "{}: feature {} is missing (it has {}); choose another --objective or write the "
                "records anew".format(where, name, ", ".join(record))
            )
        expected = feature_length(name, max_seq_length, max_predictions_per_seq, labels)
        _check_length(where, name, len(record[name]), expected)
    fault = _out_of_range(record, ranges)
    if fault:
        advice = _ONE_VOCABULARY if "vocab_size" in fault else "write the records anew"
        raise UserError("{}: {}; {}".format(where, fault, advice))


def read_features(path):
    """Yields the records of a file, as dicts of feature name -> sequence of numbers.

    Raises:
      UserError: the file is damaged, or holds something else.
    """
    for number, serialized in enumerate(read_records(path)):
        try:
            features = example_of(serialized).features.feature
        except NoExample as error:
            raise UserError(
                "{}, record {}: not a tf.train.Example; write the records anew".format(path, number)
            ) from error
        yield _as_dict(features)


def first_records(path, limit):
    """The first `limit` records of a file, as dicts of feature name -> sequence of numbers.

    Raises:
      UserError: the file is empty, damaged, or holds something else.
    """
    records = list(itertools.islice(read_features(path), limit))
    if not records:
        raise UserError("{} holds no record; write the records anew".format(path))
    return records


def count_rows(files, limit):
    """Number of records in the files; counts no further than `limit`, None: all.

    Raises:
      UserError: a file is damaged.
    """
    rows = (row for path in files for row in read_records(path))
    return sum(1 for _ in itertools.islice(rows, limit))


def example_of(content):
    """The tf.train.Example of a record.

    Args:
      content: bytes.

    Raises:
      NoExample: it is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # protobuf 3 only warns of some damage
        try:
            return tf.train.Example.FromString(content)
        except MemoryError:
            raise
        except Exception as error:  # protobuf's DecodeError is another class with every protobuf
            raise NoExample from error


def find_misfit(files, feature_name=None, ranges=None, seconds=60.0):
    """Looks for the record that a training stumbled over, whose checksums hold.

    That is one that is no tf.train.Example, or differs from the first record in the feature that
    TensorFlow named, or holds a value out of its range.

    Args:
      files: record files.
      feature_name: the feature, or None.
      ranges: dict feature -> schema.Range, or None.
      seconds: how long to look; a few ten thousand records a second.

    Returns:
      "FILE, record 7: input_ids has ..."; None where there is none, or it was not found in time.
    """
    deadline, usual = time.monotonic() + seconds, None
    for path in files:
        for number, content in enumerate(read_records(path)):
            try:
                example = example_of(content)
            except NoExample:
                return "{}, record {}: not a tf.train.Example".format(path, number)
            features = example.features.feature
            usual = usual or features
            text = _difference(features, usual, feature_name)
            text = text or _out_of_range(_as_dict(features), ranges or {})
            if text:
                return "{}, record {}: {}".format(path, number, text)
            if time.monotonic() > deadline:
                return None
    return None


def _difference(features, usual, name):
    if not name:
        return None
    kind, expected = (_shown_kind(values[name]) for values in (features, usual))
    return kind != expected and "{} has {}, where others have {}".format(name, kind, expected)


def _shown_kind(feature):
    return "{} values ({})".format(len(_values(feature)), feature.WhichOneof("kind") or "none")


def _out_of_range(record, ranges):
    """The first value of a record that is out of its range: "input_ids holds ..."; else None.

    Args:
      record: dict feature -> sequence of numbers.
      ranges: dict feature -> schema.Range.
    """
    for name, allowed in ranges.items():
        kind, what = _KINDS[FEATURES[name].dtype]
        for value in record.get(name, ()):
            if not isinstance(value, kind):
                return "{} holds {}, which is no {}".format(name, quoted(value, 40), what)
            if not allowed.holds(value):
                return "{} {}".format(name, allowed.fault(value))
    return None


def _as_dict(features):
    return {name: _values(features[name]) for name in sorted(features)}


def _values(feature):
    kind = feature.WhichOneof("kind")
    return getattr(feature, kind).value if kind else []


def _check_length(where, name, length, expected):
    if length == expected:
        return
    flags = {"S": "--max_seq_length", "P": "--max_predictions_per_seq"}
    flag = flags.get(FEATURES[name].shape)
    raise UserError(
        "{}: {} has {} values, but {} {}".format(
            where, name, length, flag + " is" if flag else "there must be", expected
        )
    )
