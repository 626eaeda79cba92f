"""Masks: properties over random units, Google's numbers, the shares in the long run."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mask_draws import mask_once
from random_units import RANDOM_IDS, Ids, assemble, make_unit, rows_of

from common.errors import UserError
from data.rows import pairs
from data.rows.corruptions import masking, sampling, selection

kinds = st.sampled_from(["nsp", "order", "full"])


specs = st.builds(
    masking.MaskingSpec,
    probability=st.floats(0.05, 0.5),
    unit=st.sampled_from(selection.UNITS),
    max_predictions=st.integers(1, 24),
)


@given(kinds, specs, st.integers(0, 10**6), st.integers(8, 64))
@settings(max_examples=300, deadline=None)
def test_masks_take_whole_groups_and_can_be_undone(kind, spec, seed, length):
    unit = make_unit(np.random.default_rng(seed))
    rows = rows_of(kind, unit, length, seed)
    assume(len(rows.labels))
    batch = assemble(unit, rows, length)
    masked = mask_once(batch, spec, Ids.mask, RANDOM_IDS, seed)
    limit = sampling.predictions_per_row(batch.lengths, spec)
    for i in range(len(rows.labels)):
        count = int(masked.weights[i].sum())
        assert 0 <= count <= limit[i]
        assert masked.weights[i].tolist() == [1.0] * count + [0.0] * (spec.max_predictions - count)
        assert not masked.positions[i, count:].any() and not masked.labels[i, count:].any()
        positions = masked.positions[i, :count]
        assert (np.diff(positions) > 0).all()
        restored = masked.ids[i].copy()
        restored[positions] = masked.labels[i, :count]
        assert (restored == batch.ids[i]).all()
        assert (batch.group_ids[i][positions] >= 0).all()
        if spec.unit != "wordpiece":
            groups = np.unique(batch.group_ids[i][positions])
            whole = np.isin(batch.group_ids[i], groups)
            assert whole.sum() == count  # no group in part
            sizes = np.bincount(batch.group_ids[i][batch.group_ids[i] >= 0])
            free = sizes[(sizes > 0) & ~np.isin(np.arange(len(sizes)), groups)]
            assert not len(free) or free.min() > limit[i] - count  # nothing more fits


def test_predictions_per_row_are_googles():
    spec = masking.MaskingSpec(0.15, max_predictions=20)
    lengths = np.array([5, 10, 30, 50, 128, 512])
    # round() of Python 3 is half to even: 1.5 -> 2, 4.5 -> 4, 7.5 -> 8
    assert sampling.predictions_per_row(lengths, spec).tolist() == [1, 2, 4, 8, 19, 20]


def long_run(spec, length=128, seed=3):
    unit = make_unit(np.random.default_rng(seed), documents=1500)
    batch = assemble(unit, pairs.full_pairs(unit, length, seed), length)
    return batch, mask_once(batch, spec, Ids.mask, RANDOM_IDS, seed)


@pytest.mark.parametrize("unit", selection.UNITS)
def test_shares_in_the_long_run(unit):
    batch, masked = long_run(masking.MaskingSpec(0.15, unit, max_predictions=20))
    count = masked.weights.sum()
    assert abs(count / batch.lengths.sum() - 0.15) < 0.004
    rows, ranks = np.nonzero(masked.weights)
    new, old = masked.ids[rows, masked.positions[rows, ranks]], masked.labels[rows, ranks]
    shares = [(new == Ids.mask).mean(), np.isin(new, RANDOM_IDS).mean(), (new == old).mean()]
    assert np.abs(np.array(shares) - [0.8, 0.1, 0.1]).max() < 0.006
    # every place of a row is as likely as any other
    places = masked.positions[rows, ranks]
    halves = [((places < 64) & (places > 0)).sum(), (places >= 64).sum()]
    assert abs(halves[0] / halves[1] - 1) < (0.1 if unit == "ngram" else 0.05)


def test_ngram_runs_follow_their_probabilities():
    probs = (0.4, 0.3, 0.2, 0.1)
    _, masked = long_run(masking.MaskingSpec(0.15, "ngram", probs, max_predictions=60), 512)
    shares = masked.ngrams / masked.ngrams.sum()
    # the last run of a row is shortened to what is left: the tail is a little lighter
    assert abs(shares - probs).max() < 0.04, shares
    assert (np.diff(shares) < 0).all()
    _, single = long_run(masking.MaskingSpec(0.15, "ngram", (1.0,)))
    assert single.ngrams.tolist() == [single.ngrams.sum()]


def test_ngram_runs_are_neighbouring_words_of_one_segment():
    unit = make_unit(np.random.default_rng(5), documents=40)
    batch = assemble(unit, pairs.full_pairs(unit, 64, 5), 64)
    spec = masking.MaskingSpec(0.15, "ngram", (0.0, 0.0, 0.0, 1.0), max_predictions=30)
    masked = mask_once(batch, spec, Ids.mask, RANDOM_IDS, 1)
    assert masked.ngrams[3] > 10 * masked.ngrams[:3].max() or masked.ngrams[3] > 0
    # four words at a time: far fewer, longer stretches than words drawn alone
    spec = masking.MaskingSpec(0.15, "word", max_predictions=30)
    words = mask_once(batch, spec, Ids.mask, RANDOM_IDS, 1)

    def stretches(result):
        mask = np.zeros(batch.ids.shape, bool)
        rows, ranks = np.nonzero(result.weights)
        mask[rows, result.positions[rows, ranks]] = True
        return (np.diff(mask.astype(int), axis=1) == 1).sum() / mask.sum()

    assert stretches(masked) < 0.6 * stretches(words)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"probability": 0.0}, "--masked_lm_prob must lie between 0 and 1, found 0.0"),
        ({"probability": 1.5}, "--masked_lm_prob"),
        ({"unit": "letter"}, "unknown masking unit 'letter'"),
        ({"max_predictions": 0}, "--max_predictions_per_seq must be 1 or more"),
        ({"ngram_probs": (0.5, 0.4)}, "--ngram_probs must be probabilities that add up to 1"),
        ({"ngram_probs": (1.5, -0.5)}, "--ngram_probs"),
        ({"replacement": (1.0,)}, "replacement must be the three probabilities of .*, found 1.0"),
        ({"replacement": (0.7, 0.1, 0.1, 0.1)}, "replacement must be the three probabilities"),
    ],
)
def test_bad_specifications(values, message):
    with pytest.raises(UserError, match=message):
        masking.MaskingSpec(**values)
