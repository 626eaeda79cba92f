"""Permutations: properties over random units, and a slow reference in plain Python."""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_units import Ids, assemble, make_unit, rows_of
from scipy import stats

from common.errors import UserError
from data.rows import pairs
from data.rows.corruptions import sampling, selection
from data.rows.corruptions.corruption import Tokens
from data.rows.corruptions.permutation import Permutation, PermutationSpec
from data.rows.row_features import numbered_in_row

tf.disable_v2_behavior()

# No piece may be put in: what is drawn from has none.
TOKENS = Tokens(Ids.mask, np.zeros(0, np.int32))
# Chance of a false alarm for each figure, were the seeds not fixed.
ALARM = 1e-4

specs = st.builds(
    PermutationSpec,
    probability=st.floats(0.05, 0.5),
    unit=st.sampled_from(selection.UNITS),
    max_predictions=st.integers(1, 24),
    permuted_share=st.floats(0.05, 1.0),
)


def shuffled_row(ids, slots, chances, keys, share):
    """The row by the paper's sentences: of the chosen tokens, those with a chance below the share
    are shuffled, which is, sorted by keys; the others stay. Lists, nothing vectorised.

    Returns:
      (ids, label of each slot: where its token sits now).
    """
    joining = [n for n in range(len(slots)) if chances[n] < share]
    order = sorted(range(len(joining)), key=lambda n: (keys[n], n))
    ids, labels, before = list(ids), list(slots), list(ids)
    for n, at in enumerate(joining):
        target = slots[joining[order[n]]]
        ids[target] = before[slots[at]]
        labels[at] = target
    return ids, labels


class Recorder:
    """A numpy Generator that keeps what it drew last."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def random(self, *arguments):
        self.chances = self._rng.random(*arguments)
        return self.chances

    def integers(self, *arguments, **more):
        self.keys = self._rng.integers(*arguments, **more)
        return self.keys


@functools.lru_cache(maxsize=None)
def full_rows(length, documents):
    unit = make_unit(np.random.default_rng(3), documents=documents)
    return assemble(unit, pairs.full_pairs(unit, length, "seed"), length)


def check_rows(batch, spec, ids, positions, labels, weights):
    """What holds of every permutation, whatever was drawn."""
    limit = sampling.predictions_per_row(batch.lengths, spec)
    assert (ids != Ids.mask).all()
    for i, original in enumerate(batch.ids):
        count = int(weights[i].sum())
        assert 0 <= count <= limit[i]
        assert weights[i].tolist() == [1.0] * count + [0.0] * (spec.max_predictions - count)
        assert not positions[i, count:].any() and not labels[i, count:].any()
        slots, places = positions[i, :count], labels[i, :count]
        assert (np.diff(slots) > 0).all() and (batch.group_ids[i][slots] >= 0).all()
        # Labels are the slots in another order, and undo the change.
        assert sorted(places) == list(slots)
        assert (ids[i][places] == original[slots]).all()
        elsewhere = np.setdiff1d(np.arange(len(original)), slots)
        assert (ids[i][elsewhere] == original[elsewhere]).all()
        if spec.unit != "wordpiece":
            whole = np.isin(batch.group_ids[i], batch.group_ids[i][slots])
            assert whole.sum() == count  # no word in part


def permute_once(batch, spec, rng):
    drawn = Permutation(spec).corrupt(batch, TOKENS, rng)
    return (
        drawn.ids,
        *(drawn.targets["permuted_" + n] for n in ("positions", "labels", "weights")),
    )


def draw(batch, spec, uniform):
    """The same by the sampler of the input pipeline; `uniform`: see Corruption.draw."""
    mask = np.arange(batch.ids.shape[1])[None, :] < batch.lengths[:, None]
    features = {
        "input_ids": batch.ids,
        "input_mask": mask.astype(np.int32),
        "segment_ids": batch.segment_ids,
        "word_groups": numbered_in_row(batch.group_ids).astype(np.int32),
    }
    with tf.Graph().as_default(), tf.Session() as session:
        constants = {name: tf.constant(value) for name, value in features.items()}
        ids, targets = session.run(Permutation(spec).draw(constants, TOKENS, uniform))
    return (ids, *(targets["permuted_" + n] for n in ("positions", "labels", "weights")))


def seeded(seed):
    return lambda shape, purpose: tf.random.stateless_uniform(shape, [seed, purpose])


@given(st.sampled_from(["nsp", "order", "full"]), specs, st.integers(0, 10**6), st.integers(8, 64))
@settings(max_examples=60, deadline=None)
def test_chosen_pieces_change_places_and_nothing_else_changes(kind, spec, seed, length):
    unit = make_unit(np.random.default_rng(seed))
    rows = rows_of(kind, unit, length, seed)
    assume(len(rows.labels))
    batch = assemble(unit, rows, length)
    check_rows(batch, spec, *permute_once(batch, spec, np.random.default_rng(seed)))


@pytest.mark.parametrize("unit", selection.UNITS)
@pytest.mark.parametrize("length", [16, 48])
def test_the_same_of_permutations_drawn_in_training(unit, length):
    batch = full_rows(length, 60)
    spec = PermutationSpec(0.2, unit, max_predictions=7, permuted_share=0.8)
    check_rows(batch, spec, *draw(batch, spec, seeded(7)))


def test_rows_equal_those_of_the_reference_for_the_same_draws():
    """1,000 rows of the sampler of records, and as many of the input pipeline's."""
    batch, spec = full_rows(48, 900), PermutationSpec(0.15, "ngram", max_predictions=8)
    assert len(batch.ids) >= 1000
    recorder = Recorder(5)
    ids, positions, labels, weights = permute_once(batch, spec, recorder)
    chances = iter(recorder.chances)
    for i, count in enumerate(weights.sum(axis=1).astype(int)):
        own = [next(chances) for _ in range(count)]
        row = shuffled_row(batch.ids[i], positions[i, :count], own, recorder.keys[i], 0.9)
        assert (ids[i].tolist(), labels[i, :count].tolist()) == row

    rng, pinned = np.random.default_rng(6), {}

    def uniform(shape, purpose):
        if purpose < 2:  # of the choice
            return seeded(1)(shape, purpose)
        pinned[purpose] = rng.random(batch.ids.shape[:1] + (8,)).astype(np.float32)
        return tf.constant(pinned[purpose])

    ids, positions, labels, weights = draw(batch, spec, uniform)
    for i, count in enumerate(weights.sum(axis=1).astype(int)):
        own = pinned[2][i, :count]
        keys = [key for key, chance in zip(pinned[3][i], own) if chance < np.float32(0.9)]
        row = shuffled_row(batch.ids[i], positions[i, :count], own, keys, np.float32(0.9))
        assert (ids[i].tolist(), labels[i, :count].tolist()) == row


