"""run_prediction.py --task=answer: models that are trained here, from files to answers."""

import json
import random
import re
import shutil

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from record_files import write_json

from common.errors import UserError
from modeling.conversion.huggingface import write_checkpoint
from prediction.answer import Answer, read_question
from prediction.lines import Line

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"甲乙丙丁戊己庚辛，。哪？", "ab", "##c"]
CONFIG = {
    "vocab_size": len(TOKENS),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
    "initializer_range": 0.1,
}
# Only here are 丙 and 丁, so that one layer learns in a few steps where answers begin and end.
ANSWERS = ("丙丁", "丙 abc丁")
FOLDERS = {"bert": "cmrc2018", "electra": "cjrc"}


def questions(count, seed, has_kinds):
    """A file of questions on passages, most of them longer than a row."""
    drawn = random.Random(seed)
    paragraphs = []
    for number in range(count):
        words = drawn.choices([*"甲乙戊己庚辛，。", "ab ", "abc"], k=drawn.randint(5, 60))
        at = drawn.randint(0, len(words))
        before, after = "".join(words[:at]), "".join(words[at:])
        text = drawn.choice(ANSWERS)
        answers = [{"text": text, "answer_start": len(before)}]
        if has_kinds and number % 4:
            answers = [{"text": ("YES", "NO", "")[number % 4 - 1], "answer_start": -1}]
        entry = {"id": str(number), "question": "哪？", "answers": answers}
        paragraphs.append({"context": before + text + after, "qas": [entry]})
    return {"data": [{"domain": "civil", "paragraphs": paragraphs}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """For a network of each kind the files of a task and a model that was trained on them."""
    path = tmp_path_factory.mktemp("answer")
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    electra = dict(CONFIG, embedding_size=12)
    write_json(path / "bert.json", CONFIG)
    write_json(path / "electra.json", electra)
    lines = []
    for network, task in FOLDERS.items():
        (path / task).mkdir()
        for seed, (split, count) in enumerate((("train", 300), ("test", 12))):
            content = questions(count, seed, has_kinds=task == "cjrc")
            write_json(path / task / (split + ".json"), content)
        values = {
            "task_name": task,
            "data_dir": path / task,
            "vocab_file": path / "vocab.txt",
            "bert_config_file": path / (network + ".json"),
            "output_dir": path / (network + "_model"),
            "max_seq_length": 40,
            "max_answer_length": 6,
            "doc_stride": 8,
            "train_batch_size": 32,
            "learning_rate": 0.01,
            "num_train_epochs": 2,
        }
        if network == "electra":
            values.update(num_train_epochs=0.5, beam_size=7)
        lines.append(["--do_train", "--do_predict"] + flags_of(values))
    for code, out, err in script_driver.run_many("run_finetuning", lines):
        assert code == 0, out + err
    return path


def flags_of(values):
    return ["--{}={}".format(*item) for item in values.items() if item[1] is not None]


def predicting(folder, network="bert", **changes):
    """The command line of a run."""
    values = {
        "task": "answer",
        "bert_config_file": folder / (network + ".json"),
        "vocab_file": folder / "vocab.txt",
        "init_checkpoint": folder / (network + "_model"),
    }
    values.update(changes)
    return flags_of(values)


def asked(folder, network):
    """The questions of a test file as lines of input, and as the file has them."""
    path = folder / FOLDERS[network] / "test.json"
    paragraphs = json.loads(path.read_text(encoding="utf-8"))["data"][0]["paragraphs"]
    lines = [
        {
            "context": one["context"],
            "question": one["qas"][0]["question"],
            "id": one["qas"][0]["id"],
        }
        for one in paragraphs
    ]
    return lines, paragraphs


def text_of(lines):
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


GOOD = '{"question": "哪？", "context": "甲丙丁"}\n'
ODD = [
    {"question": "", "context": "\u200b", "id": 7, "more": 1},
    {"question": "哪" * 70, "context": "甲 丙丁"},
    {"question": "哪" * 20, "context": "甲 丙丁"},
]
# Input and flags of a run -> what is said.
REFUSED = [
    (GOOD + "哪？\t甲\n", {}, "standard input line 2 is not JSON (Expecting value); one object a"),
    (GOOD, {"max_seq_length": 9}, "standard input line 1: a row has room for 4 pieces of a passag"),
    (GOOD, {"layers": "-1"}, "--layers is for --task=features and has no meaning for --task=answ"),
    (GOOD, {"task": "classify", "top_k": 2}, "--top_k is for --task=answer or --task=fill_mask"),
    (GOOD, {"init_checkpoint": "bare"}, "bare/model.ckpt has no head for answers (it lacks cls/sq"),
]


@pytest.fixture(scope="module")
def runs(folder):
    """[code, stdout, stderr] of all runs of this file: the test questions of each network, odd
    ones, and what is refused."""
    write_variants(folder)
    lines = [predicting(folder, network, top_k=3, batch_size=5) for network in FOLDERS]
    texts = [text_of(asked(folder, network)[0]) for network in FOLDERS]
    lines.append(predicting(folder, init_checkpoint=folder / "short"))
    texts.append(text_of(ODD))
    for text, changes, _ in REFUSED:
        changes = dict(changes)
        if "init_checkpoint" in changes:
            changes["init_checkpoint"] = folder / changes["init_checkpoint"]
        lines.append(predicting(folder, **changes))
        texts.append(text)
    return script_driver.run_many("run_prediction", lines, texts)


@pytest.fixture(scope="module")
def answers(runs):
    """dict network -> [code, stdout, stderr] for its test questions."""
    return dict(zip(FOLDERS, runs))


def write_variants(folder):
    """The model with shorter questions, and without its head."""
    model = folder / "bert_model"
    shutil.copytree(str(model), str(folder / "short"))
    values = load(model / "task.json")
    values["row_options"]["max_query_length"] = 20
    write_json(folder / "short" / "task.json", values)
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model)))
    names = [n for n in reader.get_variable_to_shape_map() if n.startswith("bert/")]
    weights = {n: reader.get_tensor(n) for n in names if not n.endswith(("adam_m", "adam_v"))}
    (folder / "bare").mkdir()
    write_json(folder / "bare" / "task.json", values)
    write_checkpoint(str(folder / "bare" / "model.ckpt"), weights)


