"""Machine reading comprehension: files, the scorer and its script."""

import collections
import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmrc2018_drcd_evaluate
from common.errors import UserError
from finetuning.layouts import squad
from finetuning.layouts.squad import Answer, read_questions, with_places
from finetuning.scoring.answers import best_f1, is_exact, score_answers, units, words_of

# File -> what is mended, skipped and noted of it, counted otherwise.
FILES = {
    "cmrc2018/squad-style-data/cmrc2018_train.json": ({squad.FOUND_ELSEWHERE: 6}, {}, {}),
    "cmrc2018/squad-style-data/cmrc2018_dev.json": (
        {squad.FOUND_ELSEWHERE: 7},
        {},
        {squad.NOT_THERE: 128},
    ),
    "cmrc2018/squad-style-data/cmrc2018_trial.json": ({squad.FOUND_ELSEWHERE: 5}, {}, {}),
    "cmrc2018/data/cmrc2018_dev.json": (
        {squad.NUMBERS: 2},
        {},
        {squad.SEVERAL_PLACES: 125, squad.NOT_THERE: 50},
    ),
    "cmrc2018/data/cmrc2018_trial.json": ({}, {}, {squad.SEVERAL_PLACES: 77}),
    "drcd/DRCD_dev.json": ({}, {}, {}),
    "drcd/DRCD_test.json": ({}, {}, {}),
    "cjrc/small_train_data_excerpt.json": ({}, {}, {}),
    "cjrc/cail2021_mrc_small.json": ({}, {squad.SEVERAL_PARTS: 80}, {}),
}


