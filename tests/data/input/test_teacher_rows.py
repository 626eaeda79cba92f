"""Rows and the teacher's records of them, read as pairs."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import NAMES, PREDICTIONS, SEQ, write_numbered

from data.input import pipeline
from data.records.teacher_outputs import Layout

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

# Ids of four bytes; a state for each token.
LAYOUT = Layout("masked", 1, "float32", (1.0,), (0,), "float16", SEQ, PREDICTIONS, 1 << 17, 2)


@pytest.fixture
def files(tmp_path):
    """Record files, and the shards of each; ids say which record it is."""
    names, shards, number = write_numbered(tmp_path, (5, 4, 1)), [], 0
    for name, counts in zip(names, ((2, 2, 1), (4,), (1,))):
        shards.append([])
        for count in counts:
            path = "{}.teacher-{}".format(name, len(shards[-1]))
            with open(path, "wb") as writer:
                for _ in range(count):
                    writer.write(encoded(number))
                    number += 1
            shards[-1].append(path)
    return names, shards


def encoded(number):
    values = {
        "teacher_ids": np.full((PREDICTIONS, 1), 70000 + number),
        "teacher_log_probabilities": np.full((PREDICTIONS, 1), -0.5 * number),
        "teacher_log_normalisers": np.zeros((PREDICTIONS, 1)),
        "teacher_hidden_0": np.full((SEQ, 2), 0.25 * number, np.float32),
    }
    return LAYOUT.encode(values, "row")


def batches(files, count, shards=None, **order):
    settings = {"teacher": pipeline.TeacherShards(shards, LAYOUT)} if shards else {}
    order = pipeline.TrainingOrder(**dict({"shuffle_buffer_size": 6, "seed": 3}, **order))
    input_fn = pipeline.make_input_fn(files, NAMES, SEQ, PREDICTIONS, order, **settings)
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = tf.data.make_one_shot_iterator(input_fn({"batch_size": 4})).get_next()
        if shards:
            assert tensors["teacher_hidden_0"].shape.as_list() == [4, SEQ, 2]
            assert tensors["teacher_ids"].shape.as_list() == [4, PREDICTIONS, 1]
        return [session.run(tensors) for _ in range(count)]


def numbers(found):
    return [batch["masked_lm_ids"][:, 0].tolist() for batch in found]


@pytest.mark.parametrize("order", [{}, {"shuffle_buffer_size": 0}])
def test_pairs_are_in_the_order_that_rows_have_alone(files, order):
    names, shards = files
    found, alone = batches(names, 6, shards, **order), batches(names, 6, **order)
    assert numbers(found) == numbers(alone)
    for batch in found:
        number = batch["masked_lm_ids"][:, 0]
        assert batch["teacher_ids"].dtype == np.int32
        assert (batch["teacher_ids"] == 70000 + number[:, None, None]).all()
        assert (batch["teacher_log_probabilities"] == -0.5 * number[:, None, None]).all()
        assert batch["teacher_hidden_0"].dtype == np.float32
        assert (batch["teacher_hidden_0"] == 0.25 * number[:, None, None]).all()


def test_reading_goes_on_where_it_stopped(files):
    names, shards = files
    straight = batches(names, 6, shards)
    for known in (10, None):
        later = batches(names, 3, shards, first_row=12, rows_per_epoch=known)
        for one, other in zip(straight[3:], later):
            assert one.keys() == other.keys()
            assert all((one[name] == other[name]).all() for name in one)
