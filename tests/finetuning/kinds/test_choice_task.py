"""Questions with choices: their rows, exclusive answers, scores and files."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary
from finetuning.examples import Examples
from finetuning.features import write_features
from finetuning.kinds import choice_rows
from finetuning.kinds.choices import ChoicePrediction, exclusive
from finetuning.layouts.choices import ChoiceExample, Question
from finetuning.registry import get_task

LETTERS = "甲乙丙丁戊己庚辛壬癸"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("choices") / "vocab.txt"
    tokens = [*SPECIAL_TOKENS, "[unused1]", *LETTERS]
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return Vocabulary(str(path)).make_tokenizer(do_lower_case=True)


def shown(tokenizer, row):
    return "".join(tokenizer.vocabulary.tokens[i] for i in row.input_ids)


def test_rows_of_passages(tokenizer):
    question = Question(0, ("甲乙丙丁戊", "己庚"), ("辛", "壬癸"), 1)
    rows = choice_rows.passage_rows(question, tokenizer, 20)
    assert [shown(tokenizer, row) for row in rows] == [
        "[CLS]甲乙丙丁戊[SEP]己庚[SEP]辛[SEP]",
        "[CLS]甲乙丙丁戊[SEP]己庚[SEP]壬癸[SEP]",
    ]
    assert rows[0].segment_ids == [0] * 7 + [1] * 5 and not rows[0].is_truncated
    cut = choice_rows.passage_rows(question, tokenizer, 10)
    assert shown(tokenizer, cut[0]) == "[CLS]甲乙丙[SEP]己庚[SEP]辛[SEP]"
    assert shown(tokenizer, cut[1]) == "[CLS]甲乙[SEP]己庚[SEP]壬癸[SEP]"
    assert cut[0].is_truncated and cut[1].is_truncated


@given(st.lists(st.integers(0, 12), min_size=3, max_size=3), st.integers(0, 30))
def test_the_longest_list_loses_its_end(lengths, room):
    """As a loop that takes one piece at a time does, the first of equals first."""
    expected = list(lengths)
    while sum(expected) > room:
        expected[expected.index(max(expected))] -= 1
    assert choice_rows._shares(lengths, room) == expected


def test_rows_of_blanks(tokenizer):
    text = "甲乙#idiom1#丙丁#idiom2#戊己"
    question = Question("#idiom1#", (text, "#idiom1#"), ("庚辛壬癸", "庚"), None)
    rows = choice_rows.cloze_rows(question, tokenizer, 30)
    masks = "[MASK]" * 4
    # As many pieces stay as the window had: another blank grows, the end of the text gives way.
    assert shown(tokenizer, rows[0]) == (
        "[CLS]庚辛壬癸[SEP]甲乙[unused1]丙丁" + masks[:18] + "[SEP]"
    )
    assert shown(tokenizer, rows[1]).startswith("[CLS]庚[SEP]甲乙[unused1]")
    assert rows[0].segment_ids == [0] * len(rows[0].input_ids)
    second = Question("#idiom2#", (text, "#idiom2#"), ("庚辛壬癸",), None)
    (row,) = choice_rows.cloze_rows(second, tokenizer, 12)
    assert shown(tokenizer, row) == "[CLS]庚辛壬癸[SEP]丙丁[unused1]戊己[SEP]"
    assert row.is_truncated
    with pytest.raises(UserError, match="--max_seq_length=8 has no room for text beside an idiom"):
        choice_rows.cloze_rows(second, tokenizer, 8)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
def test_windows_around_a_blank(left, right, room):
    """Nothing is left out while there is room, and no side is longer than it must be."""
    pieces = list(range(left + 1 + right))
    start, place, end = choice_rows._around(pieces, left, room)
    before, after = place - start, end - place - 1
    assert place == left and before + after == min(room, left + right)
    assert before == left or after == right or before == room // 2


def test_rows_of_causes(tokenizer):
    for asked, expected in (("cause", "[CLS]乙[SEP]甲[SEP]"), ("effect", "[CLS]甲[SEP]乙[SEP]")):
        question = Question(0, ("甲", asked), ("乙", "丙"), 0)
        rows = choice_rows.cause_rows(question, tokenizer, 16)
        assert shown(tokenizer, rows[0]) == expected and rows[0].segment_ids == [0, 0, 0, 1, 1]


@given(st.integers(1, 5), st.integers(1, 4), st.randoms(use_true_random=False))
def test_exclusive_choices(questions, choices, random):
    """Against a search that takes the best free pair again and again."""
    scores = [[random.random() for _ in range(choices)] for _ in range(questions)]
    expected, taken = {}, set()
    for _ in range(min(questions, choices)):
        free = itertools.product(set(range(questions)) - set(expected), set(range(choices)) - taken)
        question, choice = max(free, key=lambda pair: scores[pair[0]][pair[1]])
        expected[question] = choice
        taken.add(choice)
    for question in set(range(questions)) - set(expected):
        expected[question] = int(np.argmax(scores[question]))
    assert exclusive([np.array(s) for s in scores]) == [expected[q] for q in range(questions)]


def two_questions(answers=(0, 1)):
    choices = tuple("甲乙丙")
    questions = [
        Question(blank, ("丁" + blank, blank), choices, answer)
        for blank, answer in zip(("#idiom0#", "#idiom1#"), answers)
    ]
    return Examples([ChoiceExample(tuple(questions), "x, line 1")], path="test1.0.json")


def test_answers_scores_and_files(tmp_path):
    task, examples = get_task("chid"), two_questions()
    padded = np.full(7, -9999.0)
    outputs = [
        {"choice_scores": np.concatenate([scores, padded])}
        for scores in ([2.0, 1.5, 0.0], [3.0, 1.0, 0.5])
    ]
    prediction = task.decode(examples[0], None, outputs)
    assert prediction.chosen == (1, 0)
    assert [len(p) for p in prediction.probabilities] == [3, 3]
    np.testing.assert_allclose([p.sum() for p in prediction.probabilities], 1.0)
    assert task.score(examples, [prediction]) == {"eval_accuracy": 0.0}
    right = ChoicePrediction((0, 0), prediction.probabilities)
    assert task.score(examples, [right], "test") == {"test_accuracy": 0.5}
    names = task.save_predictions(str(tmp_path), "test", examples, [prediction])
    assert names == ["test_choices.jsonl", "chid10_predict.json"]
    assert json.loads((tmp_path / names[1]).read_text()) == {"#idiom0#": 1, "#idiom1#": 0}
    lines = (tmp_path / names[0]).read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    assert (first["id"], first["label"], first["choice"]) == ("#idiom0#", 1, "乙")
    assert task.save_predictions(str(tmp_path), "dev", examples, [right]) == ["dev_choices.jsonl"]


def test_submission_of_c3(tmp_path):
    questions = [Question(n, ("甲", "乙"), ("丙", "丁"), None) for n in (5, 7)]
    examples = [ChoiceExample((question,), "x") for question in questions]
    predictions = [ChoicePrediction((n,), [np.array([0.5, 0.5])]) for n in (1, 0)]
    for path, name in (("a/test1.1.json", "c311"), ("a/d-test.json, a/m-test.json", "c310")):
        of_file = Examples(examples, path=path)
        names = get_task("c3").save_predictions(str(tmp_path), "test", of_file, predictions)
        assert names[1] == name + "_predict.json"
        lines = (tmp_path / names[1]).read_text().splitlines()
        assert lines == ['{"id": 5, "label": 1}', '{"id": 7, "label": 0}']


def test_records_hold_a_text_for_each_choice(tmp_path, tokenizer):
    """Padded to the most choices; nothing of a missing choice."""
    import tensorflow.compat.v1 as tf

    task, examples = get_task("c3"), Examples(path="x")
    question = Question(0, ("甲乙", "丙"), ("丁", "戊己"), 1)
    examples.append(ChoiceExample((question,), "x"))
    task.choose_labels(None, "", {})
    path = str(tmp_path / "x.tf_record")
    assert write_features(path, task, examples, tokenizer, 10).rows == 1
    (record,) = tf.python_io.tf_record_iterator(path)
    features = tf.train.Example.FromString(record).features.feature
    values = {n: np.array(features[n].int64_list.value) for n in task.feature_names}
    assert values["label_ids"].tolist() == [1]
    ids, masks = (values[n].reshape(4, 10) for n in ("input_ids", "input_mask"))
    assert masks.sum(axis=1).tolist() == [8, 9, 0, 0] and not ids[2:].any()
    rows = choice_rows.passage_rows(question, tokenizer, 10)
    assert ids[1, :9].tolist() == rows[1].input_ids


def test_notes_and_refusals(tokenizer):
    task = get_task("chid")
    (note,) = task.notes("dev", two_questions())
    assert note == (False, "dev: 2 questions, choices: 2 of 3")
    with pytest.raises(UserError, match="the answers of task chid are its choices; remove it"):
        task.choose_labels(["a", "b"], "", {})
    empty = Examples([ChoiceExample((Question(0, ("", ""), ("",), 0),), "x")], path="dev.json")
    assert (True, "dev: 3 texts or choices are empty") in get_task("c3").notes("dev", empty)
