"""Fusions and their gradients against ordinary operations, and against differences."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import SameDraws, needs_compiler

from modeling.kernels.activations import ACTIVATIONS
from modeling.kernels.fused import FusedKernels

tf.disable_v2_behavior()
pytestmark = [pytest.mark.tf2_15, needs_compiler]

ROWS, WIDTH, HEADS, BATCH, SEQ = 12, 24, 4, 2, 6
VOCAB = 1216  # more than bfloat16.WIDE_SCORES
SEED, STEP = 11, 12345
STATE, VECTOR = (ROWS, WIDTH), (WIDTH,)
LABELS = np.arange(ROWS, dtype=np.int32) * 97 % VOCAB


def attention(kernels, query, key, value, rate):
    hidden = np.zeros([BATCH, 1, SEQ, SEQ], np.float32)
    hidden[0, 0, :, 4:] = -10000.0
    hidden[1, 0] = np.triu(np.full([SEQ, SEQ], -10000.0), 1)
    return kernels.attention(query, key, value, tf.constant(hidden), rate)


def heads(kernels, x, kernel, bias):
    first, second = kernels.project_heads(x, [(kernel, bias), (kernel + 1.0, bias)], SEQ, HEADS)
    factors = tf.constant([2.0, 3.0, 5.0, 7.0], first.dtype, [1, HEADS, 1, 1])
    return first * factors + second


def vocabulary_loss(kernels, x, kernel, bias):
    scores = kernels.scores(x, kernel, bias, transpose_kernel=True)
    return kernels.cross_entropy(scores, tf.constant(LABELS))


# Name -> (function of kernels, tensors and the dropout rate, shapes of the tensors).
FUSIONS = {
    name + "_dense": (
        lambda k, x, kernel, bias, rate, name=name: k.dense(x, kernel, bias, name),
        [STATE, (WIDTH, 20), (20,)],
    )
    for name in ACTIVATIONS
}
FUSIONS.update(
    layer_norm=(lambda k, x, g, b, rate: k.layer_norm(x, g, b), [STATE, VECTOR, VECTOR]),
    layer_norm_3d=(
        lambda k, x, g, b, rate: k.layer_norm(x, g, b),
        [(BATCH, SEQ, WIDTH), VECTOR, VECTOR],
    ),
    dropout=(lambda k, x, rate: k.dropout(x, rate), [(BATCH, SEQ, WIDTH)]),
    residual=(
        lambda k, x, b, r, rate: k.bias_dropout_residual(x, b, r, rate),
        [STATE, VECTOR, STATE],
    ),
    residual_norm=(
        lambda k, x, b, r, g, e, rate: k.bias_dropout_residual_norm(x, b, r, g, e, rate),
        [STATE, VECTOR, STATE, VECTOR, VECTOR],
    ),
    heads=(lambda k, x, w, b, rate: heads(k, x, w, b), [STATE, (WIDTH, WIDTH), VECTOR]),
    attention=(attention, [(BATCH, HEADS, SEQ, WIDTH // HEADS)] * 3),
    scores=(lambda k, x, w, b, rate: k.scores(x, w, b), [STATE, (WIDTH, 5), (5,)]),
    vocabulary=(
        lambda k, x, w, b, rate: vocabulary_loss(k, x, w, b),
        [STATE, (VOCAB, WIDTH), (VOCAB,)],
    ),
)


def values_of(shapes, seed=0):
    rng = np.random.RandomState(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


class Built:
    """A fusion in a graph: its result, and the gradients of a weighted sum of it."""

    def __init__(self, name, kernels, rate):
        function, shapes = FUSIONS[name]
        self.inputs = [tf.placeholder(tf.float32, shape) for shape in shapes]
        self.result = function(kernels, *self.inputs, rate)
        weights = values_of([self.result.shape.as_list()], seed=5)[0]
        self.total = tf.reduce_sum(tf.cast(self.result, tf.float32) * weights)
        self.gradients = tf.gradients(self.total, self.inputs)

    def run(self, session, fetches, values):
        return session.run(fetches, dict(zip(self.inputs, values)))


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_values_and_gradients_are_those_of_ordinary_operations(name, rate):
    values = values_of(FUSIONS[name][1])
    with tf.Graph().as_default(), tf.Session() as session:
        found, expected = [
            built.run(session, [built.result, *built.gradients], values)
            for built in (Built(name, kind(SEED, STEP), rate) for kind in (FusedKernels, SameDraws))
        ]
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_gradients_are_differences(name):
    """Along one direction through all arguments, with dropout: its mask must not depend on them."""
    values = values_of(FUSIONS[name][1])
    directions = values_of(FUSIONS[name][1], seed=8)
    step = 2e-3
    with tf.Graph().as_default(), tf.Session() as session:
        built = Built(name, FusedKernels(SEED, STEP), 0.3)
        gradients = built.run(session, built.gradients, values)
        ends = [
            built.run(
                session, built.total, [v + sign * step * d for v, d in zip(values, directions)]
            )
            for sign in (1.0, -1.0)
        ]
    slope = sum(float(np.sum(g * d)) for g, d in zip(gradients, directions))
    size = sum(float(np.sum(np.abs(g * d))) for g, d in zip(gradients, directions))
    assert abs((ends[0] - ends[1]) / (2 * step) - slope) < 2e-3 * size


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_bfloat16_is_near(name):
    """Eight bits of the arguments: a wrong term would be off by much more."""
    if name == "relu_dense":
        pytest.skip("rounding moves a slope from 0 to 1")
    values = values_of(FUSIONS[name][1])
    bfloat16 = lambda x: tf.cast(tf.cast(x, tf.bfloat16), tf.float32)  # noqa: E731
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [session.run(bfloat16(value)) for value in values]
        exact = Built(name, SameDraws(SEED, STEP), 0.3)
        expected = exact.run(session, [exact.result, *exact.gradients], inputs)
        shapes = FUSIONS[name][1]
        placeholders = [tf.placeholder(tf.float32, shape) for shape in shapes]
        # States are bfloat16, parameters float32; scores and weights of a fusion are told by rank.
        given = [
            tf.cast(p, tf.bfloat16) if is_state(name, i) else p for i, p in enumerate(placeholders)
        ]
        result = tf.cast(
            FUSIONS[name][0](FusedKernels(SEED, STEP, tf.bfloat16), *given, 0.3), tf.float32
        )
        weights = values_of([result.shape.as_list()], seed=5)[0]
        gradients = tf.gradients(tf.reduce_sum(result * weights), placeholders)
        found = session.run([result, *gradients], dict(zip(placeholders, inputs)))
    for one, other in zip(found, expected):
        assert one.dtype == np.float32
        assert np.linalg.norm(one - other) < 0.02 * np.linalg.norm(other) + 1e-6


def is_state(name, number):
    """Whether an argument of a fusion is a state: the first, the residual, and all of attention."""
    return number == 0 or name == "attention" or (name.startswith("residual") and number == 2)


def test_the_mask_of_a_key_hides_it():
    query, key, value = values_of(FUSIONS["attention"][1])
    with tf.Graph().as_default(), tf.Session() as session:
        shifted = value.copy()
        shifted[0, :, 4:] += 100.0
        both = session.run(
            [
                attention(FusedKernels(), *map(tf.constant, (query, key, v)), 0.0)
                for v in (value, shifted)
            ]
        )
    np.testing.assert_array_equal(both[0][:SEQ], both[1][:SEQ])
