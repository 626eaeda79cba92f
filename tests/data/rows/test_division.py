"""Sentences longer than a row: where they are divided, and what of a text is in no row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_units import make_unit, rows_of

from data.rows import instances
from data.rows.division import divide_long_sentences


def unit_of(lines, words=None):
    """(text, unit of a piece a character); words: lengths of the words of all lines together."""
    text = "".join(lines)
    starts = np.ones(len(text), dtype=bool)
    if words:
        starts[:] = False
        starts[np.cumsum([0, *words])[:-1]] = True
    sentences = np.concatenate([[0], np.cumsum([len(line) for line in lines])])
    documents = np.array([0, len(lines)])
    return text, instances.UnitPieces(np.arange(len(text)), starts, sentences, documents)


def divided(lines, max_seq_length, words=None):
    text, unit = unit_of(lines, words)
    result, count = divide_long_sentences(text, np.arange(len(text)), unit, max_seq_length)
    borders = result.sentences.tolist()
    return [text[a:b] for a, b in zip(borders, borders[1:])], count, result


def test_a_text_without_long_sentences_stays_as_it_is():
    text, unit = unit_of(["天" * 29, "地" * 29])
    assert divide_long_sentences(text, np.arange(58), unit, 32) == (unit, 0)


def test_a_paragraph_is_divided_at_its_sentence_ends():
    line = "今天天气很好。我们去公园！你去吗？他说：“我不去。”"
    parts, count, _ = divided(["短句。不分", line, "人" * 13], 16)
    assert count == 1
    sentences = ["今天天气很好。", "我们去公园！", "你去吗？", "他说：“我不去。”"]
    assert parts == ["短句。不分", *sentences, "人" * 13]


def test_a_sentence_without_ends_is_divided_at_commas_or_evenly():
    parts, _, _ = divided(["一二三，四五六，七八九，一二三，四五六七"], 19)
    assert parts == ["一二三，", "四五六，七八九，", "一二三，四五六七"]
    parts, _, _ = divided(["天" * 100], 35)
    assert [len(part) for part in parts] == [15, 15, 14, 14, 14, 14, 14]


def test_words_stay_whole_unless_they_are_longer_than_half_a_row():
    words = [3] * 40
    _, _, unit = divided(["天" * 120], 35, words)
    assert unit.group_starts[unit.sentences[:-1]].all()
    assert unit.group_starts.sum() == 40
    _, _, unit = divided(["天" * 120], 35, [120])
    assert np.diff(unit.sentences).max() <= 16
    assert unit.group_starts.sum() == len(unit.sentences) - 1


@given(st.integers(0, 10**6), st.integers(12, 64))
def test_every_sentence_fits_and_nothing_else_changes(seed, length):
    rng = np.random.default_rng(seed)
    unit = make_unit(rng, longest_sentence=200)
    text = "".join(rng.choice(list("天地人，。 a"), len(unit.ids)))
    places = np.arange(len(text))
    result, count = divide_long_sentences(text, places, unit, length)
    assert np.diff(result.sentences).max() <= length - 3 and np.diff(result.sentences).min() > 0
    assert count == (np.diff(unit.sentences) > length - 3).sum()
    assert np.isin(unit.sentences, result.sentences).all()
    assert result.sentences[result.documents].tolist() == unit.sentences[unit.documents].tolist()
    assert result.ids is unit.ids


@given(st.sampled_from(["nsp", "order", "full"]), st.integers(0, 10**6), st.integers(8, 64))
def test_what_is_left_out_is_in_no_row(kind, seed, length):
    unit = make_unit(np.random.default_rng(seed))
    rows = rows_of(kind, unit, length, seed)
    seen = set()
    for name in ("a", "b"):
        for start, end in zip(getattr(rows, name + "_start"), getattr(rows, name + "_end")):
            seen.update(range(start, end))
    assert instances.left_out(unit, rows) == len(unit.ids) - len(seen)


def test_left_out_of_rows_with_an_order_of_their_own():
    unit = make_unit(np.random.default_rng(3))
    order = np.array([9, 8, 7, 3, 2, 1])
    at = [np.array(values) for values in ([0], [2], [4], [6])]
    rows = instances.RowRanges(*at, labels=np.array([0]), order=order)
    assert instances.left_out(unit, rows) == len(unit.ids) - 4
    none = instances.RowRanges(*(np.zeros(0, int) for _ in range(5)))
    assert instances.left_out(unit, none) == len(unit.ids)


@pytest.mark.parametrize("length", [64, 128])
def test_pairs_of_divided_sentences_hold_most_of_a_text(length):
    rng = np.random.default_rng(5)
    sizes = rng.integers(20, 40, 200)
    text, unit = unit_of(["".join("字" * (size - 1) + "。" for size in sizes)])
    before = instances.left_out(unit, rows_of("nsp", unit, length, 1))
    better, _ = divide_long_sentences(text, np.arange(len(text)), unit, length)
    after = instances.left_out(better, rows_of("nsp", better, length, 1))
    assert before > 0.9 * len(text) and after < 0.2 * len(text)
