"""Schedule, optimizer and clipping against numbers worked out by hand."""

import collections

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import UPDATES

from optimization import compiled_updates
from optimization.adamw import AdamWeightDecayOptimizer
from optimization.config import OptimizerConfig
from optimization.gradients import Forward, joint_gradients
from optimization.lamb import AlbertLambOptimizer, LambOptimizer, trust_ratio
from optimization.replicas import OneReplica
from optimization.schedules import warmup_then_decay, warmup_times_decay
from optimization.train_op import build_train_op

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


Ratio = collections.namedtuple(
    "Ratio", ["numerator", "denominator", "epsilon", "weight", "count"], defaults=[1.0, None]
)


def rates(schedule, steps, **settings):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run([schedule(tf.constant(s), **settings) for s in steps])


def test_warmup_replaces_the_decay():
    settings = {"learning_rate": 1.0, "num_train_steps": 10, "num_warmup_steps": 4}
    got = rates(warmup_then_decay, [0, 1, 3, 4, 9, 10, 12], **settings)
    np.testing.assert_allclose(got, [0.0, 0.25, 0.75, 0.6, 0.1, 0.0, 0.0], atol=1e-6)


def test_warmup_times_the_decay():
    settings = {"learning_rate": 1.0, "num_train_steps": 10, "num_warmup_steps": 4}
    got = rates(warmup_times_decay, [0, 1, 3, 4, 9, 10, 12], **settings)
    np.testing.assert_allclose(got, [0.0, 0.225, 0.525, 0.6, 0.1, 0.0, 0.0], atol=1e-6)


@pytest.mark.parametrize("schedule", [warmup_then_decay, warmup_times_decay])
def test_decay_power_without_warmup(schedule):
    got = rates(schedule, [0, 5, 10], learning_rate=2.0, num_train_steps=10, power=2.0)
    np.testing.assert_allclose(got, [2.0, 0.5, 0.0], atol=1e-6)


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("name,decay", [("dense/kernel", 0.1), ("dense/bias", 0.0)])
def test_two_updates_by_hand(use_resource, name, decay):
    """Both kinds of variables; m, v, epsilon outside the root, decay, no bias correction."""
    w, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    grads = [np.array([0.5, -1.0]), np.array([0.25, 3.0])]
    with tf.Graph().as_default():
        variable = tf.get_variable(
            name, initializer=np.float32(w), use_resource=use_resource, dtype=tf.float32
        )
        grad = tf.placeholder(tf.float32, [2])
        optimizer = AdamWeightDecayOptimizer(0.01, weight_decay_rate=0.1)
        op = optimizer.apply_gradients([(grad, variable)])
        assert optimizer.decays(variable.op.name) == bool(decay)
        names = sorted(x.op.name for x in tf.global_variables())
        assert names == [name, name + "/adam_m", name + "/adam_v"]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for g in grads:
                session.run(op, {grad: g})
                m = 0.9 * m + 0.1 * g
                v = 0.999 * v + 0.001 * g**2
                w = w - 0.01 * (m / (np.sqrt(v) + 1e-6) + decay * w)
            np.testing.assert_allclose(session.run(variable), w, rtol=2e-6)


@pytest.mark.parametrize("use_resource", [True, False])
def test_row_gradients_update_like_dense_ones(use_resource):
    """Repeated rows are summed; rows without a gradient still decay."""
    with tf.Graph().as_default():
        start = np.float32([[1, 2], [3, 4], [5, 6]])
        results = []
        for name in ("rows/kernel", "dense/kernel"):
            table = tf.get_variable(name, initializer=start, use_resource=use_resource)
            rows = tf.IndexedSlices(
                tf.constant([[1.0, 1.0], [2.0, 2.0]]), tf.constant([1, 1]), tf.constant([3, 2])
            )
            grad = rows if name.startswith("rows") else tf.convert_to_tensor(rows)
            results.append((table, AdamWeightDecayOptimizer(0.1).apply_gradients([(grad, table)])))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run([op for _, op in results])
            by_rows, dense = session.run([table for table, _ in results])
    np.testing.assert_allclose(by_rows, dense)
    np.testing.assert_allclose(by_rows[0], start[0] * (1 - 0.1 * 0.01), rtol=1e-6)


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("optimizer", [LambOptimizer, AlbertLambOptimizer])
@pytest.mark.parametrize("name,decay", [("dense/kernel", 0.1), ("dense/bias", 0.0)])
def test_two_lamb_updates_by_hand(use_resource, optimizer, name, decay):
    """The ratio |w| / |u| everywhere in ymcui's, only where there is decay in Google's."""
    w, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    grads = [np.array([0.5, -1.0]), np.array([0.25, 3.0])]
    with tf.Graph().as_default():
        variable = tf.get_variable(
            name, initializer=np.float32(w), use_resource=use_resource, dtype=tf.float32
        )
        grad = tf.placeholder(tf.float32, [2])
        op = optimizer(0.01, weight_decay_rate=0.1).apply_gradients([(grad, variable)])
        slot = "adam" if optimizer is AlbertLambOptimizer else "lamb"
        names = sorted(x.op.name for x in tf.global_variables())
        assert names == [name, "{}/{}_m".format(name, slot), "{}/{}_v".format(name, slot)]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for g in grads:
                session.run(op, {grad: g})
                m = 0.9 * m + 0.1 * g
                v = 0.999 * v + 0.001 * g**2
                u = m / (np.sqrt(v) + 1e-6) + decay * w
                ratio = np.linalg.norm(w) / np.linalg.norm(u)
                if optimizer is AlbertLambOptimizer and not decay:
                    ratio = 1.0
                w = w - 0.01 * ratio * u
            np.testing.assert_allclose(session.run(variable), w, rtol=3e-6)


