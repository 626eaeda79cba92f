"""Scores of entities: precision, recall and F1 of all, of each type, and their mean."""

import pytest
from hypothesis import given, settings
from tag_sequences import any_tags, scored_sentences

from finetuning.kinds.spans import Span, spans_of_tags
from finetuning.scoring.entities import score_entities


@settings(max_examples=60, deadline=None)
@given(sentences=scored_sentences(any_tags("BIES", ("PER", "LOC"), 12)))
def test_scores_are_seqevals(sentences):
    """Over all entities, each type, and the mean over types."""
    metrics = pytest.importorskip("seqeval.metrics")
    expected, predicted = sentences
    scores = score_entities(
        [spans_of_tags(tags)[0] for tags in expected],
        [spans_of_tags(tags)[0] for tags in predicted],
    )
    if not scores.types:
        assert scores.micro == scores.macro == (0, 0, 0, 0)
        return
    report = metrics.classification_report(expected, predicted, output_dict=True, zero_division=0)
    rows = dict(scores.types, **{"micro avg": scores.micro, "macro avg": scores.macro})
    assert set(rows) == set(report) - {"weighted avg"}
    for name, score in rows.items():
        row = report[name]
        values = [row[key] for key in ("precision", "recall", "f1-score", "support")]
        assert list(score) == pytest.approx(values)


def test_scores_by_hand():
    """2 of 3 entities found among 4: P 1/2, R 2/3, F1 4/7; a wrong type or border is wrong."""
    one = [Span(0, 2, "P"), Span(3, 4, "P"), Span(5, 6, "L")]
    other = [Span(0, 2, "P"), Span(3, 5, "P"), Span(5, 6, "L"), Span(7, 8, "L"), Span(7, 8, "L")]
    scores = score_entities([one], [other])
    assert scores.micro == (pytest.approx(1 / 2), pytest.approx(2 / 3), pytest.approx(4 / 7), 3)
    assert scores.types["P"] == (1 / 2, 1 / 2, 1 / 2, 2)
    assert scores.types["L"] == (1 / 2, 1, pytest.approx(2 / 3), 1)
    assert scores.macro.f1 == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert score_entities([[]], [[]]).micro.f1 == 0
    with pytest.raises(ValueError, match="1 sentences, 2 predicted"):
        score_entities([[]], [[], []])
