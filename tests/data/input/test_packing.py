"""Several texts in a row: where they lie, that nothing of them is lost, and the same batches."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given
from hypothesis import strategies as st
from record_files import PREDICTIONS, SEQ, tagged_records, write_records

from common.features import MASKED_LM, ROW
from data.input import packing, pipeline
from data.input.drawn_corruption import Drawing
from data.records.schema import FEATURES
from data.rows.corruptions.corruption import Tokens
from data.rows.corruptions.masking import MaskingSpec, Masks

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

NAMES = [*ROW, *MASKED_LM, "pos_labels", "next_sentence_labels"]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_no_two_texts_share_a_place(lengths):
    places = packing.place(lengths, 30)
    taken = np.zeros([places.count, 30], int)
    for row, start, length in zip(places.rows, places.starts, lengths):
        taken[row, start : start + length] += 1
        assert start + length <= 30
    assert taken.max() == 1 and taken.sum() == sum(lengths)
    assert (taken[:, 0] == 1).all()  # no row is empty
    # Two half-empty rows would be one: at most one row is filled by less than half.
    assert (taken.sum(axis=1) * 2 < 30).sum() <= 1
    for row in range(places.count):
        numbers = places.numbers[places.rows == row]
        assert sorted(numbers) == list(range(len(numbers)))
        order = np.argsort(places.starts[places.rows == row])
        assert list(numbers[order]) == sorted(numbers)


def test_best_fit_decreasing_by_hand():
    """10, 7 and 6 open a row each; 4 fits that of 6 exactly, 3 that of 7; 1 has no room."""
    places = packing.place([3, 7, 10, 4, 6, 1], 10)
    assert list(places.rows) == [1, 1, 0, 2, 2, 3]
    assert list(places.starts) == [7, 0, 0, 6, 0, 0]
    assert list(places.numbers) == [1, 0, 0, 1, 0, 0] and places.count == 4


@pytest.mark.parametrize(
    ("texts", "micro_batches", "multiple"),
    [(8, 1, 1), (127, 1, 1), (128, 1, 2), (256, 1, 4), (8, 4, 4), (256, 3, 6)],
)
def test_what_the_number_of_rows_is_a_multiple_of(texts, micro_batches, multiple):
    assert packing.row_multiple(texts, micro_batches) == multiple


def short_records(count, seed=0):
    """tagged_records of 2 to SEQ pieces, half of them at most 6; each text's ids are its own."""
    rng = np.random.RandomState(seed)
    records = tagged_records(count, seed)
    for number, record in enumerate(records):
        length = rng.randint(2, 7) if rng.randint(2) else rng.randint(2, SEQ + 1)
        record["input_mask"] = (np.arange(SEQ) < length).astype(np.int64)
        record["input_ids"] = record["input_mask"] * (100 * (number + 1) + np.arange(SEQ))
        record["segment_ids"] = record["input_mask"] * (np.arange(SEQ) >= 3)
        record["next_sentence_labels"] = np.array([number % 2])
        count = rng.randint(0, PREDICTIONS + 1)
        real = np.arange(PREDICTIONS) < count
        record["masked_lm_positions"] = np.where(real, rng.randint(0, length, PREDICTIONS), 0)
        record["masked_lm_ids"] = np.where(real, 1000 + rng.randint(0, 9, PREDICTIONS), 0)
        record["masked_lm_weights"] = (real * rng.rand(PREDICTIONS)).astype(np.float32)
        record["pos_labels"] = np.where(real, record["pos_labels"], -1)
    return records


def packed(records, multiple=1):
    """The packed batch of records, as a dict of arrays."""
    with tf.Graph().as_default(), tf.Session() as session:
        features = {
            name: tf.constant(
                np.stack([r[name] for r in records]),
                tf.float32 if FEATURES[name].dtype == "float32" else tf.int32,
            )
            for name in NAMES
        }
        tensors = packing.pack(features, multiple)
        assert all(t.dtype == features[n].dtype for n, t in tensors.items() if n in features)
        assert tensors["input_ids"].shape.as_list() == [None, SEQ]
        return session.run(tensors)


def unpacked(rows):
    """The texts of a packed batch: list of dicts name -> list of what is no padding."""
    texts = []
    for row, starts in enumerate(rows["text_starts"]):
        for number, start in enumerate(starts):
            if start < 0:
                continue
            mine = np.flatnonzero(rows["row_segment_ids"][row] == number + 1)
            assert mine[0] == start and (np.diff(mine) == 1).all()
            assert list(rows["position_ids"][row][mine]) == list(range(len(mine)))
            text = {name: list(rows[name][row][mine]) for name in ROW}
            text["next_sentence_labels"] = list(rows["next_sentence_labels"][row][number])
            real = rows["masked_lm_weights"][row] > 0
            places = rows["masked_lm_positions"][row]
            here = real & (places >= start) & (places <= mine[-1])
            for name in (*MASKED_LM, "pos_labels"):
                text[name] = list(rows[name][row][here])
            text["masked_lm_positions"] = list(places[here] - start)
            texts.append(text)
    return texts


def expected(records):
    texts = []
    for record in records:
        length, real = int(record["input_mask"].sum()), record["masked_lm_weights"] > 0
        text = {name: list(record[name][:length]) for name in ROW}
        text["next_sentence_labels"] = list(record["next_sentence_labels"])
        for name in (*MASKED_LM, "pos_labels"):
            text[name] = list(record[name][real])
        texts.append(text)
    return texts