def test_trust_ratio_is_one_where_a_norm_is_zero():
    with tf.Graph().as_default(), tf.Session() as session:
        pairs = [(0.0, 2.0), (2.0, 0.0), (0.0, 0.0), (3.0, 2.0)]
        got = session.run([trust_ratio(tf.constant(a), tf.constant(b)) for a, b in pairs])
    assert got == [1.0, 1.0, 1.0, 1.5]


@pytest.mark.parametrize("compiled", UPDATES)
@pytest.mark.parametrize("optimizer", ["adamw", "lamb", "lamb_albert"])
def test_an_update_that_is_not_finite_changes_only_the_step(optimizer, compiled, monkeypatch):
    monkeypatch.setattr(
        compiled_updates, "LEAST_WEIGHTS", 2
    )  # the kernel is compiled, not the bias
    with tf.Graph().as_default():
        weight = tf.get_variable("w/kernel", initializer=np.float32([1, 2]), use_resource=True)
        bias = tf.get_variable("w/bias", initializer=np.float32([3]), use_resource=True)
        tensors = [(x, tf.convert_to_tensor(x)) for x in (weight, bias)]
        factor = tf.placeholder(tf.float32, [1])

        def forward(features):
            top = tf.reduce_sum(tensors[0][1]) * features["x"][0] + tensors[1][1][0]
            return Forward({"a_loss": Ratio(top, tf.constant(1.0), 0.0)}, tensors)

        step = tf.train.get_or_create_global_step()
        config = OptimizerConfig(learning_rate=0.1, num_train_steps=10, optimizer=optimizer)
        replica = OneReplica()
        train = build_train_op(forward, {"x": factor}, config, step, replica, compiled=compiled)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            everything = [v for v in tf.global_variables() if v is not step]
            session.run(train.op, {factor: [1.0]})
            before = session.run(everything)
            for bad in (np.nan, np.inf):
                finite, _ = session.run([train.is_finite, train.op], {factor: [bad]})
                assert not finite
            for old, new in zip(before, session.run(everything)):
                np.testing.assert_array_equal(old, new)
            assert session.run(step) == 3
            finite, _ = session.run([train.is_finite, train.op], {factor: [1.0]})
            assert finite
            assert all(np.any(o != n) for o, n in zip(before, session.run(everything)))


def test_gradient_norm_is_over_merged_rows_and_unreached_variables_get_no_slots():
    with tf.Graph().as_default():
        table = tf.get_variable("table", initializer=np.ones([3, 1], np.float32))
        unused = tf.get_variable("unused", shape=[2])
        pairs = [(x, tf.convert_to_tensor(x)) for x in (table, unused)]

        def forward(features):
            loss = tf.reduce_sum(tf.gather(pairs[0][1], features["ids"])) * 3.0
            return Forward({"a_loss": Ratio(loss, tf.constant(1.0), 0.0)}, pairs)

        features = {"ids": tf.constant([1, 1])}
        joint = joint_gradients(forward, features, 1, OneReplica())
        assert joint.variables == [table]
        train = build_train_op(
            forward,
            features,
            OptimizerConfig(learning_rate=0.1, num_train_steps=10),
            tf.train.get_or_create_global_step(),
            OneReplica(),
        )
        assert not [v for v in tf.global_variables() if v.op.name.startswith("unused/")]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            norm, dense = session.run([train.global_norm, joint.gradients[0]])
    assert norm == pytest.approx(6.0)
    np.testing.assert_allclose(dense, [[0.0], [6.0], [0.0]])


def test_micro_batches_share_the_denominator():
    """Counts 3 and 1, losses (1, 2, 3) and (5): 11/4, not the mean of 2 and 5."""
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=np.float32(1.0), use_resource=True)
        features = {
            "nll": tf.constant([[1.0, 2.0, 3.0], [5.0, 7.0, 7.0]]),
            "weights": tf.constant([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
        }

        def forward(micro_batch):
            tensor = tf.convert_to_tensor(weight)
            top = tf.reduce_sum(micro_batch["nll"] * micro_batch["weights"]) * tensor
            ratio = Ratio(top, tf.reduce_sum(micro_batch["weights"]), 0.0)
            return Forward({"a_loss": ratio}, [(weight, tensor)])

        session.run(weight.initializer)
        for count in (1, 2):
            joint = joint_gradients(forward, features, count, OneReplica())
            loss, gradients = session.run([joint.losses["a_loss"], joint.gradients])
            assert loss == pytest.approx(11 / 4)
            np.testing.assert_allclose(gradients, [11 / 4])
        with pytest.raises(ValueError, match="2 rows cannot be split into 3 micro-batches"):
            joint_gradients(forward, features, 3, OneReplica())


def test_a_loss_without_parameters_is_refused():
    with tf.Graph().as_default():
        variable = tf.get_variable("w", shape=[2])
        ratio = Ratio(tf.constant(1.0), tf.constant(1.0), 0.0)
        forward = Forward({"a_loss": ratio}, [(variable, tf.convert_to_tensor(variable))])
        with pytest.raises(ValueError, match="no trainable parameter"):
            joint_gradients(lambda _: forward, {}, 1, OneReplica())
