"""Four parts of eight rows train like one batch of 32, though they hold different mask counts."""

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
from optimization.config import OPTIMIZERS, OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op
from training.model_fn import make_forward
from training.run_config import RunConfig

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

ROWS, PARTS, STEPS = 32, 4, 5


def uneven_records():
    """In every 32 rows the parts of eight hold 24, 16, 8 and 0 masks."""
    records = learnable_records(ROWS * STEPS)
    for index, record in enumerate(records):
        masks = PREDICTIONS - index % ROWS // (ROWS // PARTS)
        record["masked_lm_weights"] = np.float32([i < masks for i in range(PREDICTIONS)])
    return records


def stacked(records):
    return {name: np.stack([r[name] for r in records]) for name in records[0]}


def make_train_op(rows, parts, optimizer="adamw", dropout=0.0, run_changes=()):
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
        1e-2, 10, optimizer=optimizer, clip_norm=0.5, gradient_accumulation_steps=parts
    )
    return features, build_train_op(forward, features, optimizer_config, step, OneReplica())


def trained(parts, optimizer):
    """(losses and norms of five steps, all variables afterwards)."""
    records = uneven_records()
    with tf.Graph().as_default(), tf.Session() as session:
        features, train = make_train_op(ROWS, parts, optimizer)
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
def test_four_parts_train_like_one(optimizer):
    shown, expected = trained(1, optimizer)
    assert shown[:, -1].min() > 0.5  # clipping acts
    shown_in_parts, found = trained(PARTS, optimizer)
    assert largest_difference(expected, found) < 1e-6  # weights and moments
    np.testing.assert_allclose(shown_in_parts, shown, rtol=2e-6)


def test_the_mean_of_the_parts_would_be_another_step(monkeypatch):
    """So the comparison above sees denominators that are not joint."""
    _, expected = trained(1, "adamw")

    def own_counts(part, denominators):
        own = {name: ratio.denominator * PARTS for name, ratio in part.losses.items()}
        return part_gradients(part, own)

    part_gradients = __import__("optimization.gradients").gradients._part_gradients
    monkeypatch.setattr("optimization.gradients._part_gradients", own_counts)
    _, found = trained(PARTS, "adamw")
    assert largest_difference(expected, found) > 1e-3


def test_by_hand():
    """Two parts, masks (1, 1, 1) and (1): the loss is (1+2+3+5)/4 = 2.75, not (2+5)/2 = 3.5."""
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=1.0, use_resource=True)
        features = {"x": tf.constant([1.0, 2.0, 3.0, 5.0, 9.0, 9.0])}
        features["weights"] = tf.constant([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])

        def forward(part):
            tops = tf.reduce_sum(part["x"] * part["weights"] * weight)
            ratio = Ratio(tops, tf.reduce_sum(part["weights"]), 0.0)
            return Forward(collections.OrderedDict(loss=ratio), [(weight, weight)])

        from optimization.gradients import joint_gradients

        joint = joint_gradients(forward, features, 2, OneReplica())
        session.run(tf.global_variables_initializer())
        loss, gradients = session.run([joint.losses["loss"], joint.gradients])
        assert loss == pytest.approx(2.75)
        assert gradients == [pytest.approx(2.75)]


def test_parts_draw_their_own_dropout_masks(monkeypatch):
    """Two parts with the same masks would be one part twice: half the rows' own gradient."""
    drawn = []
    draw = tf.random.stateless_uniform

    def noted(shape, seed):
        result = draw(shape, seed)
        note = tf.py_func(lambda x: drawn.append(x.copy()), [result], [])
        with tf.control_dependencies([note]):
            return tf.identity(result)

    monkeypatch.setattr(tf.random, "stateless_uniform", noted)
    with tf.Graph().as_default(), tf.Session() as session:
        features, train = make_train_op(ROWS, PARTS, dropout=0.1)
        session.run(tf.global_variables_initializer())
        batch = stacked(uneven_records()[:ROWS])
        session.run(train.op, {features[name]: batch[name] for name in features})
    embeddings = [x for x in drawn if x.shape == (ROWS // PARTS, SEQ, 32)]
    assert len({x.tobytes() for x in drawn}) == len(drawn) >= 4 * PARTS
    assert len(embeddings) >= PARTS


def test_by_the_flag(tmp_path, run_in_one):
    """The same run in one part and in four."""
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
    folders = {parts: str(tmp_path / str(parts)) for parts in (1, PARTS)}
    several = [
        dict(shared, output_dir=folder, gradient_accumulation_steps=parts)
        for parts, folder in folders.items()
    ]
    found = []
    for folder, result in zip(folders.values(), run_in_one("run_pretraining.py", several)):
        assert result.returncode == 0, result.stderr
        reader = tf.train.NewCheckpointReader(folder + "/model.ckpt-{}".format(STEPS))
        names = reader.get_variable_to_shape_map()
        found.append({name: reader.get_tensor(name) for name in names})
    assert largest_difference(*found) < 1e-6