def raw_questions(path):
    """(id, passage, answers as the file has them) of a file, by hand."""
    with open(path, encoding="utf-8") as reader:
        values = json.load(reader)
    if isinstance(values, list):
        for passage in values:
            for question in passage["qas"]:
                answers = [{"text": str(text)} for text in question["answers"]]
                yield question["query_id"], passage["context_text"], answers
        return
    for article in values["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                yield str(question["id"]), paragraph["context"], question["answers"]


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_is_read(shared, name):
    path = os.path.join(shared, "datasets", name)
    examples = read_questions(path)
    assert (examples.mended, examples.skipped, examples.noted) == FILES[name]
    expected = {
        identity: (passage, answers)
        for identity, passage, answers in raw_questions(path)
        if not any(isinstance(answer, list) for answer in answers)
    }
    assert [e.id for e in examples] == list(expected)
    for example in examples:
        passage, answers = expected[example.id]
        assert example.context == passage
        assert [a.text for a in example.answers] == [a["text"] for a in answers] or not answers
        for answer in example.answers:
            if answer.start is None:
                assert answer.text in ("YES", "NO", "") or answer.text not in passage
            else:
                assert answer.text and passage.startswith(answer.text, answer.start)
    assert len(with_places(examples)) == len(examples)


def test_kinds_of_the_law_files(shared):
    path = os.path.join(shared, "datasets", "cjrc", "small_train_data_excerpt.json")
    examples = read_questions(path)
    kinds = collections.Counter(e.kind for e in examples)
    assert kinds == {"span": 215, "yes": 32, "no": 10, "unanswerable": 18}
    assert {e.group for e in examples} == {"civil"}


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return str(path)


def squad_file(path, *questions, **more):
    paragraph = dict({"context": "王二在北京，王二走了。", "qas": list(questions)}, **more)
    return write(path, {"data": [{"paragraphs": [paragraph]}]})


def question(identity, *answers, **more):
    texts = [{"text": text, "answer_start": start} for text, start in answers]
    return dict({"id": identity, "question": "谁？", "answers": texts}, **more)


def test_answers_are_placed(tmp_path):
    path = squad_file(
        tmp_path / "q.json",
        question("right", ("王二", 6)),
        question("near the second", ("王二", 5)),
        question("near the first", ("王二", 2), ("走", 8)),
        question("before", ("北京", -1)),
        question("not there", ("上海", 0), ("北京", 3)),
        question("a number", (1965.0, -1)),
        question("yes", ("YES", -1), ("NO", -1)),
        question("nothing", is_impossible="true"),
        question("nothing said", is_impossible=False),
        question("empty", ("", -1), is_impossible="false"),
    )
    by_id = {e.id: e for e in read_questions(path)}
    starts = {name: [a.start for a in e.answers] for name, e in by_id.items()}
    assert starts["right"] == [6] and starts["near the second"] == [6]
    assert starts["near the first"] == [0, 8] and starts["before"] == [3]
    assert starts["not there"] == [None, 3] and starts["a number"] == [None]
    assert by_id["a number"].answers == (Answer("1965.0", None),)
    assert by_id["nothing"].answers == (Answer("", None),)
    kinds = {name: e.kind for name, e in by_id.items()}
    assert (kinds["yes"], kinds["nothing"]) == (squad.YES, squad.UNANSWERABLE)
    assert kinds["nothing said"] == kinds["empty"] == squad.UNANSWERABLE
    assert kinds["not there"] == squad.SPAN
    assert by_id["right"].where == "{}, question right".format(path)
    examples = read_questions(path)
    assert examples.mended == {squad.FOUND_ELSEWHERE: 3, squad.NUMBERS: 1}
    assert examples.noted == {squad.NOT_THERE: 2}
    trained = with_places(examples)
    assert {e.id for e in examples} - {e.id for e in trained} == {"not there", "a number"}
    assert trained.skipped == {squad.NO_PLACE: 2} and trained.mended == examples.mended


def test_cmrcs_own_layout(tmp_path):
    questions = [
        {"query_text": "谁？", "query_id": "a", "answers": ["王二", 7]},
        {"query_text": "哪？", "query_id": "b"},
    ]
    passage = {"context_id": "p", "context_text": "王二和王二。", "qas": questions, "title": "t"}
    path = tmp_path / "c.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps([passage]).encode("ascii"))
    examples = read_questions(str(path))
    assert [(e.id, e.answers, e.kind) for e in examples] == [
        ("a", (Answer("王二", 0), Answer("7", None)), squad.SPAN),
        ("b", (), None),
    ]
    assert examples.mended == {"byte order mark": 1, squad.NUMBERS: 1}
    assert examples.noted == {squad.SEVERAL_PLACES: 1, squad.NOT_THERE: 1}
    assert with_places(examples).skipped == {"questions without an answer": 1}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": 1}, 'q.json is neither an object with a list "data" nor a list of passages'),
        ({"data": []}, "q.json holds no example"),
        ({"data": [7]}, r"q.json, data\[0\] is no object"),
        ({"data": [{"paragraphs": [{}]}]}, r"data\[0\].paragraphs\[0\] has no 'context'"),
        ([{"context_text": "a", "qas": [{}]}], r"\[0\].qas\[0\] has no 'query_id'"),
        ([{"context_text": "a"}], r"\[0\] has no 'qas'"),
    ],
)
def test_wrong_files(tmp_path, value, message):
    with pytest.raises(UserError, match=message):
        read_questions(write(tmp_path / "q.json", value))


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([question("a", ("王", 0)), question("a", ("王", 0))], "question 'a' occurs twice"),
        ([question("a", ("王", "0"))], r"question a: 'answer_start' is '0', but must be a whole"),
        ([question("a", (None, 0))], r"question a: 'text' is None, but must be a text"),
        ([question("a", is_impossible="maybe")], "is_impossible is maybe, but must be true or"),
        ([question(None)], "'id' is None, but must be a text or a number"),
        ([dict(question("a"), answers=["x"])], "question a: an answer is 'x', no object"),
        ([dict(question("a"), answers="x")], "'answers' is 'x', but must be a list"),
        ([question("a", ("上海", 0))], r"holds no example \(skipped: 1 questions whose first"),
    ],
)
def test_wrong_questions(tmp_path, questions, message):
    with pytest.raises(UserError, match=message):
        with_places(read_questions(squad_file(tmp_path / "q.json", *questions)))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*none.json: No such file"):
        read_questions(str(tmp_path / "none.json"))
    path = tmp_path / "q.json"
    path.write_bytes(b'{"data":\n[\n"' + "王".encode("gb18030") + b'"]}')
    with pytest.raises(UserError, match=r"q.json, line 3 is not UTF-8; mend the line, or convert"):
        read_questions(str(path))
    path.write_text("{")
    with pytest.raises(UserError, match=r"q.json, line 1 is not JSON: "):
        read_questions(str(path))


# The scorer.
MARKS = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"


def f1_by_definition(reference, prediction):
    """Units by one expression, the longest common run by trying all: for words of letters."""

    def cut(text):
        text = "".join(c for c in text.lower().strip() if c not in MARKS)
        return re.findall("[\u4e00-\u9fa5]|[^\u4e00-\u9fa5\\s]+", text)

    one, other = cut(reference), cut(prediction)
    runs = {tuple(one[i:j]) for i in range(len(one)) for j in range(i + 1, len(one) + 1)}
    others = {tuple(other[i:j]) for i in range(len(other)) for j in range(i + 1, len(other) + 1)}
    longest = max(map(len, runs & others), default=0)
    if not longest:
        return 0.0
    precision, recall = longest / len(other), longest / len(one)
    return 2 * precision * recall / (precision + recall)


answer_texts = st.text(alphabet="北京上海ab A，。-《》：", max_size=10)


@settings(max_examples=200, deadline=None)
@given(references=st.lists(answer_texts, min_size=1, max_size=3), prediction=answer_texts)
def test_scores_follow_the_definition(references, prediction):
    expected = max(f1_by_definition(reference, prediction) for reference in references)
    assert best_f1(references, prediction) == pytest.approx(expected)
    plain = [re.sub("[" + re.escape(MARKS) + "]", "", t.lower().strip()) for t in references]
    of_prediction = re.sub("[" + re.escape(MARKS) + "]", "", prediction.lower().strip())
    assert is_exact(references, prediction) == (of_prediction in plain)


