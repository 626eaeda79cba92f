"""Dropout masks that are hashes of counters."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import needs_compiler

from modeling.kernels.draws import draw_key, keep_scale
from modeling.kernels.fused import FusedKernels

tf.disable_v2_behavior()
pytestmark = [pytest.mark.tf2_15, needs_compiler]

SHAPE, RATE = (512, 768), 0.1


def masks(keys, rate=RATE, shape=SHAPE):
    """bool arrays, True where an element is dropped, for (seed, draw, step seed) keys."""
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run([keep_scale(tf.constant(shape), rate, draw_key(*key)) for key in keys])
    for each in found:
        np.testing.assert_array_equal(np.unique(each), np.float32([0.0, 1.0 / (1.0 - rate)]))
    return [each == 0.0 for each in found]


def deviations(dropped, rate=RATE):
    """By how many standard deviations the share of dropped elements differs from the rate."""
    return (dropped.mean() - rate) / np.sqrt(rate * (1 - rate) / dropped.size)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_the_share_is_the_rate_in_all_rows_and_columns(rate):
    for dropped in masks([(12345, 1, 7), (12345, 2, 7), (0, 1, 0)], rate):
        assert abs(deviations(dropped, rate)) < 4
        for axis in (0, 1):
            shares = dropped.mean(axis=axis)
            spread = np.sqrt(rate * (1 - rate) / dropped.shape[axis])
            assert np.abs(shares - rate).max() < 5 * spread
            # Neither more even nor less than chance.
            assert 0.85 < shares.std() / spread < 1.15


def test_neighbours_are_independent():
    """The share of pairs that are both dropped is the square of the rate: for neighbours in a row
    and in a column, and places whose numbers differ by powers of two."""
    (dropped,) = masks([(12345, 3, 99)])
    flat = dropped.reshape(-1)
    for distance in (1, 2, 3, 64, 128, 768, 1024, 4096, 65536):
        both = flat[distance:] & flat[:-distance]
        assert abs(deviations(both, RATE**2)) < 4, distance


def test_draws_steps_and_seeds_are_independent():
    keys = [(12345, 1, 100), (12345, 2, 100), (12345, 1, 101), (12345, 2, 101), (12346, 1, 100)]
    found = masks(keys)
    for i, one in enumerate(found):
        for other in found[:i]:
            assert abs(deviations(one & other, RATE**2)) < 4
            for shift in (1, 768):  # nor one the other moved along
                moved = one.reshape(-1)[shift:] & other.reshape(-1)[:-shift]
                assert abs(deviations(moved, RATE**2)) < 4


def test_a_key_gives_its_mask_again_and_negative_steps_are_steps():
    one, again, other = masks([(5, 1, -3), (5, 1, -3), (5, 1, 3)])
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.1


def test_kernels_draw_anew_in_every_call():
    with tf.Graph().as_default(), tf.Session() as session:
        ones = tf.ones([64, 64])

        def draw(step):
            kernels = FusedKernels(3, tf.constant(step))
            return [kernels.dropout(ones, 0.5), kernels.dropout(ones, 0.5)]

        first, second, first_again, second_again, other, _ = session.run(
            draw(1) + draw(1) + draw(2)
        )
    np.testing.assert_array_equal(first, first_again)
    np.testing.assert_array_equal(second, second_again)
    assert 0.4 < (first != second).mean() < 0.6
    assert 0.4 < (first != other).mean() < 0.6
