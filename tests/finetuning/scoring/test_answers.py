"""Reading comprehension: figures of answers, and files for scorers."""

import json

import pytest
from made_questions import asked

from finetuning.kinds.questions import Prediction, QuestionTask
from finetuning.layouts.squad import SPAN, UNANSWERABLE, YES
from finetuning.registry import get_task
from finetuning.scoring import cjrc


def answered(*texts):
    return [Prediction(text, SPAN, 0.0, None, None, []) for text in texts]


def test_scores_by_hand():
    examples = [
        asked("", ("甲乙丙", 0), ("丁", 0), identity="1"),
        asked("", ("甲乙", 0), identity="2"),
    ]
    figures = QuestionTask("q").score(examples, answered("丁。", "甲丙"), "test")
    f1 = (1 + 0.5) / 2
    assert figures == {
        "test_em": 0.5,
        "test_f1": pytest.approx(f1),
        "test_average": pytest.approx((0.5 + f1) / 2),
    }
    assert QuestionTask.metric == "eval_average"


def test_scores_of_groups():
    task = get_task("cjrc")
    examples = [
        asked("", ("甲乙", 0), identity="1", group="civil"),
        asked("", ("", None), identity="2", group="civil", kind=UNANSWERABLE),
        asked("", ("YES", None), identity="3", group="criminal", kind=YES),
    ]
    figures = task.score(examples, answered("乙", "", "NO"))
    f1 = 2 / 3
    expected = {"eval_em": 1 / 3, "eval_f1": (f1 + 1) / 3, "eval_average": (f1 + 2) / 6}
    expected.update(eval_civil_em=0.5, eval_civil_f1=(f1 + 1) / 2)
    expected.update(eval_criminal_em=0.0, eval_criminal_f1=0.0)
    assert figures == pytest.approx(expected)


@pytest.mark.parametrize(
    ("references", "text", "exact", "f1"),
    [
        (["800元"], "800元。", 1, 1),
        (["A 1-b"], "a1B", 1, 1),
        (["甲乙丙"], "丙甲丁", 0, 2 * (2 / 3) * (2 / 3) / (4 / 3)),
        ([""], "", 1, 1),
        ([""], "甲", 0, 0),
        (["甲"], "，", 0, 0),
        # Without the first the best of the others is half right (1 of 1, 1 of 3 characters).
        (["甲", "乙", "甲乙丙"], "甲", 2 / 3, (0.5 + 1 + 1) / 3),
    ],
)
def test_cjrcs_rule(references, text, exact, f1):
    scores = cjrc.score_answers({"1": references, "2": ["甲"]}, {"1": text})
    assert scores.exact == pytest.approx(exact / 2) and scores.f1 == pytest.approx(f1 / 2)
    assert (scores.total, scores.missing) == (2, ["2"])


def test_no_question_is_no_score():
    for references in ({}, {"1": []}):
        with pytest.raises(ValueError, match="needs a reference"):
            cjrc.score_answers(references, {})


def test_cjrcs_scorer_wants_a_list(tmp_path):
    task = get_task("cjrc")
    examples = [asked("", ("YES", None), kind=YES, identity="1_1")]
    predictions = [Prediction("YES", YES, 0.0, None, None, [])]
    task.save_predictions(str(tmp_path), "test", examples, predictions)
    content = (tmp_path / "cjrc_test_result.json").read_text(encoding="utf-8")
    assert json.loads(content) == [{"id": "1_1", "answer": "YES"}]