def test_scores_by_hand():
    assert best_f1(["北京市"], "北京") == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert best_f1(["北京和上海"], "北京上海") == pytest.approx(
        2 * (2 / 4) * (2 / 5) / (2 / 4 + 2 / 5)
    )
    assert best_f1(["上海", "BERT模型"], "bert 模型") == 1.0
    assert is_exact(["《红楼梦》"], "红楼梦") and is_exact(["A", "ＢC"], "a")
    assert not is_exact(["红楼梦…"], "红楼梦")  # the dots of an ellipsis count
    assert best_f1([""], "") == 0.0 and is_exact([""], "，")
    scores = score_answers({"a": ["北京"], "b": ["上海"], "c": ["天"]}, {"a": "北京", "c": "地"})
    assert scores == (pytest.approx(1 / 3), pytest.approx(1 / 3), 3, ["b"])
    for wrong in ({}, {"a": []}):
        with pytest.raises(ValueError, match="every question needs a reference"):
            score_answers(wrong, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("good muffins cost $3.88 in new york.", "good muffins cost $ 3.88 in new york ."),
        ("please buy me, two of them.", "please buy me , two of them ."),
        ("they'll save and invest more.", "they 'll save and invest more ."),
        ("i can't say i'm john's, or isn't", "i ca n't say i 'm john 's , or is n't"),
        ("1,000 (or 2)? [yes]!", "1,000 ( or 2 ) ? [ yes ] !"),
        ('say "hi", then ""', "say `` hi '' , then `` ''"),
        ("henry a. walsh jr.", "henry a. walsh jr ."),
        ("wait... what; a&b 5% #1 @x", "wait ... what ; a & b 5 % # 1 @ x"),
        ("we cannot, gonna try", "we can not , gon na try"),
        ("the u.s. (e.g.)", "the u.s. ( e.g . )"),
        ("  ", ""),
    ],
)
def test_english_words(text, words):
    """As NLTK's word tokenizer cuts them (3.8.1)."""
    assert words_of(text) == words.split()
    assert units("北" + text + "京") == ["北", *units(text), "京"]


def test_the_script(tmp_path, run_script):
    gold = squad_file(
        tmp_path / "dev.json",
        question("a", ("王二", 0), ("北京", 3)),
        question("b", ("北京", 3)),
        question(7, ("走了", 8)),
    )
    predictions = write(tmp_path / "preds.json", {"a": "《北京》", "b": "在北京", "x": "y"})
    done = run_script("cmrc2018_drcd_evaluate.py {} {}".format(gold, predictions))
    assert (done.returncode, done.stderr) == (0, "Unanswered question: 7\n")
    f1 = 100 * (1 + 2 * (2 / 3) / (1 + 2 / 3)) / 3
    assert (
        done.stdout
        == json.dumps(
            {
                "AVERAGE": "{:.3f}".format((100 / 3 + f1) / 2),
                "F1": "{:.3f}".format(f1),
                "EM": "33.333",
                "TOTAL": 3,
                "SKIP": 1,
                "FILE": predictions,
            }
        )
        + "\n"
    )
    done = run_script("cmrc2018_drcd_evaluate.py " + gold)
    assert done.returncode == 1 and done.stderr.startswith("error: two files are expected: ")


@pytest.mark.parametrize("name", ["cmrc2018/data/cmrc2018_trial.json", "drcd/DRCD_test.json"])
def test_first_references_score_everything(shared, capsys, tmp_path, name):
    path = os.path.join(shared, "datasets", name)
    answers = {identity: references[0]["text"] for identity, _, references in raw_questions(path)}
    cmrc2018_drcd_evaluate.main([path, write(tmp_path / "p.json", answers)])
    result = json.loads(capsys.readouterr().out)
    assert (result["F1"], result["EM"], result["SKIP"]) == ("100.000", "100.000", 0)
    assert result["TOTAL"] == len(answers)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (["x"], "p.json is no object of question ids and answers"),
        ({"a": ["x"]}, r"p.json: the answer to 'a' is \['x'\], but must be a text"),
    ],
)
def test_wrong_predictions(tmp_path, predictions, message):
    gold = squad_file(tmp_path / "g.json", question("a", ("王二", 0)))
    with pytest.raises(UserError, match=message):
        cmrc2018_drcd_evaluate.main([gold, write(tmp_path / "p.json", predictions)])
    with pytest.raises(UserError, match=r"cannot read .*none.json"):
        cmrc2018_drcd_evaluate.main([gold, str(tmp_path / "none.json")])
    bare = squad_file(tmp_path / "b.json", {"id": "a", "question": "谁？"})
    with pytest.raises(UserError, match=r"b.json, question a has no answer to compare with"):
        cmrc2018_drcd_evaluate.main([bare, str(tmp_path / "p.json")])
