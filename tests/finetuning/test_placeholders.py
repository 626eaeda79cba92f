"""Answers of test files that are placeholders are not scored, whatever the kind of task."""

import json

import pytest

import cmrc2018_drcd_evaluate
from common.errors import UserError
from finetuning import audit, loading, placeholders
from finetuning.features import FeatureFile
from finetuning.registry import get_task


def write(folder, content):
    """Writes dict file name -> text."""
    folder.mkdir(exist_ok=True)
    for name, text in content.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder)


def loaded(folder, name, content, wanted=("train", "test")):
    """(task, splits) as a run prepares them."""
    task, data_dir = get_task(name), write(folder, content)
    splits, _ = loading.read_splits(task, data_dir, wanted)
    task.choose_labels(None, data_dir, splits)
    loading.set_aside_placeholders(task, splits, data_dir)
    return task, splits


def told(task, splits):
    """What the log says of them."""
    features = {split: FeatureFile("f", len(splits[split]), 9, 0, False, {}) for split in splits}
    return [text for _, text in audit.describe(task, splits, features, 32)]


def objects(values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def pairs(labels):
    values = [
        {"sentence1": "天{}".format(i), "sentence2": "地", "label": label}
        for i, label in enumerate(labels)
    ]
    return objects([{k: v for k, v in value.items() if v is not None} for value in values])


def topics(labels):
    return objects([{"sentence": "天{}".format(i), "label": x} for i, x in enumerate(labels)])


def table(labels):
    return "".join("天{}\t{}\n".format(i, label) for i, label in enumerate(labels))


def tags(sentences):
    return "\n".join("".join("{} {}\n".format(*pair) for pair in s) for s in sentences)


def questions(answers):
    """CMRC's squad-style file; `answers`: for each question a list of (text, start)."""
    data = [
        {
            "paragraphs": [
                {
                    "context": "北京和天津",
                    "qas": [
                        {
                            "id": "Q{}".format(i),
                            "question": "哪里{}".format(i),
                            "answers": [{"text": t, "answer_start": s} for t, s in of_question],
                        }
                    ],
                }
            ]
        }
        for i, of_question in enumerate(answers)
    ]
    return json.dumps({"version": "v1.0", "data": data}, ensure_ascii=False)


def own_layout(answers):
    """The same in CMRC's own layout; `answers`: for each question a list of texts."""
    qas = [
        {"query_id": str(i), "query_text": "哪里{}".format(i), "answers": of_question}
        for i, of_question in enumerate(answers)
    ]
    passage = {"context_id": "1", "context_text": "北京和天津", "qas": qas, "title": "t"}
    return json.dumps([passage], ensure_ascii=False)


ENTITY = [("京", "B-LOC"), ("人", "O")]
NOTHING = [("天", "O"), ("地", "O")]
FAKE = [("FAKE_ANSWER_{}".format(n), -1) for n in (1, 2, 3)]
REAL = [[("北京", 0)], [("天津", 3)]]
EMPTY = [("", -1)]
# name -> (task, train file, test file, what the log says).
CASES = {
    "a label of the task": (
        "afqmc",
        {"train.json": pairs("0101")},
        {"test.json": pairs("0" * 12)},
        "all 12 examples of {}/test.json have the same label, '0', where {}/train.json has 2",
    ),
    "an unknown label": (
        "tnews",
        {"train.json": topics(["100", "101", "102"])},
        {"test.json": topics([-1] * 3)},
        "all 3 examples of {}/test.json have the same label, '-1', where {}/train.json has 3",
    ),
    "true everywhere": (
        "tsv",
        {"train.tsv": table(["true", "false"] * 3)},
        {"test.tsv": table(["true"] * 9)},
        "all 9 examples of {}/test.tsv have the same label, 'true', where {}/train.tsv has 2",
    ),
    "no entity": (
        "ner",
        {"train.txt": tags([ENTITY, NOTHING])},
        {"test.txt": tags([NOTHING] * 10)},
        "all 10 examples of {}/test.txt have the same entities, none, where {}/train.txt has 2",
    ),
    "fake answers": (
        "cmrc2018",
        {"train.json": questions(REAL)},
        {"test.json": questions([FAKE] * 4)},
        "4 of 4 examples of {}/test.json have an answer that no prediction can give, such as "
        "'FAKE_ANSWER_1'",
    ),
    "fake answers, numbered throughout": (
        "drcd",
        {"train.json": questions(REAL)},
        {"test.json": questions([[("FAKE_ANSWER_{}".format(n), -1)] for n in range(3)])},
        "3 of 3 examples of {}/test.json have an answer that no prediction can give, such as "
        "'FAKE_ANSWER_0'",
    ),
    "fake answers in CMRC's own layout": (
        "cmrc2018",
        {"train.json": questions(REAL)},
        {"test.json": own_layout([["FAKE_ANSWER_1"], ["FAKE_ANSWER_2"]])},
        "2 of 2 examples of {}/test.json have an answer that no prediction can give, such as "
        "'FAKE_ANSWER_1'",
    ),
    "one word of the passage": (
        "cmrc2018",
        {"train.json": questions(REAL)},
        {"test.json": questions([[("北京", 0)]] * 8)},
        "all 8 examples of {}/test.json have the same answer, '北京', where {}/train.json has 2",
    ),
    "the beginning of the passage": (
        "cmrc2018",
        {"train.json": questions(REAL)},
        {"test.json": questions([[("北京"[: 1 + i % 2], 0)] for i in range(8)])},
        "all 8 examples of {}/test.json have the same answer_start, '0', where {}/train.json has 2",
    ),
    "unanswerable throughout": (
        "cjrc",
        {"train.json": questions([*REAL, [("YES", -1)]])},
        {"test.json": questions([EMPTY] * 8)},
        "all 8 examples of {}/test.json have the same answer, '', where {}/train.json has 3",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_placeholders_are_not_scored(tmp_path, case):
    name, train, test, message = CASES[case]
    task, splits = loaded(tmp_path / "d", name, dict(train, **test))
    folder = str(tmp_path / "d")
    assert splits["test"].doubt.startswith(message.format(folder, folder))
    assert not any(map(task.is_labelled, splits["test"]))
    assert all(map(task.is_labelled, splits["train"])) and splits["train"].doubt is None
    lines = [line for line in told(task, splits) if "no score, no test_scores.txt" in line]
    assert len(lines) == 1 and lines[0].startswith("test: " + splits["test"].doubt)
    assert "as dev file with --do_eval" in lines[0]


SCORED = {
    "few examples": ("tsv", {"train.tsv": table("0101")}, {"test.tsv": table("000000")}),
    "the usual label": (
        "tsv",
        {"train.tsv": table(["0"] * 99 + ["1"])},
        {"test.tsv": table("0" * 40)},
    ),
    "one label in training": ("afqmc", {"train.json": pairs("00")}, {"test.json": pairs("0" * 20)}),
    "few entities": (
        "ner",
        {"train.txt": tags([NOTHING] * 9 + [ENTITY])},
        {"test.txt": tags([NOTHING] * 9)},
    ),
    "some answers in other words": (
        "cmrc2018",
        {"train.json": questions(REAL)},
        {"test.json": questions([[("京城", 0)], [("北京", 0)], [("天津", 3)]])},
    ),
    "yes": (
        "cjrc",
        {"train.json": questions([*REAL, [("YES", -1)]])},
        {"test.json": questions([[("YES", -1)]] * 3)},
    ),
}


@pytest.mark.parametrize("case", SCORED)
def test_answers_stay_answers(tmp_path, case):
    name, train, test = SCORED[case]
    task, splits = loaded(tmp_path / "d", name, dict(train, **test))
    assert splits["test"].doubt is None and all(map(task.is_labelled, splits["test"]))


def test_a_run_that_only_predicts_looks_at_the_training_examples(tmp_path):
    """Its verdict is that of the run that trained."""
    usual = {"train.json": pairs("0" * 99 + "1"), "test.json": pairs("0" * 40)}
    _, splits = loaded(tmp_path / "usual", "afqmc", usual, ["test"])
    assert splits["test"].doubt is None
    secret = dict(usual, **{"train.json": pairs("01")})
    _, splits = loaded(tmp_path / "secret", "afqmc", secret, ["test"])
    assert "where {}/train.json has 2".format(tmp_path / "secret") in splits["test"].doubt
    _, splits = loaded(tmp_path / "alone", "afqmc", {"test.json": pairs("0" * 40)}, ["test"])
    assert splits["test"].doubt.endswith("have the same label, '0'")


def test_labels_that_mean_none_keep_their_examples_in_a_test_file(tmp_path):
    """Elsewhere they are skipped: the annotators did not agree."""
    content = {"dev.json": pairs(["-", "neutral"]), "test.json": pairs("-" * 3)}
    task, splits = loaded(tmp_path / "d", "ocnli", content, ["dev", "test"])
    assert [example.label for example in splits["test"]] == [None] * 3
    assert splits["test"].mended == {"labels -, now none": 3} and not splits["test"].skipped
    assert splits["dev"].skipped == {"labels -": 1}
    where = splits["test"][0].where
    line = "test: 3 of 3 examples have no label (the first: {}): no score".format(where)
    assert line in told(task, splits)


def test_dev_examples(tmp_path):
    """They choose the best checkpoint: equal labels are a warning, impossible answers refused."""
    content = {"train.json": pairs("01"), "dev.json": pairs("1" * 9)}
    task, splits = loaded(tmp_path / "d", "afqmc", content, ["train", "dev"])
    assert all(map(task.is_labelled, splits["dev"]))
    line = "dev: {}; if these are placeholders, the figures mean nothing".format(
        splits["dev"].doubt
    )
    assert line in told(task, splits)
    content = {"train.json": questions(REAL), "dev.json": questions([FAKE] * 2)}
    with pytest.raises(UserError, match="'FAKE_ANSWER_1'; these are placeholders, give examples"):
        loaded(tmp_path / "q", "cmrc2018", content, ["train", "dev"])


def test_partly_labelled_test_files_are_named(tmp_path):
    content = {"train.json": pairs("01"), "test.json": pairs(["0", None, "1"])}
    task, splits = loaded(tmp_path / "d", "afqmc", content)
    assert "test: 1 of 3 examples have no label (the first: {}/test.json, line 2): no score".format(
        tmp_path / "d"
    ) in told(task, splits)


def test_chance_decides():
    """The rule by hand: a constant that chance makes in less than one of a hundred files."""
    parts = [{"label": "0"}] * 7
    assert placeholders.fault(parts[:6], [True] * 6, "f") is None  # 1 / 64
    assert placeholders.fault(parts, [True] * 7, "f") is not None  # 1 / 128
    known = [{"label": "0"}] * 9 + [{"label": "1"}]
    assert placeholders.fault(parts, [True] * 7, "f", known, "g") is None  # 0.48
    assert placeholders.fault(parts * 7, [True] * 49, "f", known, "g") is not None  # 0.006


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (questions([FAKE] * 3), "have an answer that no prediction can give, such as 'FAKE_ANSWER"),
        (own_layout([["FAKE_ANSWER_1"]] * 3), "have an answer that no prediction can give"),
        (questions([EMPTY] * 3), "gold.json has no answer to compare with"),
        (questions([[]] * 3), "gold.json has no answer to compare with"),
        (questions([[("北京", 0)]] * 8), "have the same answer, '北京'"),
    ],
)
def test_the_scorer_refuses_them_alike(tmp_path, capsys, content, message):
    folder = write(tmp_path / "d", {"gold.json": content, "preds.json": '{"Q0": "北京"}'})
    with pytest.raises(UserError, match=message):
        cmrc2018_drcd_evaluate.main([folder + "/gold.json", folder + "/preds.json"])
    assert capsys.readouterr().out == ""
