"""run_prediction.py --task=choose: the answers of run_finetuning.py, from lines of JSON."""

import json

import numpy as np
import pytest
import script_driver
from choice_files import lines_of, write_c3, write_chid, write_copa
from finetuning_runs import flags_of, make_task
from record_files import write_json

pytestmark = pytest.mark.tf1
TASKS = {"c3": write_c3, "chid": write_chid, "copa": write_copa}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of the tasks and models that were trained on them a little."""
    path = tmp_path_factory.mktemp("choose")
    make_task(path)
    write_json(path / "electra.json", dict(json_of(path / "config.json"), embedding_size=8))
    runs = []
    for task, write in TASKS.items():
        write(path / task)
        values = {
            "task_name": task.upper(),
            "data_dir": str(path / task),
            "output_dir": str(path / (task + "_out")),
            "max_seq_length": 16,
            "num_train_epochs": 1,
            "do_eval": None,
        }
        if task == "copa":
            values["bert_config_file"] = str(path / "electra.json")
        runs.append(flags_of(path, **values))
    for code, out, err in script_driver.run_many("run_finetuning", runs):
        assert (code, err) == (0, ""), out + err
    return path


def json_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def questions_of(folder, task):
    """The test questions as lines of input."""
    if task != "c3":
        return [dict(row, id=n) for n, row in enumerate(lines_of(folder / task / "test.json"))]
    return [
        dict(question, context=sentences)
        for sentences, (question,), _ in json_of(folder / "c3" / "test1.1.json")
    ]


def command(folder, model, **changes):
    values = {
        "task": "choose",
        "bert_config_file": folder / ("electra.json" if model == "copa" else "config.json"),
        "vocab_file": folder / "vocab.txt",
        "init_checkpoint": folder / (model + "_out"),
        "batch_size": 3,
    }
    values.update(changes)
    return ["--{}={}".format(*item) for item in values.items()]


def error_of(done, name):
    """The error of a run; the log goes to the same stream."""
    code, _, err = done[name]
    assert code == 1 and "Traceback" not in err, err
    return err.splitlines()[-1]


def text_of(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


C3 = {"context": "天地。", "question": "谁", "choice": ["好天", "坏人"]}
# Name -> (task, lines of input, what is said).
REFUSED = {
    "no json": ("c3", "天地\n", "line 1 is not JSON (Expecting value); one object a line is expe"),
    "a list": ("c3", text_of([C3, []]), "standard input line 2 is JSON, but no object"),
    "no choice": ("c3", text_of([dict(C3, choice=[])]), "line 1 has no choice"),
    "other field": ("c3", text_of([{"content": ""}]), "line 1 has no 'context'; its fields are "),
    "other kind": ("c3", text_of([dict(C3, context=3)]), "'context' is 3, but must be a text or a"),
    "identity": ("c3", text_of([dict(C3, id=[])]), "'id' is [], but must be a text or a number"),
    "no blank": (
        "chid",
        text_of([{"content": ["天"], "candidates": ["好"]}]),
        "has no blank (cont",
    ),
    "no idiom": ("chid", text_of([{"content": ["#idiom1#"], "candidates": []}]), "has no idiom (c"),
    "asked": ("copa", text_of([{"question": "why"}]), "question is 'why', but must be cause or ef"),
}


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]."""
    short = dict(C3, id="x", choice=["好", "坏", "天", "地", "人"])
    lines = {task: (command(folder, task), text_of(questions_of(folder, task))) for task in TASKS}
    lines["more choices"] = command(folder, "c3"), text_of([C3, short])
    lines["spelling"] = command(folder, "c3", task_name="C3"), text_of([C3])
    lines["other task"] = command(folder, "c3", task_name="CHID"), text_of([C3])
    lines["other head"] = command(folder, "c3", task="classify"), "天\n"
    lines["one text"] = (command(folder, "c3", max_seq_length=4), text_of([C3]))
    lines.update({name: (command(folder, task), text) for name, (task, text, _) in REFUSED.items()})
    results = script_driver.run_many("run_prediction", *zip(*lines.values()))
    return dict(zip(lines, results))


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_those_of_finetuning(folder, done, task):
    code, out, err = done[task]
    assert code == 0, err
    results = [json.loads(line) for line in out.splitlines()]
    expected = lines_of(folder / (task + "_out") / "test_choices.jsonl")
    questions = questions_of(folder, task)
    assert [result.pop("id") for result in results] == [row["id"] for row in questions]
    if task == "chid":
        results = [answer for result in results for answer in result["answers"]]
        assert [answer.pop("blank") for answer in results] == [row["id"] for row in expected]
    assert len(results) == len(expected) == 8
    for ours, theirs in zip(results, expected):
        assert (ours["label"], ours["choice"]) == (theirs["label"], theirs["choice"])
        np.testing.assert_allclose(ours["probabilities"], theirs["probabilities"], atol=1e-5)
        assert ours["probability"] == ours["probabilities"][ours["label"]]
        assert sum(ours["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_any_number_of_choices_and_any_spelling_of_the_task(done):
    first, second = (json.loads(line) for line in done["more choices"][1].splitlines())
    assert "id" not in first and second["id"] == "x"
    assert len(first["probabilities"]) == 2 and len(second["probabilities"]) == 5
    alone = json.loads(done["spelling"][1])  # first was computed beside a line with more choices
    assert alone["choice"] == first["choice"]
    np.testing.assert_allclose(alone["probabilities"], first["probabilities"], atol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_lines_that_are_refused(done, name):
    assert REFUSED[name][2] in error_of(done, name)


def test_models_that_are_refused(done):
    said = error_of(done, "other task")
    assert "fine-tuned for task 'c3', not for chid" in said
    assert "fine-tuned for 'multiple_choice', not for classification" in error_of(
        done, "other head"
    )
    assert "line 1: --max_seq_length=4 has no room for text" in error_of(done, "one text")


def test_a_task_that_is_none_with_choices(folder, tmp_path):
    values = json_of(folder / "c3_out" / "task.json")
    for path in (folder / "c3_out").iterdir():
        if path.name.startswith(("model.ckpt", "checkpoint")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = []
    for name in ("tsv", "race"):
        write_json(tmp_path / "task.json", dict(values, task=name))
        lines.append(
            script_driver.run_many(
                "run_prediction", [command(folder, "c3", init_checkpoint=tmp_path)], [text_of([C3])]
            )[0]
        )
    for name, result in zip(("tsv", "race"), lines):
        said = error_of({"x": result}, "x")
        assert "task.json: '{}' is no task with choices".format(name) in said


def test_from_a_hugging_face_directory(folder, done, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    source = [
        "--tf_checkpoint_path={}".format(folder / "c3_out"),
        "--config_file={}".format(folder / "config.json"),
        "--vocab_file={}".format(folder / "vocab.txt"),
        "--pytorch_dump_path={}".format(tmp_path / "hf"),
    ]
    (result,) = script_driver.run_many("convert_checkpoint", [source])
    assert result[0] == 0, result
    flags = {"init_checkpoint": tmp_path / "hf", "bert_config_file": tmp_path / "hf/config.json"}
    lines = [command(folder, "c3", **flags)]
    (result,) = script_driver.run_many("run_prediction", lines, [text_of([C3])])
    ours, theirs = (json.loads(out) for out in (result[1], done["spelling"][1]))
    np.testing.assert_allclose(ours["probabilities"], theirs["probabilities"], atol=1e-5)
