"""Spans of entities, and the tags that stand for them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tag_sequences import any_tags

from common.errors import UserError
from finetuning.kinds.spans import (
    SCHEMES,
    Span,
    spans_of_tags,
    tag_names,
    tags_of_spans,
    without_overlaps,
)

TYPES = ("PER", "LOC", "ORG.NAM")
LENGTH = 12
spans_anywhere = st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 4), st.sampled_from(TYPES)).map(
        lambda s: Span(s[0], min(LENGTH, s[0] + s[1]), s[2])
    ),
    max_size=8,
)
tags_anywhere = any_tags("BIES", TYPES[:2], LENGTH)


@settings(max_examples=300, deadline=None)
@given(spans=spans_anywhere, scheme=st.sampled_from(SCHEMES))
def test_spans_survive_tags(spans, scheme):
    spans, _ = without_overlaps(spans)
    tags = tags_of_spans(spans, LENGTH, scheme)
    assert len(tags) == LENGTH and set(tags) <= set(tag_names(TYPES, scheme))
    assert spans_of_tags(tags) == (spans, 0)


@pytest.mark.tf2_15
@settings(max_examples=200, deadline=None)
@given(tags=tags_anywhere)
def test_tags_mean_what_seqeval_reads(tags):
    """Whatever the tags, well-formed or not."""
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")
    expected = [Span(start, last + 1, kind) for kind, start, last in seqeval.get_entities(tags)]
    spans, _ = spans_of_tags(tags)
    assert spans == expected
    again = tags_of_spans(spans, len(tags), "BIOES")
    assert spans_of_tags(again) == (spans, 0)


def test_tags_of_other_authors():
    assert spans_of_tags(["B-P", "M-P", "E-P", "O", "S-P", "W-P", "U-L", "B-L", "L-L"]) == (
        [Span(0, 3, "P"), Span(4, 5, "P"), Span(5, 6, "P"), Span(6, 7, "L"), Span(7, 9, "L")],
        0,
    )
    assert spans_of_tags(["I-P", "I-P", "I-L", "O", "E-P"]) == (
        [Span(0, 2, "P"), Span(2, 3, "L"), Span(4, 5, "P")],
        3,
    )
    assert tag_names(["P"]) == ["O", "B-P", "I-P"]
    assert tag_names(["P"], "BIOES") == ["O", "B-P", "I-P", "E-P", "S-P"]
    for wrong in ("B", "X-P", "B-", "o", "-P", ""):
        with pytest.raises(UserError, match=r"f, line 3: .* is no tag; O, or B, I, E, S"):
            spans_of_tags(["O", wrong], "f, line 3")


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 0, "P")], "is not in a sentence"),
        ([Span(-1, 1, "P")], "is not in a sentence"),
        ([Span(2, 4, "P")], "is not in a sentence of 3 tokens"),
        ([Span(0, 2, "P"), Span(1, 3, "P")], "overlaps"),
    ],
)
def test_wrong_spans(spans, message):
    with pytest.raises(ValueError, match=message):
        tags_of_spans(spans, 3)
    with pytest.raises(ValueError, match="no scheme 'BILOU'"):
        tags_of_spans([], 3, "BILOU")


@settings(max_examples=200, deadline=None)
@given(spans=spans_anywhere)
def test_overlaps_are_left_out(spans):
    kept, left_out = without_overlaps(spans)
    assert len(kept) + left_out == len(spans)
    assert all(a.end <= b.start for a, b in zip(kept, kept[1:]))
    for span in spans:
        rivals = [s for s in kept if s.start < span.end and span.start < s.end]
        assert span in kept or any(s.end - s.start >= span.end - span.start for s in rivals)