@pytest.mark.parametrize("network", sorted(FOLDERS))
def test_answers_are_those_of_finetuning(folder, answers, network):
    code, out, err = answers[network]
    assert code == 0, err
    results = [json.loads(line) for line in out.splitlines()]
    lines, _ = asked(folder, network)
    first = "{}_test_".format(FOLDERS[network])
    model = folder / (network + "_model")
    assert {r["id"]: r["answer"] for r in results} == load(model / (first + "preds.json"))
    n_best = load(model / (first + "nbest.json"))
    assert len(results) == len(lines)
    for line, result in zip(lines, results):
        assert result["question"] == line["question"] and len(result["n_best"]) <= 3
        expected = n_best[line["id"]][:3]
        assert [c["answer"] for c in result["n_best"]] == [c["text"] for c in expected]
        scores = [c["score"] for c in expected]
        np.testing.assert_allclose([c["score"] for c in result["n_best"]], scores, atol=1e-4)
        for span in result["n_best"]:
            assert span["answer"] == line["context"][span["start"] : span["end"]] != ""
        if result["kind"] == "span":
            best = result["n_best"][0]
            assert [result[key] for key in best] == list(best.values())
        else:
            texts = {"yes": "YES", "no": "NO", "unanswerable": ""}
            assert result["answer"] == texts[result["kind"]]
            assert result["start"] is None and result["score"] <= 0


def test_what_was_learnt_is_found(folder, answers):
    """Wherever in the passage it stands, in one row or another."""
    _, paragraphs = asked(folder, "bert")
    results = [json.loads(line) for line in answers["bert"][1].splitlines()]
    for one, result in zip(paragraphs, results):
        (answer,) = one["qas"][0]["answers"]
        assert (result["answer"], result["start"]) == (answer["text"], answer["answer_start"])
    assert max(len(one["context"]) for one in paragraphs) > 60
    figures = (folder / "bert_model" / "test_scores.txt").read_text()
    assert "test_em = 1.0\ntest_f1 = 1.0\ntest_average = 1.0\n" in figures


