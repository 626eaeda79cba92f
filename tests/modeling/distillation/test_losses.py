"""Losses between student and teacher against plain numpy, written from the papers' formulas."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from modeling import layers
from modeling.distillation import losses

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

RNG = np.random.RandomState(3)
TEMPERATURE = 2.5


def value_of(tensor):
    with tf.Session() as session:
        return session.run(tensor)


def softmax(x, temperature=1.0):
    powers = np.exp((x - x.max(axis=-1, keepdims=True)) / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def kl(p, q):
    return np.sum(p * (np.log(p) - np.log(q)), axis=-1)


def draws(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_soft_labels_by_temperature():
    """T^2 KL(p || q), not KL(q || p), and 0 of a student that is its teacher."""
    student, teacher = draws(7, 11) * 3, draws(7, 11) * 3
    wanted = TEMPERATURE**2 * kl(softmax(teacher, TEMPERATURE), softmax(student, TEMPERATURE))
    with tf.Graph().as_default():
        got = losses.divergence(tf.constant(student), tf.constant(teacher), TEMPERATURE)
        own = losses.divergence(tf.constant(student), tf.constant(student), TEMPERATURE)
        got, own = value_of([got, own])
    np.testing.assert_allclose(got, wanted, rtol=2e-5)
    np.testing.assert_allclose(own, np.zeros(7), atol=1e-5)


def test_the_slope_of_soft_labels():
    """d/dz of T^2 KL is T (q - p) (Hinton et al. 2015, equation 2), none of it the teacher's."""
    student, teacher = draws(3, 5), draws(3, 5)
    with tf.Graph().as_default():
        z, v = tf.constant(student), tf.constant(teacher)
        loss = tf.reduce_sum(losses.divergence(z, v, TEMPERATURE))
        slopes = tf.gradients(loss, [z, v])
        assert slopes[1] is None
        slope = value_of(slopes[0])
    wanted = TEMPERATURE * (softmax(student, TEMPERATURE) - softmax(teacher, TEMPERATURE))
    np.testing.assert_allclose(slope, wanted, atol=2e-6)


def test_the_likeliest_classes_alone():
    """All of them in any order are the whole distribution; beside a few the others are one."""
    student, teacher = draws(4, 9), draws(4, 9)
    p, q = softmax(teacher, TEMPERATURE), softmax(student, TEMPERATURE)
    for k in (9, 3):
        ids = np.argsort(-teacher, axis=-1)[:, :k].astype(np.int32)
        tops = [np.take_along_axis(x, ids, axis=-1) for x in (p, q)]
        log_probabilities = np.log(tops[0]).astype(np.float32)
        if k < 9:
            tops = [np.append(x, 1 - x.sum(axis=-1, keepdims=True), axis=-1) for x in tops]
        with tf.Graph().as_default():
            arguments = ids, tf.constant(log_probabilities), TEMPERATURE
            got, own = value_of(
                [losses.divergence_at(tf.constant(x), *arguments) for x in (student, teacher)]
            )
        np.testing.assert_allclose(got, TEMPERATURE**2 * kl(*tops), rtol=2e-5, atol=1e-5)
        np.testing.assert_allclose(own, 0, atol=1e-5)  # the teacher's own scores


def test_decisions_of_their_own():
    student, teacher = draws(4, 3), draws(4, 3)
    p, q = (1 / (1 + np.exp(-x.astype(np.float64) / TEMPERATURE)) for x in (teacher, student))
    each = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    with tf.Graph().as_default():
        got = value_of(losses.binary_divergence(tf.constant(student), tf.constant(teacher), 2.5))
    np.testing.assert_allclose(got, TEMPERATURE**2 * each.mean(axis=-1), rtol=2e-5, atol=1e-6)


def test_distances_of_hidden_states():
    student, teacher = draws(2, 3, 8), draws(2, 3, 8)
    norms = [np.linalg.norm(x, axis=-1) for x in (student, teacher)]
    cosine = (student * teacher).sum(axis=-1) / (norms[0] * norms[1])
    with tf.Graph().as_default():
        pair = tf.constant(student), tf.constant(teacher)
        got, error = value_of([losses.cosine_distance(*pair), losses.squared_error(*pair)])
    np.testing.assert_allclose(got, 1 - cosine, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(error, ((student - teacher) ** 2).mean(axis=-1), rtol=2e-5)


def relations(x, y, visible, heads):
    """Probabilities [batch, heads, seq, seq] of states [batch, own heads, seq, size], by loops."""
    batch, own, seq, size = x.shape
    joined = [a.transpose(0, 2, 1, 3).reshape(batch, seq, own * size) for a in (x, y)]
    wide = own * size // heads
    found = np.zeros((batch, heads, seq, seq))
    for b in range(batch):
        for h in range(heads):
            part = slice(h * wide, (h + 1) * wide)
            scores = joined[0][b, :, part] @ joined[1][b, :, part].T / np.sqrt(wide)
            scores = np.where(visible[b], scores, -np.inf)
            found[b, h] = softmax(scores)
    return found


@pytest.mark.parametrize("heads", [4, 2])
def test_relations(heads):
    """Student and teacher of other widths and other numbers of heads."""
    student = [draws(2, 2, 5, 4), draws(2, 2, 5, 4)]
    teacher = [draws(2, 4, 5, 6), draws(2, 4, 5, 6)]
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], np.int32)
    visible = np.repeat(mask[:, np.newaxis, :] > 0, 5, axis=1)
    p, q = relations(*teacher, visible, heads), relations(*student, visible, heads)
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.nansum(p * (np.log(p) - np.log(q)), axis=-1).mean(axis=1)
    with tf.Graph().as_default():
        bias = layers.attention_mask_bias(tf.constant(mask))
        pairs = [[tf.constant(x) for x in pair] for pair in (student, teacher)]
        got = value_of(losses.relation_divergence(*pairs, bias=bias, heads=heads))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


def test_scores_of_attention():
    student, teacher = (
        (draws(2, 2, 5, 4), draws(2, 2, 5, 4)),
        (draws(2, 2, 5, 6), draws(2, 2, 5, 6)),
    )
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], np.int32)
    scores = [
        np.einsum("bhqd,bhkd->bhqk", *pair) / np.sqrt(pair[0].shape[-1])
        for pair in (student, teacher)
    ]
    errors = ((scores[0] - scores[1]) ** 2).mean(axis=1)
    counted = (mask[:, :, np.newaxis] * mask[:, np.newaxis, :]) > 0
    with tf.Graph().as_default():
        bias = layers.attention_mask_bias(tf.constant(mask))
        pairs = [[tf.constant(x) for x in pair] for pair in (student, teacher)]
        is_token = tf.constant(mask.astype(np.float32))
        ratio = value_of(list(losses.score_error(*pairs, bias=bias, is_token=is_token)[:2]))
    np.testing.assert_allclose(ratio, [errors[counted].sum(), 25 + 9], rtol=2e-5)
