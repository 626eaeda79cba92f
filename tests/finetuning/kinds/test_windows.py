"""Windows over passages that are longer than a row, and answers in them."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from data.tokenizers.wordpiece import Vocabulary
from finetuning.kinds import windows
from finetuning.layouts.squad import read_questions, with_places

plans = st.tuples(
    st.integers(0, 200), st.integers(1, 40), st.integers(1, 60), st.integers(1, 40)
).filter(lambda plan: plan[1] >= plan[3])


@settings(max_examples=200, deadline=None)
@given(plan=plans)
def test_every_answer_is_in_some_window(plan):
    num_pieces, room, stride, longest = plan
    cut = windows.make_windows(*plan)
    assert cut[0].start == 0 and cut[-1].end == num_pieces
    assert all(0 < w.end - w.start <= room for w in cut) or num_pieces == 0
    for first in range(num_pieces):
        last = min(num_pieces, first + longest) - 1
        assert any(windows.place_in(window, first, last) for window in cut)
    if stride + longest <= room + 1:  # google-research/bert's own places
        assert all(b.start - a.start == stride for a, b in zip(cut, cut[1:]))


@settings(max_examples=60, deadline=None)
@given(plan=plans)
def test_most_context(plan):
    """Each piece is scored in one window only, and in none has it more on its poorer side."""
    num_pieces = plan[0]
    cut = windows.make_windows(*plan)
    chosen = windows.most_context(cut, num_pieces)
    assert chosen.shape == (num_pieces,)
    for piece in range(num_pieces):
        scores = [
            min(piece - w.start, w.end - 1 - piece) + 0.01 * (w.end - w.start)
            if w.start <= piece < w.end
            else -1
            for w in cut
        ]
        assert scores[chosen[piece]] == pytest.approx(max(scores))
        assert chosen[piece] == next(i for i, s in enumerate(scores) if s >= max(scores) - 1e-12)


def test_no_room_for_an_answer():
    with pytest.raises(UserError, match=r"room for 9 pieces .* may have 10; raise --max_seq_leng"):
        windows.make_windows(20, 9, 5, 10)
    with pytest.raises(UserError, match="room for 0 pieces"):
        windows.make_windows(20, -3, 5, 10)
    assert windows.make_windows(0, 9, 5, 9) == [(0, 0)]


def test_pieces_by_characters():
    offsets = np.array([[0, 1], [1, 2], [3, 7], [7, 9]])  # a blank at 2, words of 4 and 2
    assert windows.pieces_of(offsets, 0, 2) == (0, 1)
    assert windows.pieces_of(offsets, 1, 4) == (1, 2)
    assert windows.pieces_of(offsets, 8, 9) == (3, 3)
    assert windows.pieces_of(offsets, 2, 3) is None and windows.pieces_of(offsets, 9, 12) is None
    assert windows.text_of("王二 bert模型", offsets, 1, 2) == "二 bert"
    assert windows.text_of("cafe\u0301s", np.array([[0, 4], [5, 6]]), 0, 0) == "cafe\u0301"
    assert windows.place_in(windows.Window(4, 8), 4, 7) == (0, 3)
    assert windows.place_in(windows.Window(4, 8), 3, 5) is None
    assert windows.place_in(windows.Window(4, 8), 5, 8) is None


def test_answers_of_a_file_by_pieces(shared):
    """Cut from the passage by the pieces' characters, an answer is whole and in some window."""
    vocabulary = Vocabulary(os.path.join(shared, "datasets", "vocab", "vocab.txt"))
    tokenizer = vocabulary.make_tokenizer(True)
    path = os.path.join(shared, "datasets", "cmrc2018/squad-style-data/cmrc2018_trial.json")
    exact = total = 0
    pieces_of_passage = {}
    for example in with_places(read_questions(path)):
        if example.context not in pieces_of_passage:
            pieces = tokenizer.tokenize(example.context)
            pieces_of_passage[example.context] = np.stack([pieces.starts, pieces.ends], axis=1)
        offsets = pieces_of_passage[example.context]
        text, start = example.answers[0]
        first, last = windows.pieces_of(offsets, start, start + len(text))
        cut = windows.text_of(example.context, offsets, first, last)
        assert text.strip() in cut and cut in example.context
        exact, total = exact + (cut == text), total + 1
        length = last - first + 1
        overlapping = windows.make_windows(len(offsets), 64 + length, 48, length)
        assert any(windows.place_in(window, first, last) for window in overlapping)
    assert total == 1002 and exact > 0.99 * total
