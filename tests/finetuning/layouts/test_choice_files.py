"""Files of C3, CHID and COPA, made up in the layouts that CLUE describes."""

import json

import pytest

from common.errors import UserError
from finetuning.registry import get_task

QUESTION = {"question": "谁来了？", "choice": ["甲", "乙 ", "丙"], "answer": "乙"}


def write(path, value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_both_files_of_c3(tmp_path):
    """Dialogues and other passages; a question may have fewer than four choices."""
    other = dict(QUESTION, answer="丁", choice=["丁", "戊"])
    write(tmp_path / "c3-d-train.json", [[["女：好。", "男：坏。"], [QUESTION, other], "d-1"]])
    write(tmp_path / "c3-m-train.json", [[["一段。"], [dict(other, answer="己")], "m-1"]])
    write(tmp_path / "d-dev.json", [[["一段。"], [dict(QUESTION, id=7)], "d-2"]])
    write(
        tmp_path / "test1.1.json", [[["一段。"], [{"question": "问", "choice": ["甲"], "id": 9}]]]
    )
    task = get_task("c3")
    with pytest.raises(UserError, match=r"c3-m-train.json holds no example \(skipped: 1 questions"):
        task.read(str(tmp_path), "train")
    write(tmp_path / "c3-m-train.json", [[["一段。"], [dict(other, answer="己"), QUESTION], "m"]])
    train = task.read(str(tmp_path), "train")
    assert [example.questions[0].answer for example in train] == [1, 0, 1]
    assert train[0].questions[0].texts == ("女：好。\n男：坏。", "谁来了？")
    assert train[0].questions[0].choices == ("甲", "乙", "丙")
    assert train.skipped == {"questions whose answer is none of the choices": 1}
    assert train.path == "{0}/c3-d-train.json, {0}/c3-m-train.json".format(tmp_path)
    assert train[2].where == "{}/c3-m-train.json, passage 0, question 1".format(tmp_path)
    assert [example.questions[0].id for example in task.read(str(tmp_path), "dev")] == [7]
    test = task.read(str(tmp_path), "test")
    assert not task.is_labelled(test[0]) and task.is_labelled(train[0])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "is no list of passages"),
        ([[["a"]]], "passage 0 is no list of sentences, questions and an id"),
        ([["a", [], "x"]], "passage 0 is no list of sentences"),
        ([[["a"], ["b"], "x"]], "passage 0: its questions must be a list of objects"),
        ([[["a"], [{"question": "b"}], "x"]], "passage 0, question 0 has no 'choice'"),
        ([[["a"], [{"question": "b", "choice": []}], "x"]], "question 0 has no choice"),
        ([[["a"], [dict(QUESTION, choice=list("abcde"), answer="a")]]], "5 choices; questions of"),
        ([], "holds no example"),
        ("[", "is not JSON"),
    ],
)
def test_wrong_c3(tmp_path, value, message):
    write(tmp_path / "dev.json", value)
    with pytest.raises(UserError, match=message) as raised:
        get_task("c3").read(str(tmp_path), "dev")
    assert str(tmp_path / "dev.json") in str(raised.value)


CHID = {"content": ["他#idiom000001#，又#idiom000002#。", "“她”——#idiom000003#…"]}
CHID["candidates"] = ["一日千里", "百花齐放", "日新月异"]


def test_chid(tmp_path):
    """The blanks of a line are one example; answers lie in a file of their own, in two forms."""
    write(tmp_path / "train.json", lines(CHID, {"content": ["无"], "candidates": ["a"]}))
    blanks = ["#idiom000001#", "#idiom000002#", "#idiom000003#"]
    write(tmp_path / "train_answer.json", {blank: n for n, blank in enumerate(blanks)})
    task = get_task("CHID")
    (example,) = train = task.read(str(tmp_path), "train")
    assert [question.answer for question in example.questions] == [0, 1, 2]
    assert example.questions[0].id == "#idiom000001#"
    assert example.questions[2].texts == ('"她"--#idiom000003#...', "#idiom000003#")
    assert train.skipped == {"lines without a blank": 1}
    write(tmp_path / "dev.json", lines(CHID))
    write(tmp_path / "dev_answer.csv", "#idiom000001#,2\n#idiom000002#,0\n\n#idiom000003#,1\n")
    (example,) = task.read(str(tmp_path), "dev")
    assert [question.answer for question in example.questions] == [2, 0, 1]
    write(tmp_path / "test1.1.json", lines(CHID))
    assert not task.is_labelled(task.read(str(tmp_path), "test")[0])


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"#idiom000001#": 1}, "#idiom000002# has no answer in"),
        ({"#idiom000001#": 3}, "#idiom000001# has the answer 3 in .*, and 3 candidates"),
        ({"#idiom000001#": "1"}, "is no object of blanks and numbers"),
        ("#idiom000001#;1\n", "line 1: '#idiom000001#;1' is no blank with a number"),
    ],
)
def test_wrong_answers(tmp_path, answers, message):
    write(tmp_path / "dev.json", lines(CHID))
    write(tmp_path / "dev_answer.json", answers)
    with pytest.raises(UserError, match=message):
        get_task("chid").read(str(tmp_path), "dev")


def test_copa(tmp_path):
    row = {"premise": "他笑了", "choice0": "他高兴", "choice1": "下雨", "question": "cause"}
    write(tmp_path / "dev.json", lines(dict(row, label=0), dict(row, question="effect", label="1")))
    task = get_task("copa")
    first, second = task.read(str(tmp_path), "dev")
    assert first.questions[0][1:] == (("他笑了", "cause"), ("他高兴", "下雨"), 0)
    assert second.questions[0].answer == 1
    write(tmp_path / "dev.json", lines(dict(row, question="why")))
    with pytest.raises(UserError, match="line 1: question is 'why', but must be cause or effect"):
        task.read(str(tmp_path), "dev")
    write(tmp_path / "dev.json", lines(dict(row, label=2)))
    with pytest.raises(UserError, match="line 1: label is '2', but must be 0 or 1"):
        task.read(str(tmp_path), "dev")
