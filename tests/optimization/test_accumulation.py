"""Four micro-batches of eight rows train like a batch of 32, though their mask counts differ."""

import collections

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    learnable_records,
    write_json,
    write_records,
)

from modeling.config import BertConfig
from modeling.losses import Ratio
from modeling.objectives import get_objective
from optimization import gradients
from optimization.config import OPTIMIZERS, OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op
from training.model_fn import make_forward
from training.run_config import RunConfig

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

ROWS, MICRO_BATCHES, STEPS = 32, 4, 5


def uneven_records():
    """In every 32 rows the micro-batches of eight hold 24, 16, 8 and 0 masks."""
    records = learnable_records(ROWS * STEPS)
    for index, record in enumerate(records):
        masks = PREDICTIONS - index % ROWS // (ROWS // MICRO_BATCHES)
        record["masked_lm_weights"] = np.float32([i < masks for i in range(PREDICTIONS)])
    return records


def stacked(records):
    return {name: np.stack([r[name] for r in records]) for name in records[0]}


def make_train_op(rows, num_micro_batches, optimizer="adamw", dropout=0.0, run_changes=()):
    """(placeholders, TrainOp) of a tiny BERT in the default graph."""
    config = BertConfig(
        dict(TINY_CONFIG, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    )
    run = RunConfig("", "bert", [], [], max_seq_length=SEQ, max_predictions_per_seq=PREDICTIONS)
    features = {
        name: tf.placeholder(
            tf.float32 if name == "masked_lm_weights" else tf.int32, (rows,) + values.shape[1:]
        )
        for name, values in stacked(uneven_records()[:rows]).items()
    }
    step = tf.train.get_or_create_global_step()
    forward = make_forward(config, get_objective("bert"), run, step)
    optimizer_config = OptimizerConfig(
        1e-2, 10, optimizer=optimizer, clip_norm=0.5, gradient_accumulation_steps=num_micro_batches
    )
    return features, build_train_op(forward, features, optimizer_config, step, OneReplica())


def trained(num_micro_batches, optimizer):
    """(losses and norms of five steps, all variables afterwards)."""
    records = uneven_records()
    with tf.Graph().as_default(), tf.Session() as session:
        features, train = make_train_op(ROWS, num_micro_batches, optimizer)
        session.run(tf.global_variables_initializer())
        shown = []
        for step in range(STEPS):
            batch = stacked(records[step * ROWS : (step + 1) * ROWS])
            feed = {features[name]: batch[name] for name in features}
            fetched = session.run([list(train.losses.values()), train.global_norm, train.op], feed)
            shown.append(fetched[0] + [fetched[1]])
        variables = {v.op.name: v for v in tf.global_variables()}
        return np.array(shown), session.run(variables)


def largest_difference(one, other):
    assert sorted(one) == sorted(other)
    return max(np.max(np.abs(one[name] - other[name])) for name in one)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_four_micro_batches_train_like_one_batch(optimizer):
    shown, expected = trained(1, optimizer)
    assert shown[:, -1].min() > 0.5  # clipping acts
    shown_in_four, values = trained(MICRO_BATCHES, optimizer)
    assert largest_difference(expected, values) < 1e-6  # weights and moments
    np.testing.assert_allclose(shown_in_four, shown, rtol=2e-6)


def test_the_mean_over_micro_batches_would_be_another_step(monkeypatch):
    """So the comparison above sees denominators that are not joint."""
    _, expected = trained(1, "adamw")

    def own_counts(micro_batch, denominators):
        own = {
            name: ratio.denominator * MICRO_BATCHES for name, ratio in micro_batch.losses.items()
        }
        return gradients_of(micro_batch, own)

    gradients_of = gradients._gradients_of
    monkeypatch.setattr(gradients, "_gradients_of", own_counts)
    _, values = trained(MICRO_BATCHES, "adamw")
    assert largest_difference(expected, values) > 1e-3


def test_by_hand():
    """Masks (1, 1, 1) and (1): the loss is (1 + 2 + 3 + 5) / 4 = 2.75, not (2 + 5) / 2 = 3.5."""
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=1.0, use_resource=True)
        features = {"x": tf.constant([1.0, 2.0, 3.0, 5.0, 9.0, 9.0])}
        features["weights"] = tf.constant([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])

        def forward(micro_batch):
            tops = tf.reduce_sum(micro_batch["x"] * micro_batch["weights"] * weight)
            ratio = Ratio(tops, tf.reduce_sum(micro_batch["weights"]), 0.0)
            return Forward(collections.OrderedDict(loss=ratio), [(weight, weight)])

        joint = gradients.joint_gradients(forward, features, 2, OneReplica())
        session.run(tf.global_variables_initializer())
        loss, values = session.run([joint.losses["loss"], joint.gradients])
        assert loss == pytest.approx(2.75)
        assert values == [pytest.approx(2.75)]


def test_micro_batches_draw_their_own_dropout_masks(monkeypatch):
    """Two micro-batches with the same masks would be one of them twice."""
    drawn = []
    draw = tf.random.stateless_uniform

    def noted(shape, seed):
        result = draw(shape, seed)
        note = tf.py_func(lambda x: drawn.append(x.copy()), [result], [])
        with tf.control_dependencies([note]):
            return tf.identity(result)

    monkeypatch.setattr(tf.random, "stateless_uniform", noted)
    with tf.Graph().as_default(), tf.Session() as session:
        features, train = make_train_op(ROWS, MICRO_BATCHES, dropout=0.1)
        session.run(tf.global_variables_initializer())
        batch = stacked(uneven_records()[:ROWS])
        session.run(train.op, {features[name]: batch[name] for name in features})
    embeddings = [x for x in drawn if x.shape == (ROWS // MICRO_BATCHES, SEQ, 32)]
    assert len({x.tobytes() for x in drawn}) == len(drawn) >= 4 * MICRO_BATCHES
    assert len(embeddings) >= MICRO_BATCHES


def test_by_the_flag(tmp_path, run_in_one):
    """The same run in one batch and in four micro-batches."""
    shared = {
        "input_file": write_records(tmp_path / "rows", uneven_records()),
        "bert_config_file": write_json(tmp_path / "config.json", TINY_CONFIG),
        "objective": "bert",
        "do_train": True,
        "max_seq_length": SEQ,
        "max_predictions_per_seq": PREDICTIONS,
        "train_batch_size": ROWS,
        "num_train_steps": STEPS,
        "num_warmup_steps": 1,
        "learning_rate": 1e-3,
        "shuffle_buffer_size": 0,
    }
    folders = {count: str(tmp_path / str(count)) for count in (1, MICRO_BATCHES)}
    several = [
        dict(shared, output_dir=folder, gradient_accumulation_steps=count)
        for count, folder in folders.items()
    ]
    runs = []
    for folder, result in zip(folders.values(), run_in_one("run_pretraining.py", several)):
        assert result.returncode == 0, result.stderr
        reader = tf.train.NewCheckpointReader(folder + "/model.ckpt-{}".format(STEPS))
        names = reader.get_variable_to_shape_map()
        runs.append({name: reader.get_tensor(name) for name in names})
    assert largest_difference(*runs) < 1e-6