@pytest.mark.parametrize("count", [1, 2, 9, 40])
@pytest.mark.parametrize("multiple", [1, 3])
def test_every_text_is_there_once_and_whole(count, multiple):
    records = short_records(count, seed=count)
    rows = packed(records, multiple)
    by_id = lambda text: text["input_ids"]  # noqa: E731
    assert sorted(unpacked(rows), key=by_id) == sorted(expected(records), key=by_id)
    assert len(rows["input_ids"]) % multiple == 0
    padding = rows["row_segment_ids"] == 0
    for name in (*ROW, "position_ids"):
        assert not rows[name][padding].any()
    assert not rows["masked_lm_positions"][rows["masked_lm_weights"] == 0].any()
    assert (rows["pos_labels"][rows["masked_lm_weights"] == 0] == -1).all()
    assert rows["masked_lm_weights"].shape[1] % packing.PREDICTION_STEP == 0
    if count == 40:
        assert len(rows["input_ids"]) < 0.7 * count


def test_a_row_that_is_odd_is_read_no_otherwise():
    """A hole in the mask, a prediction behind the last piece, and no piece at all."""
    records = short_records(3)
    hole, behind, nothing = records
    hole["input_mask"] = np.array([1, 0, 1] + [0] * (SEQ - 3))
    hole["masked_lm_positions"] = np.zeros(PREDICTIONS, int)
    behind["input_mask"] = np.array([1, 1] + [0] * (SEQ - 2))
    behind["masked_lm_positions"] = np.array([4, 0, 0])
    behind["masked_lm_weights"] = np.float32([1, 0, 0])
    behind["input_ids"] = np.arange(20, 20 + SEQ)
    nothing["input_mask"] = np.zeros(SEQ, int)
    nothing["masked_lm_weights"] = np.zeros(PREDICTIONS, np.float32)
    texts = unpacked(packed(records))
    found = sorted((len(t["input_mask"]), t["input_mask"], t["masked_lm_positions"]) for t in texts)
    assert found[0][:2] == (1, [0])
    assert found[1][:2] == (3, [1, 0, 1])
    assert found[2] == (5, [1, 1, 0, 0, 0], [4])


def batches(path, count, order=None, batch_size=6, names=NAMES, params=None, **settings):
    """The first batches that a pipeline gives, as lists of texts in the order of their ids."""
    input_fn = pipeline.make_input_fn([path], names, SEQ, PREDICTIONS, order, **settings)
    found = []
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = input_fn(dict(params or {}, batch_size=batch_size))
        tensors = tf.data.make_one_shot_iterator(dataset).get_next()
        while len(found) < count:
            found.append(session.run(tensors))
    return found


def ids_of(batch):
    """Sorted rows of ids, without padding: what the batch holds, packed or not."""
    segments = batch.get("row_segment_ids", batch["input_mask"])
    return sorted(
        list(ids[segment == number])
        for ids, segment in zip(batch["input_ids"], segments)
        for number in range(1, segment.max(initial=0) + 1)
    )


@pytest.mark.parametrize("done", [0, 1, 5])
def test_batches_hold_the_texts_of_plain_ones_also_after_a_resume(tmp_path, done):
    path = write_records(tmp_path / "r", short_records(20))
    plain = batches(path, 8, pipeline.TrainingOrder(7, 1))
    rest = pipeline.TrainingOrder(7, 1, first_row=6 * done, rows_per_epoch=20)
    found = batches(path, 8 - done, rest, row_multiple=1)
    assert list(map(ids_of, found)) == list(map(ids_of, plain[done:]))
    assert max(len(batch["input_ids"]) for batch in found) < 6
    again = batches(path, 8 - done, rest, row_multiple=1)
    for first, second in zip(found, again):
        assert all((first[name] == second[name]).all() for name in first)


def test_evaluation_and_replicas(tmp_path):
    path = write_records(tmp_path / "r", short_records(20))
    plain, found = batches(path, 4), batches(path, 4, row_multiple=1)
    assert list(map(ids_of, found)) == list(map(ids_of, plain))
    assert sum(len(ids_of(batch)) for batch in found) == 20
    order = pipeline.TrainingOrder(0, 1)
    plain = batches(path, 4, order, replicas=2)
    found = batches(path, 4, order, replicas=2, row_multiple=2)
    assert list(map(ids_of, found)) == list(map(ids_of, plain))


@pytest.mark.parametrize("keeps_original", [False, True])
def test_masks_drawn_in_training_are_those_of_plain_rows(tmp_path, keeps_original):
    records = short_records(20)
    for record in records:
        record["word_groups"] = np.cumsum(record["input_mask"]) * record["input_mask"]
        record["word_groups"][0] = 0
    path = write_records(tmp_path / "r", records)
    spec = MaskingSpec(0.3, "wordpiece", max_predictions=PREDICTIONS)
    drawing = Drawing(Masks(spec), Tokens(4, np.arange(5, 9, dtype=np.int32)), 3, keeps_original)
    names = [*ROW, *MASKED_LM, *(["masked_input_ids"] if keeps_original else [])]
    settings = {"names": names, "drawing": drawing}
    plain = batches(path, 5, pipeline.TrainingOrder(7, 1), **settings)
    found = batches(path, 5, pipeline.TrainingOrder(7, 1), row_multiple=1, **settings)
    for first, second in zip(plain, found):
        assert ids_of(first) == ids_of(second)
        for name in ("masked_input_ids",) if keeps_original else ():
            swapped = [dict(batch, input_ids=batch[name]) for batch in (first, second)]
            assert ids_of(swapped[0]) == ids_of(swapped[1])
        original, moved = (
            sorted(batch["masked_lm_ids"][batch["masked_lm_weights"] > 0])
            for batch in (first, second)
        )
        assert original == moved