def rows_by_the_paper(batch, rng, times):
    """Places and labels of rows made by the paper's sentences alone: words and runs of words until
    15 % of the tokens are chosen (single words where a run does not fit), 90 % of them shuffled."""
    for words in times * [_words(row) for row in batch.group_ids]:
        left, taken = round(0.15 * int(batch.lengths[0])), set()
        places = list(range(len(words)))
        rng.shuffle(places)
        for single in (False, True):
            wanted = None
            for first in places:
                size = (
                    1
                    if single
                    else wanted or 1 + int(np.searchsorted([0.4, 0.7, 0.9], rng.random(), "right"))
                )
                wanted = size
                run = [n for n in range(first, min(first + size, len(words))) if n not in taken]
                if len(run) < size or not left:
                    continue
                while run and sum(len(words[n]) for n in run) > left:
                    run.pop()
                if run:
                    taken.update(run)
                    left -= sum(len(words[n]) for n in run)
                    wanted = None
        slots = sorted(at for n in taken for at in words[n])
        chances, keys = rng.random(len(slots)), rng.random(len(slots))
        yield slots, shuffled_row(range(999), slots, chances, keys, 0.9)[1]


def _words(groups):
    return [np.flatnonzero(groups == n).tolist() for n in np.unique(groups[groups >= 0])]


def figures(rows):
    """Counts of rows by chosen tokens, of slots by how far their token went, and of stretches of
    chosen tokens by length, of (slots, labels) of rows."""
    counts, moves, stretches = np.zeros(12, int), np.zeros(6, int), np.zeros(11, int)
    for slots, labels in rows:
        counts[len(slots)] += 1
        far = np.abs(np.array(labels, int) - np.array(slots, int))
        np.add.at(moves, np.digitize(far, [1, 2, 5, 10, 20]), 1)
        edges = np.flatnonzero(np.diff(np.concatenate([[-9], slots, [999]])) > 1)
        np.add.at(stretches, np.diff(edges) - 1, 1)
    return counts, moves, stretches


def test_distributions_are_those_of_the_paper():
    """Two-sample chi-square of 1,000 rows and more against a reference that shares no code."""
    unit = make_unit(np.random.default_rng(4), documents=900, longest_sentence=20)
    unit = unit._replace(sentences=np.array([0, len(unit.ids)]), documents=np.array([0, 1]))
    batch = assemble(unit, pairs.full_pairs(unit, 64, "seed"), 64)
    whole = batch.lengths == 64
    batch = batch._replace(
        **{
            n: getattr(batch, n)[whole][:500]
            for n in ("ids", "segment_ids", "group_ids", "lengths", "labels")
        }
    )
    spec = PermutationSpec(0.15, "ngram", max_predictions=10)
    expected = figures(rows_by_the_paper(batch, np.random.default_rng(1), 4))
    rng = np.random.default_rng(2)
    static = [permute_once(batch, spec, rng) for _ in range(4)]
    dynamic = [draw(batch, spec, seeded(seed)) for seed in range(4)]
    for samples in (static, dynamic):
        found = figures(
            (places[: int(real.sum())], labels[: int(real.sum())])
            for _, *sample in samples
            for places, labels, real in zip(*sample)
        )
        for ours, theirs in zip(found, expected):
            table = np.array([ours, theirs])
            rare = table.sum(axis=0) < 20
            table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
            table = table[:, table.sum(axis=0) > 0]
            assert table.shape[1] == 1 or stats.chi2_contingency(table)[1] > ALARM, table


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_shares_in_the_long_run(share):
    """15 % of the tokens are chosen; a chosen one stays with 1 - share, or because the shuffle left
    it: a shuffle of n leaves one of them in its place on average."""
    unit = make_unit(np.random.default_rng(3), documents=1500)
    batch = assemble(unit, pairs.full_pairs(unit, 128, 3), 128)
    spec = PermutationSpec(permuted_share=share)
    _, positions, labels, weights = permute_once(batch, spec, np.random.default_rng(3))
    counts = weights.sum(axis=1)
    assert abs(counts.sum() / batch.lengths.sum() - 0.15) < 0.004
    kept = ((positions == labels) & (weights > 0)).sum()
    shuffled_rows = (1 - (1 - share) ** counts).sum()
    expected = (1 - share) * counts.sum() + shuffled_rows
    assert abs(kept - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_bad_shares(share):
    with pytest.raises(UserError, match="permuted_share must be above 0 and at most 1, found"):
        PermutationSpec(permuted_share=share)
