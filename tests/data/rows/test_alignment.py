"""Word groups against a plain reading of the rule, over random texts and random words."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.rows import alignment
from data.tokenizers.wordpiece import Pieces


@st.composite
def cut_texts(draw):
    """Pieces and words over one text, each a cut of its own; pieces may leave gaps (blanks)."""
    length = draw(st.integers(1, 30))
    piece_cuts = sorted(draw(st.sets(st.integers(1, length - 1))) if length > 1 else [])
    word_cuts = sorted(draw(st.sets(st.integers(1, length - 1))) if length > 1 else [])
    spans = list(zip([0, *piece_cuts], [*piece_cuts, length]))
    kept = [span for span in spans if draw(st.integers(0, 5))] or spans[:1]
    firsts = sorted(draw(st.sets(st.integers(1, len(kept)))) - {len(kept)})
    return length, kept, word_cuts, [0, *firsts]


def expected_starts(length, spans, word_cuts, firsts, bad):
    """The rule, piece by piece: (group starts, broken words, sentences with a loose piece)."""
    word_of = [sum(cut <= at for cut in word_cuts) for at in range(length)]
    sentence_of = [sum(first <= i for first in firsts) - 1 for i in range(len(spans))]
    broken = set()
    for start, end in spans:
        if word_of[start] != word_of[end - 1]:
            broken.update(range(word_of[start], word_of[end - 1] + 1))
    loose = [
        word_of[s] in broken or word_of[e - 1] in broken or bad[sentence_of[i]]
        for i, (s, e) in enumerate(spans)
    ]
    starts = []
    for i, (start, _) in enumerate(spans):
        new_word = i == 0 or word_of[start] != word_of[spans[i - 1][1] - 1]
        new_sentence = i in firsts
        starts.append(new_word or new_sentence or loose[i] or loose[i - 1])
    return starts, len(broken), len({sentence_of[i] for i in range(len(spans)) if loose[i]})


@given(cut_texts(), st.integers(0, 2**30))
@settings(max_examples=400, deadline=None)
def test_groups_are_words_and_what_crosses_is_loose(cut, bits):
    length, spans, word_cuts, firsts = cut
    starts, ends = (np.array(x, dtype=np.int32) for x in zip(*spans))
    pieces = Pieces(np.zeros(len(spans), np.int32), starts, ends, np.zeros(len(spans), bool))
    marks = np.zeros(length, dtype=bool)
    marks[[0, *word_cuts]] = True
    bad = np.array([bits >> i & 7 == 7 for i in range(len(firsts))])
    groups = alignment.word_groups(pieces, marks, np.array(firsts), bad)
    expected, broken, sentences = expected_starts(length, spans, word_cuts, firsts, bad)
    assert groups.starts.tolist() == expected
    assert groups.unaligned_words == broken
    assert groups.unaligned_sentences == sentences


def test_without_words_continued_pieces_join_the_one_before():
    continuation = np.array([False, True, True, False, True, False])
    zeros = np.zeros(6, dtype=np.int32)
    pieces = Pieces(zeros, zeros, zeros + 1, continuation)
    groups = alignment.wordpiece_groups(pieces, np.array([0, 4]))
    # the fifth piece begins a sentence: nothing reaches over a sentence border
    assert groups.starts.tolist() == [True, False, False, True, True, True]


def test_a_word_of_any_length_is_one_group():
    count = 300
    starts = np.arange(count, dtype=np.int32)
    pieces = Pieces(starts, starts, starts + 1, np.zeros(count, bool))
    marks = np.zeros(count, dtype=bool)
    marks[[0, 7, 290]] = True
    groups = alignment.word_groups(pieces, marks, np.array([0]), np.array([False]))
    assert np.flatnonzero(groups.starts).tolist() == [0, 7, 290]
    assert groups.unaligned_words == 0
