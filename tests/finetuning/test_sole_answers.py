"""Predictions that all say the same: what a model that has learned nothing often gives."""

import types

import numpy as np
import pytest

from finetuning.examples import Example, Examples
from finetuning.kinds.classification import ClassificationTask
from finetuning.kinds.multi_label import MultiLabelTask
from finetuning.kinds.spans import Span
from finetuning.kinds.tagging import Tagged, TaggingTask
from finetuning.layouts.tagging import TaggedExample
from finetuning.registry import get_task
from finetuning.task_split import TaskSplit

pytestmark = pytest.mark.tf1


def split_of(task, examples):
    return TaskSplit(task, "dev", Examples(examples, "dev.tsv"), None, None, (None, 8), False)


def test_classes():
    task = ClassificationTask("t", labels=["good", "bad"])
    examples = [Example("x", None, ["good", "bad"][i % 2], "f") for i in range(10)]
    same, other = np.float32([0.4, 0.6]), np.float32([0.6, 0.4])
    assert split_of(task, examples).sole_answer([same] * 10) == "bad"
    assert split_of(task, examples).sole_answer([same] * 9 + [other]) is None
    # Nine may well be equal; and examples that all are of one class are no reason to worry.
    assert split_of(task, examples[:9]).sole_answer([same] * 9) is None
    assert split_of(task, examples[1::2] * 2).sole_answer([same] * 10) is None
    unlabelled = [e._replace(label=None) for e in examples]
    assert split_of(task, unlabelled).sole_answer([same] * 10) == "bad"


def test_labels_of_which_a_text_may_have_any_number():
    task = MultiLabelTask("t", labels=["a", "b", "c"])
    examples = [Example("x", None, (("a",), ())[i % 2], "f") for i in range(10)]
    for row, said in (([0.9, 0.1, 0.6], "a, c"), ([0.1, 0.1, 0.1], "no label")):
        assert split_of(task, examples).sole_answer([np.float32(row)] * 10) == said
    mixed = [np.float32([0.9, 0.1, 0.1]), np.float32([0.1, 0.1, 0.9])] * 5
    assert split_of(task, examples).sole_answer(mixed) is None


def test_tags():
    task = TaggingTask("t", types=["PER"])
    spans = [(Span(0, 1, "PER"),), ()]
    examples = [TaggedExample(("天", "地"), spans[i % 2], "f", None) for i in range(10)]
    outside = Tagged(["O", "O"], [], [])
    assert split_of(task, examples).sole_answer([outside] * 10) == "O"
    one = Tagged(["B-PER", "O"], [Span(0, 1, "PER")], [1.0])
    assert split_of(task, examples).sole_answer([outside] * 9 + [one]) is None


def test_answers_to_questions_are_no_classes():
    split = types.SimpleNamespace(task=get_task("cmrc2018"), is_labelled=False)
    assert TaskSplit.sole_answer(split, ["同"] * 10) is None
