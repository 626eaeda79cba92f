"""run_finetuning.py on questions with choices: training, results, conversion there and back."""

import json

import numpy as np
import pytest
import script_driver
from choice_files import lines_of, write_c3, write_chid
from finetuning_runs import GOOD, flags_of, make_task
from script_driver import error_of, out_of

pytestmark = pytest.mark.tf1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("choices")
    make_task(path)
    write_c3(path / "c3")
    write_chid(path / "chid")
    return path


def flags(folder, task, **changes):
    values = {
        "task_name": task,
        "data_dir": str(folder / task),
        "output_dir": str(folder / (task + "_out")),
        "max_seq_length": 16,
        "num_train_epochs": 4,
    }
    return flags_of(folder, **dict(values, **changes))


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]; runs in this order."""
    none = {"do_train": None, "do_eval": None}
    runs = {
        "c3": flags(folder, "c3"),
        "again": flags(folder, "c3"),
        "chid": flags(folder, "chid", gradient_accumulation_steps=2),
        "best": flags(
            folder,
            "c3",
            output_dir=str(folder / "from_best"),
            init_checkpoint=str(folder / "c3_out" / "best"),
            **none,
        ),
        "several": flags(folder, "c3,chid", data_dir=str(folder)),
        "labels": flags(folder, "c3", labels="a,b", output_dir=str(folder / "x")),
        "other kind": flags(
            folder,
            "chnsenticorp",
            data_dir=str(folder / "data"),
            output_dir=str(folder / "x"),
            init_checkpoint=str(folder / "c3_out" / "best"),
            max_seq_length=12,
            do_train=None,
        ),
    }
    return dict(zip(runs, script_driver.run_many("run_finetuning", list(runs.values()))))


def test_c3_is_learned_and_predicted(folder, done):
    out, made = out_of(done, "c3"), folder / "c3_out"
    assert "train: 64 questions, choices: " in out and " of 4" in out
    assert "batch 8 x 64 tokens" in out
    results = dict(
        line.split(" = ") for line in (made / "eval_results.txt").read_text().split("\n")[:-1]
    )
    assert float(results["eval_accuracy"]) > 0.9
    assert "c3 dev accuracy: " in out
    test = json.loads((folder / "c3" / "test1.1.json").read_text(encoding="utf-8"))
    right = [
        next(n for n, text in enumerate(passage[1][0]["choice"]) if text[1] in GOOD)
        for passage in test
    ]
    answers = lines_of(made / "c311_predict.json")
    assert [answer["id"] for answer in answers] == list(range(8))
    assert np.mean([a["label"] == r for a, r in zip(answers, right)]) > 0.8
    rows = lines_of(made / "test_choices.jsonl")
    assert [len(row["probabilities"]) for row in rows] == [len(p[1][0]["choice"]) for p in test]
    assert [row["label"] for row in rows] == [answer["label"] for answer in answers]
    task = json.loads((made / "task.json").read_text())
    assert (task["kind"], task["labels"]) == ("multiple_choice", ["0", "1", "2", "3"])


def test_a_finished_run_keeps_its_rows(done):
    out = out_of(done, "again")
    assert "nothing to train: step 32 of 32 is done" in out and "are kept)" in out


def test_chid(folder, done):
    out_of(done, "chid")
    answers = json.loads((folder / "chid_out" / "chid10_predict.json").read_text())
    lines = lines_of(folder / "chid" / "test.json")
    right = [
        next(n for n, text in enumerate(line["candidates"]) if text[1] in GOOD) for line in lines
    ]
    assert list(answers) == ["#idiom{:06}#".format(n) for n in range(8)]
    assert np.mean(np.array(list(answers.values())) == right) > 0.8


def test_refusals(done):
    assert "a row of c3 holds 4 texts, and cannot be mixed" in error_of(done, "several")
    assert "the answers of task c3 are its choices; remove it" in error_of(done, "labels")
    assert "fine-tuned for 'multiple_choice', not for" in error_of(done, "other kind")


def test_conversion_there_and_back(folder, done):
    """The class of Hugging Face, and the same predictions from its directory."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    out_of(done, "best")
    hf, back = folder / "hf", folder / "back"
    source = ["--tf_checkpoint_path={}".format(folder / "c3_out" / "best")]
    source += ["--config_file={}".format(folder / "config.json")]
    commands = [
        [*source, "--pytorch_dump_path={}".format(hf)],
        ["--from_pytorch={}".format(hf), "--tf_dump_path={}".format(back / "model.ckpt")],
    ]
    for code, out, err in script_driver.run_many("convert_checkpoint", commands):
        assert (code, err) == (0, ""), err
        assert "scores of choices" in out
    config = json.loads((hf / "config.json").read_text())
    assert config["architectures"] == ["BertForMultipleChoice"] and "id2label" not in config
    assert json.loads((hf / "task.json").read_text())["kind"] == "multiple_choice"
    starts = {"from_hf": hf, "from_back": back}
    runs = [
        flags(
            folder,
            "c3",
            output_dir=str(folder / name),
            init_checkpoint=str(start),
            max_seq_length=None,
            do_train=None,
            do_eval=None,
        )
        for name, start in starts.items()
    ]
    expected = lines_of(folder / "from_best" / "test_choices.jsonl")
    for name, (code, _, err) in zip(starts, script_driver.run_many("run_finetuning", runs)):
        assert (code, err) == (0, ""), err
        rows = lines_of(folder / name / "test_choices.jsonl")
        for ours, theirs in zip(rows, expected):
            np.testing.assert_allclose(ours["probabilities"], theirs["probabilities"], atol=1e-5)
