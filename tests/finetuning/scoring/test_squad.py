"""Scores of answers in English, against transformers' copy of SQuAD's official scorer."""

import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetuning.scoring import squad

WORDS = st.lists(
    st.sampled_from(
        ["the", "A", "an", "cat", "Cat", "dog.", "U.S.", "it's", "ant", "—", "3,5", ""]
    ),
    max_size=5,
).map(" ".join)


def test_by_hand():
    scores = squad.score_answers(
        {"1": ["The cat sat.", "a dog"], "2": [""], "3": ["one two three"]},
        {"1": "cat  sat", "2": "", "3": "two THREE four"},
    )
    assert scores.exact == pytest.approx(2 / 3)
    assert scores.f1 == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert squad.plain(" The U.S. is an area, isn't it? ") == "us is area isnt it"


@given(st.lists(WORDS, min_size=1, max_size=3), WORDS)
def test_as_the_official_scorer(references, prediction):
    metrics = pytest.importorskip("transformers.data.metrics.squad_metrics")
    scores = squad.score_answers({"1": references}, {"1": prediction})
    kept = [text for text in references if metrics.normalize_answer(text)] or [""]
    assert scores.exact == max(metrics.compute_exact(text, prediction) for text in kept)
    assert scores.f1 == pytest.approx(max(metrics.compute_f1(text, prediction) for text in kept))


def test_words_count_as_often_as_they_occur():
    shared = collections.Counter(["b", "b", "c"]) & collections.Counter(["b", "c", "c"])
    scores = squad.score_answers({"1": ["b b c"]}, {"1": "b c c"})
    assert scores.f1 == pytest.approx(2 * sum(shared.values()) / 6)
