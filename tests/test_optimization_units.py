"""Schedule, optimizer and clipping against numbers worked out by hand."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from optimization.adamw import AdamWeightDecayOptimizer
from optimization.config import OptimizerConfig
from optimization.schedules import warmup_then_decay
from optimization.train_op import build_train_op, compute_gradients

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


def rates(steps, **settings):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run([warmup_then_decay(tf.constant(s), **settings) for s in steps])


def test_warmup_replaces_the_decay():
    got = rates([0, 1, 3, 4, 9, 10, 12], learning_rate=1.0, num_train_steps=10, num_warmup_steps=4)
    np.testing.assert_allclose(got, [0.0, 0.25, 0.75, 0.6, 0.1, 0.0, 0.0], atol=1e-6)


def test_decay_power_without_warmup():
    got = rates([0, 5, 10], learning_rate=2.0, num_train_steps=10, power=2.0)
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


def test_gradient_norm_is_over_merged_rows_and_unreached_variables_get_no_slots():
    with tf.Graph().as_default():
        table = tf.get_variable("table", initializer=np.ones([3, 1], np.float32))
        unused = tf.get_variable("unused", shape=[2])
        pairs = [(x, tf.convert_to_tensor(x)) for x in (table, unused)]
        loss = tf.reduce_sum(tf.gather(pairs[0][1], [1, 1])) * 3.0
        grads, variables = compute_gradients(loss, pairs)
        assert variables == [table]
        train = build_train_op(
            loss,
            pairs,
            OptimizerConfig(learning_rate=0.1, num_train_steps=10),
            tf.train.get_or_create_global_step(),
        )
        assert not [v for v in tf.global_variables() if v.op.name.startswith("unused/")]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            norm, dense = session.run([train.global_norm, grads[0]])
    assert norm == pytest.approx(6.0)
    np.testing.assert_allclose(dense, [[0.0], [6.0], [0.0]])


def test_a_loss_without_parameters_is_refused():
    with tf.Graph().as_default():
        variable = tf.get_variable("w", shape=[2])
        with pytest.raises(ValueError, match="no trainable parameter"):
            compute_gradients(tf.constant(1.0), [(variable, tf.convert_to_tensor(variable))])
