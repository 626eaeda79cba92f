"""Pairs of segments over random units, and the rows that are assembled of them."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_units import Ids, assemble, make_unit, rows_of

from data.rows import instances, pairs

kinds = st.sampled_from(["nsp", "order", "full"])


@given(kinds, st.integers(0, 10**6), st.integers(8, 64))
@settings(max_examples=200, deadline=None)
def test_rows_are_pairs_of_whole_groups_that_fit(kind, seed, length):
    unit = make_unit(np.random.default_rng(seed))
    rows = rows_of(kind, unit, length, seed)
    assert (rows.a_end > rows.a_start).all() and (rows.b_end > rows.b_start).all()
    total = rows.a_end - rows.a_start + rows.b_end - rows.b_start
    assert (total <= length - 3).all()
    if length >= 20:  # a segment is cut to half a row at the least: two whole words of four fit
        border = np.append(unit.group_starts, True)
        for name in ("a_start", "b_start", "a_end", "b_end"):
            assert border[getattr(rows, name)].all()
    same_rows = rows_of(kind, unit, length, seed)
    assert all((x == y).all() for x, y in zip(rows[:5], same_rows[:5]))


@given(kinds, st.integers(0, 10**6), st.integers(8, 64))
@settings(max_examples=150, deadline=None)
def test_layout_is_cls_a_sep_b_sep(kind, seed, length):
    unit = make_unit(np.random.default_rng(seed))
    rows = rows_of(kind, unit, length, seed)
    assume(len(rows.labels))
    batch = assemble(unit, rows, length)
    for i in range(len(rows.labels)):
        a = unit.ids[rows.a_start[i] : rows.a_end[i]].tolist()
        b = unit.ids[rows.b_start[i] : rows.b_end[i]].tolist()
        row = [Ids.cls, *a, Ids.sep, *b, Ids.sep]
        padding = length - len(row)
        assert batch.ids[i].tolist() == row + [Ids.pad] * padding
        expected = [0] * (len(a) + 2) + [1] * (len(b) + 1) + [0] * padding
        assert batch.segment_ids[i].tolist() == expected
        assert batch.lengths[i] == len(row)
        text = batch.ids[i] >= 5000
        assert ((batch.group_ids[i] >= 0) == text).all()
        number = np.cumsum(unit.group_starts) - 1
        assert (batch.group_ids[i][text] == number[batch.ids[i][text] - 5000]).all()


def test_nsp_labels_say_whether_the_second_segment_follows():
    unit = make_unit(np.random.default_rng(1), documents=200)
    rows = pairs.nsp_pairs(unit, 512, 0.0, "seed")
    document = np.searchsorted(unit.sentences[unit.documents], np.arange(len(unit.ids)), "right")
    follows = rows.b_start == rows.a_end
    assert (follows == (rows.labels == 0)).all()
    other = document[rows.a_start] != document[rows.b_start]
    assert other[rows.labels == 1].all()
    assert 0.4 < rows.labels.mean() < 0.75  # one-sentence chunks always take a random second


def test_full_rows_are_full_and_leave_nothing_out():
    unit = make_unit(np.random.default_rng(2), documents=100)
    rows = pairs.full_pairs(unit, 64, "seed")
    assert (rows.a_end == rows.b_start).all()
    assert (rows.a_start[1:] == rows.b_end[:-1]).all()
    lengths = rows.b_end - rows.a_start
    assert (lengths[:-1] > 61 - 4).all()  # room for no further whole word
    assert rows.a_start[0] == 0 and rows.b_end[-1] >= len(unit.ids) - 4
    firsts = unit.sentences[unit.documents[:-1]]
    crossing = [((firsts > a) & (firsts < e)).any() for a, e in zip(rows.a_start, rows.b_end)]
    at_border = np.isin(rows.b_start, firsts)
    assert (at_border == np.array(crossing)).all()


def test_truncation_takes_from_the_longer_segment_at_both_ends():
    rng = np.random.default_rng(0)
    count = 4000
    unit = instances.UnitPieces(
        np.arange(100, dtype=np.int32), np.ones(100, bool), np.array([0, 100]), np.array([0, 1])
    )
    full = np.ones(count, dtype=np.int64)
    rows = instances.RowRanges(full * 0, full * 60, full * 60, full * 80, full * 0)
    cut = pairs._cut_to_length(unit, rows, 50, rng)
    assert (cut.a_end - cut.a_start == 30).all() and (cut.b_end - cut.b_start == 20).all()
    # 30 pieces leave the first segment, each from either end with probability 1/2
    assert abs(cut.a_start.mean() - 15) < 0.3 and cut.a_start.std() > 2
    cut = pairs._cut_to_length(unit, rows, 31, rng)
    assert (cut.a_end - cut.a_start == 16).all()  # equal lengths: the second gives first
    assert (cut.b_end - cut.b_start == 15).all()
