"""Records that do not fit a run, and what is said of them."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import (
    NAMES,
    PREDICTIONS,
    SEQ,
    VOCAB,
    learnable_records,
    write_numbered,
    write_records,
)

from common.errors import UserError
from data.records.checks import record_contents
from data.records.schema import FEATURES, feature_length, value_ranges

pytestmark = pytest.mark.tf1


@pytest.fixture
def shards(tmp_path):
    return write_numbered(tmp_path, (5, 4, 1))


LABELS = {"label_indicators": 4}


def check(files, names=NAMES, seq=SEQ, predictions=PREDICTIONS, vocab=VOCAB, types=2):
    ranges = value_ranges(names, seq, vocab, types, LABELS)
    record_contents.check_records(files, ranges, seq, predictions, LABELS)


def refusal(files, names=NAMES, seq=SEQ, predictions=PREDICTIONS, vocab=VOCAB, types=2):
    with pytest.raises(UserError) as caught:
        check(files, names, seq, predictions, vocab, types)
    return str(caught.value)


def test_a_value_for_each_label(tmp_path):
    path = write_records(tmp_path / "a", [{"label_indicators": [0, 1, 1]}])
    assert refusal([path], ["label_indicators"]).endswith(
        "record 0: label_indicators has 3 values, but there must be 4"
    )


def test_lengths_and_ids_that_do_not_fit(shards):
    check(shards)
    assert refusal(shards, seq=32).endswith(
        "r-0.tfrecord, record 0: input_ids has 16 values, but --max_seq_length is 32"
    )
    assert refusal(shards, predictions=5).endswith(
        "masked_lm_positions has 3 values, but --max_predictions_per_seq is 5"
    )
    assert "input_ids holds 30, but vocab_size of the model config is 20" in refusal(
        shards, vocab=20
    )


def test_missing_feature_and_type_ids(tmp_path):
    records = learnable_records(2)
    records[1]["segment_ids"][3] = 1
    del records[0]["next_sentence_labels"]
    path = write_records(tmp_path / "a", records)
    assert "record 0: feature next_sentence_labels is missing (it has input_ids," in refusal([path])
    message = refusal([path], names=NAMES[:6], types=1)
    assert "record 1: segment_ids holds 1, but type_vocab_size of the model config is 1" in message


def test_every_feature_has_its_range(tmp_path):
    """The first wrong value of all features, by the table alone."""
    sizes = {"S": SEQ, "V": VOCAB}
    for name, feature in FEATURES.items():
        if name.endswith("_weights"):  # numbers with a point, in a test of their own
            continue
        limit = sizes.get(feature.limit, feature.limit)
        for value in (feature.low - 1, limit):
            values = [feature.pad] * feature_length(name, SEQ, PREDICTIONS, LABELS)
            path = write_records(tmp_path / name, [{name: values}, {name: [*values[1:], value]}])
            message = refusal([path], [name])
            assert "{}, record 1: {} holds {}, ".format(path, name, value) in message, message
            allowed = value_ranges([name], SEQ, VOCAB, 2, {})[name]
            assert allowed.holds(feature.low) and allowed.holds(limit - 1)


def test_numbers_that_are_none_and_labels_of_an_objective(tmp_path):
    path = write_records(tmp_path / "weights", [{"masked_lm_weights": [1.0, np.nan, 0.0]}])
    assert "masked_lm_weights holds nan, which is no finite number from 0 on" in refusal(
        [path], ["masked_lm_weights"]
    )
    path = write_records(tmp_path / "kinds", [{"input_mask": np.ones(SEQ, np.float32)}])
    assert "input_mask holds 1.0, which is no whole number" in refusal([path], ["input_mask"])
    path = write_records(tmp_path / "labels", [{"label_ids": [2]}, {"label_ids": [3]}])
    ranges = value_ranges(["label_ids"], SEQ, VOCAB, 2, {"label_ids": 3})
    message = "record 1: label_ids holds 3, but the number of labels is 3; write the records anew"
    with pytest.raises(UserError, match=message):
        record_contents.check_records([path], ranges, SEQ, PREDICTIONS)


def test_damaged_files(tmp_path, shards):
    with open(shards[0], "rb") as reader:
        content = reader.read()
    cut = tmp_path / "cut"
    cut.write_bytes(content[: len(content) // 2 + 30])
    text = tmp_path / "text"
    text.write_text("not a record file, but long enough to look at")
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    other = str(tmp_path / "other")
    with tf.python_io.TFRecordWriter(other) as writer:
        writer.write(b"\xffgarbage")
    size = len(content) // 5  # as all records
    assert refusal([str(cut)]).startswith(
        "{} is damaged: record 2 (byte {}) is cut off; write the file anew".format(cut, 2 * size)
    )
    message = "text is text, not records; make records of it with create_pretraining_data.py"
    assert refusal([str(text)]).endswith(message)
    assert "empty holds no record" in refusal([str(empty)])
    assert "other, record 0: not a tf.train.Example" in refusal([other])
    with tf.python_io.TFRecordWriter(other) as writer:
        writer.write(b"\x0c\x00")  # the end of a group: protobuf 3 only warns
    assert "other, record 0: not a tf.train.Example" in refusal([other])