def test_kinds_and_options_are_kept(folder):
    task = load(folder / "electra_model" / "task.json")
    assert task["labels"] == ["span", "yes", "no", "unanswerable"]
    assert task["row_options"] == {
        "max_query_length": 64,
        "doc_stride": 8,
        "max_answer_length": 6,
        "version_2_with_negative": False,
        "null_score_diff_threshold": 0.0,
    }
    assert task["head_options"] == {"beam_size": 7}
    listed = load(folder / "electra_model" / "cjrc_test_result.json")
    preds = load(folder / "electra_model" / "cjrc_test_preds.json")
    assert {entry["id"]: entry["answer"] for entry in listed} == preds


def test_refusals_of_runs_are_one_line(runs):
    for (_, _, expected), (code, out, err) in zip(REFUSED, runs[-len(REFUSED) :]):
        assert code == 1 and expected in err.splitlines()[-1], (expected, out, err)
        assert "Traceback" not in err and err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("哪？\t甲", "q.txt line 2 is not JSON (Expecting value); one object a line is expected: "),
        ("", "q.txt line 2 is not JSON"),
        ('{"a": "\\ud800"}', "q.txt line 2 is not JSON (a text with NUL or half a surrogate pair)"),
        ('["哪", "甲"]', "q.txt line 2 is JSON, but no object: ['哪', '甲']"),
        ('{"question": "哪"}', "q.txt line 2 has no 'context'; its fields are 'question'"),
        ('{"context": "甲"}', "q.txt line 2 has no 'question'"),
        ('{"question": 1, "context": "甲"}', "q.txt line 2: 'question' is 1, but must be a text"),
        ('{"question": "哪", "context": " "}', "q.txt line 2 has an empty passage (context)"),
        ('{"question": "", "context": "甲", "id": []}', "'id' is [], but must be a text or a num"),
    ],
)
def test_lines_that_are_no_questions(text, expected):
    with pytest.raises(UserError, match=re.escape(expected)):
        read_question(Line(text, 2, "q.txt"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "classification"}, "fine-tuned for 'classification', not for questions"),
        ({"labels": ["yes"]}, "labels must be kinds of answers, span, yes, no, unanswerable; they"),
        ({"labels": ["span", "oui"]}, "unanswerable; they are span, oui"),
        ({"row_options": {"stride": 1}}, "row_options may have max_query_length, doc_stride, max_"),
        ({"row_options": []}, "row_options must be an object"),
        ({"row_options": {"doc_stride": 0}}, "doc_stride cannot be 0"),
        ({"row_options": {"doc_stride": 2.5}}, "doc_stride cannot be 2.5"),
        ({"head_options": {"beam_size": True}}, "beam_size cannot be True"),
        ({"head_options": {"joint_prediction": 1}}, "joint_prediction cannot be 1"),
        ({"task": None}, "task must be a name"),
        ({"is_one_of_several": 1}, "is_one_of_several must be true or false"),
    ],
)
def test_task_files_that_say_something_else(folder, tmp_path, changes, expected):
    values = dict(load(folder / "bert_model" / "task.json"), **changes)
    write_json(tmp_path / "task.json", values)
    with pytest.raises(UserError, match=re.escape(expected)):
        Answer.saved_settings(str(tmp_path / "model.ckpt"))


def test_odd_input(runs):
    """A passage without a piece has no answer; a question that is too long is cut and counted."""
    code, out, err = runs[len(FOLDERS)]
    assert code == 0, err
    first, second, third = [json.loads(line) for line in out.splitlines()]
    nothing = dict.fromkeys(("score", "start", "end"))
    expected = {"id": 7, "question": "", "answer": "", "kind": "span", "n_best": [], **nothing}
    assert first == expected
    assert second["question"] == "哪" * 70 and second["answer"] == "丙丁"
    assert dict(second, question=third["question"]) == third
    assert "1 of 3 lines have a question of more than 20 pieces; the rest was cut off" in err
