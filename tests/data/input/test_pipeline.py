"""Batches from record files, and their order."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from golden_network import run_case
from record_files import (
    NAMES,
    PREDICTIONS,
    SEQ,
    VOCAB,
    learnable_records,
    write_numbered,
    write_records,
)

from data.input import pipeline
from data.records.checks import record_contents
from data.records.schema import value_ranges

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


def batches(files, count=None, batch_size=4, order=None, names=NAMES, params=None, **settings):
    """The first `count` batches (None: all) as dicts of arrays."""
    input_fn = pipeline.make_input_fn(files, names, SEQ, PREDICTIONS, order, **settings)
    found = []
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        dataset = input_fn(dict(params or {}, batch_size=batch_size))
        tensors = tf.data.make_one_shot_iterator(dataset).get_next()
        if order:
            assert all(t.shape.is_fully_defined() for t in tensors.values())
        while count is None or len(found) < count:
            try:
                found.append(session.run(tensors))
            except tf.errors.OutOfRangeError:
                break
    return found


def order(buffer_size, seed=1, **settings):
    return pipeline.TrainingOrder(buffer_size, seed, **settings)


@pytest.fixture
def shards(tmp_path):
    """Three files of 5, 4 and 1 records; labels say which record it is."""
    return write_numbered(tmp_path, (5, 4, 1))


def numbers(found):
    return [list(batch["masked_lm_ids"][:, 0]) for batch in found]


def test_evaluation_reads_all_in_file_order(shards):
    found = batches(shards)
    assert numbers(found) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    first = found[0]
    assert {name: value.dtype.name for name, value in first.items()} == {
        name: "float32" if name == "masked_lm_weights" else "int32" for name in NAMES
    }
    assert first["input_ids"].shape == (4, SEQ)
    assert first["masked_lm_positions"].shape == (4, PREDICTIONS)
    assert first["next_sentence_labels"].shape == (4, 1)


def test_evaluation_with_full_batches_only(shards):
    assert numbers(batches(shards, full_batches=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_rows_by_length(tmp_path, monkeypatch):
    """Sorted within windows, cut to their longest row, put back in order; padding is never read."""
    monkeypatch.setattr(pipeline, "WINDOW_BATCHES", 3)
    monkeypatch.setattr(pipeline, "LENGTH_STEP", 4)
    records = learnable_records(29)
    rng = np.random.RandomState(1)
    for record in records:
        length = rng.randint(2, SEQ + 1)
        record["input_mask"] = [1] * length + [0] * (SEQ - length)
    path = write_records(tmp_path / "r.tfrecord", records)
    found = batches([path], names=NAMES[:3], by_length=True)
    assert [len(batch["input_ids"]) for batch in found] == [4] * 7 + [1]
    widths = []
    for batch in found:
        longest = batch["input_mask"].sum(axis=1).max()
        assert {batch[name].shape[1] for name in NAMES[:3]} == {min(SEQ, -(-longest // 4) * 4)}
        widths.append(longest)
    assert widths[:3] == sorted(widths[:3]) and widths[3:6] == sorted(widths[3:6])
    rows = list(pipeline.in_order(iter(found)))
    assert len(rows) == 29 and set(rows[0]) == set(NAMES[:3])
    for row, record in zip(rows, records):
        length = sum(record["input_mask"])
        np.testing.assert_array_equal(row["input_ids"][:length], record["input_ids"][:length])
        assert sum(row["input_mask"]) == length


@pytest.mark.parametrize("texts_per_row", [1, 2])
def test_training_batches_cut_to_their_longest_row(tmp_path, monkeypatch, texts_per_row):
    """The same rows in the same order, without places that hold padding alone."""
    monkeypatch.setattr(pipeline, "LENGTH_STEP", 4)
    records = learnable_records(13)
    rng = np.random.RandomState(1)
    for record in records:
        length = rng.randint(1, 7)
        record["input_mask"] = ((np.arange(SEQ) % (SEQ // texts_per_row)) < length).astype(int)
    path = write_records(tmp_path / "r.tfrecord", records)

    def read(**more):
        input_fn = pipeline.make_input_fn(
            [path],
            NAMES[:3],
            SEQ // texts_per_row,
            0,
            order(5),
            texts_per_row=texts_per_row,
            **more,
        )
        with tf.Graph().as_default(), tf.Session() as session:
            tensors = tf.data.make_one_shot_iterator(input_fn({"batch_size": 4})).get_next()
            return [session.run(tensors) for _ in range(6)]

    whole, cut = read(), read(cut_padding=True)
    for one, other in zip(whole, cut):
        longest = one["input_mask"].sum(axis=-1).max()
        width = min(SEQ // texts_per_row, -(-longest // 4) * 4)
        for name in NAMES[:3]:
            np.testing.assert_array_equal(other[name], one[name][..., :width])
    assert {batch["input_ids"].shape[-1] for batch in cut} < {4, 8, SEQ}


def test_training_without_buffer_keeps_the_order_and_repeats(shards):
    assert numbers(batches(shards, 4, order=order(0))) == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 0, 1],
        [2, 3, 4, 5],
    ]


def test_training_shuffles_by_the_seed_epoch_by_epoch(shards):
    runs = [
        [n for batch in numbers(batches(shards, 10, order=order(6, seed))) for n in batch]
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    epochs = [runs[0][i : i + 10] for i in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


@pytest.mark.parametrize("buffer_size", [0, 6])
@pytest.mark.parametrize("rows_per_epoch", [None, 10])
@pytest.mark.parametrize("done", [1, 2, 3, 7])
def test_a_resumed_run_goes_on_where_it_stopped(shards, buffer_size, rows_per_epoch, done):
    straight = numbers(batches(shards, 12, order=order(buffer_size)))
    rest = order(buffer_size, first_row=4 * done, rows_per_epoch=rows_per_epoch)
    assert numbers(batches(shards, 12 - done, order=rest)) == straight[done:]


def test_replicas_take_parts_of_a_batch_in_turn(shards):
    whole = numbers(batches(shards, 4, order=order(6)))
    parts = numbers(batches(shards, 8, order=order(6), replicas=2))
    assert [a + b for a, b in zip(parts[::2], parts[1::2])] == whole


class Host:
    """What TPUEstimator gives to the input function of one host."""

    def __init__(self, index, count):
        self._place = ("/cpu:0", index, count, 4)

    def current_input_fn_deployment(self):
        return self._place


def test_hosts_share_the_rows(shards):
    whole = [n for batch in numbers(batches(shards, 6, order=order(6))) for n in batch]
    for index in range(2):
        mine = numbers(batches(shards, 3, order=order(6), params={"context": Host(index, 2)}))
        assert [n for batch in mine for n in batch] == whole[index::2]


def test_only_named_features_are_parsed(shards):
    assert set(batches(shards, names=NAMES[:3])[0]) == set(NAMES[:3])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_ids", VOCAB),
        ("input_ids", (1 << 32) + 5),  # 5 in 32 bits
        ("segment_ids", 2),
        ("masked_lm_positions", SEQ),
        ("masked_lm_ids", -1),
        ("masked_lm_weights", float("nan")),
        ("masked_lm_weights", float("inf")),
        ("next_sentence_labels", 2),
    ],
)
@pytest.mark.parametrize("by_length", [False, True])
def test_values_out_of_range_reach_no_model(tmp_path, name, value, by_length):
    """Also where a GPU would read zeros or another row."""
    records = learnable_records(6)
    ranges = value_ranges(NAMES, SEQ, VOCAB, 2, {})
    path = write_records(tmp_path / "sound", records)
    (whole,) = batches([path], batch_size=6, ranges=ranges)
    np.testing.assert_array_equal(whole["masked_lm_ids"], [r["masked_lm_ids"] for r in records])
    records[4][name][-1] = value
    path = write_records(tmp_path / "wrong", records)
    failure = "record feature {} is out of range".format(name)
    with pytest.raises(tf.errors.InvalidArgumentError, match=failure):
        batches([path], ranges=ranges, by_length=by_length)
    place = record_contents.find_misfit([path], ranges=ranges)
    assert place.startswith("{}, record 4: {} holds ".format(path, name))


@needs_golden
def test_first_records_of_the_original_program():
    """Golden records through the pipeline and the objective: the original program's losses."""
    files = [golden_cases.path("bert", "pretrain.tfrecord")]
    ranges = value_ranges(NAMES, 48, 240, 2, {})
    record_contents.check_records(files, ranges, 48, 8)
    input_fn = pipeline.make_input_fn(files, NAMES, 48, 8, ranges=ranges)
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = tf.data.make_one_shot_iterator(input_fn({"batch_size": 4})).get_next()
        features = session.run(tensors)
    decoded = golden_cases.arrays("bert", "pretrain_records.npz")
    for name in NAMES:
        np.testing.assert_array_equal(features[name], decoded[name][:4])
    expected = golden_cases.arrays("bert", "pretrain_first4_losses.npz")
    results = run_case(features)
    for name in expected:
        np.testing.assert_allclose(results[name], expected[name], atol=1e-5, err_msg=name)
