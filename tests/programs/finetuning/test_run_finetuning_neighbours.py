"""run_finetuning.py in a folder where another run was killed, works, or has left its results."""

import json
import shutil

import pytest
import script_driver
from finetuning_runs import flags_of, make_examples, make_task
from script_driver import error_of, out_of

from training.checkpoints import lock

pytestmark = pytest.mark.tf1

EVALUATION = {"do_train": None, "max_seq_length": None}


def contents(folder):
    """dict name -> bytes of the files of a training, without those that an evaluation may add."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    names = {path: str(path.relative_to(folder)) for path in paths}
    return {
        name: path.read_bytes()
        for path, name in names.items()
        if not name.startswith(("evaluation-", "eval-", "_eval-", "predict-", "_predict-"))
    }


def change_record(folder, **changes):
    path = folder / "_dev_predictions.json"
    content = json.loads(path.read_text())
    content["origin"].update(changes)
    path.write_text(json.dumps(content))


def older_predictions(folder):
    """As a kill between the first file and the second leaves them."""
    (folder / "dev_results.tsv").write_text("0.5\t0.5\n" * 24)


def another_dev_file(folder, data_dir):
    """Other examples, whose rows are as long."""
    shutil.copytree(str(folder / "data"), str(data_dir))
    for seed, split in ((7, "dev"), (8, "test")):
        count = {"dev": 24, "test": 20}[split]
        lines = ["{}\t{}\n".format(*example) for example in make_examples(count, seed)]
        (data_dir / (split + ".tsv")).write_text("label\ttext_a\n" + "".join(lines), "utf-8")


def another_vocabulary(folder):
    """Two characters exchanged; returns the path."""
    tokens = (folder / "vocab.txt").read_text("utf-8").split("\n")
    tokens[5], tokens[6] = tokens[6], tokens[5]
    path = folder / "exchanged.txt"
    path.write_text("\n".join(tokens), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A task, and a training of it in `out`; `blind` was trained without dev and test examples."""
    path = tmp_path_factory.mktemp("neighbours")
    make_task(path)
    short = {"num_train_epochs": 2}
    blind = dict(short, do_eval=None, do_predict=None, output_dir=str(path / "blind"))
    blind["num_trials"] = 2
    lines = [flags_of(path, **short), flags_of(path, **blind)]
    for code, _, err in script_driver.run_many("run_finetuning", lines):
        assert (code, err) == (0, ""), err
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr] of a run in a copy of the training, called like it."""
    other_data, other_vocabulary = folder / "other", another_vocabulary(folder)
    another_dev_file(folder, other_data)
    other = {"vocab_file": other_vocabulary}
    runs = {
        "as it is": ({}, lambda copy: None),
        "older": ({}, older_predictions),
        "missing": ({}, lambda copy: (copy / "dev_labels.txt").unlink()),
        "step": ({}, lambda copy: change_record(copy, global_step=12)),
        "weights": ({}, lambda copy: change_record(copy, checkpoint="of another model")),
        "fewer": ({"do_eval": None, "do_predict": None}, lambda copy: None),
        "evaluated": (EVALUATION, lambda copy: None),
        "other data": (dict(EVALUATION, data_dir=str(other_data)), lambda copy: None),
        "other length": (dict(EVALUATION, max_seq_length=9), lambda copy: None),
        "active": (EVALUATION, lambda copy: None),
        "begun": (
            dict(EVALUATION, init_checkpoint=str(folder / "out")),
            lambda copy: (
                [path.unlink() for path in copy.rglob("*ckpt*")]
                + [(copy / "checkpoint").unlink(), shutil.rmtree(str(copy / "best"))]
            ),
        ),
        "resumed": (other, lambda copy: None),
        "evaluated with another": (dict(EVALUATION, **other), lambda copy: None),
        "predicted with another": (dict(EVALUATION, do_eval=None, **other), lambda copy: None),
        "an older version's": (
            dict(EVALUATION, do_predict=None, **other),
            lambda copy: (copy / "task.json").write_text(
                json.dumps(
                    {
                        name: value
                        for name, value in json.loads((copy / "task.json").read_text()).items()
                        if name != "vocabulary"
                    }
                )
            ),
        ),
    }
    lines = []
    for name, (changes, prepare) in runs.items():
        copy = folder / name
        shutil.copytree(str(folder / "out"), str(copy))
        prepare(copy)
        flags = dict({"num_train_epochs": 2, "output_dir": str(copy)}, **changes)
        lines.append(flags_of(folder, **flags))
    with lock.hold(str(folder / "active")):
        results = script_driver.run_many("run_finetuning", lines)
    return dict(zip(runs, results))


def test_predictions_of_the_same_model_are_kept(folder, done):
    out = out_of(done, "as it is")
    assert "predictions of dev examples are kept in {}".format(folder / "as it is") in out


@pytest.mark.parametrize("name", ["older", "missing", "step", "weights"])
def test_others_are_written_again(folder, done, name):
    assert "predictions of 24 dev examples are in" in out_of(done, name)
    before, after = contents(folder / "out"), contents(folder / name)
    for file in ("dev_results.tsv", "dev_labels.txt", "_dev_predictions.json", "eval_results.txt"):
        assert after[file] == before[file], file


def test_a_record_names_step_and_files(folder, done):
    out_of(done, "as it is")
    for split, names in (("dev", []), ("test", ["test_scores.txt"])):
        record = json.loads((folder / "out" / "_{}_predictions.json".format(split)).read_text())
        assert record["origin"]["global_step"] in (12, 24)
        assert record["origin"]["file"] == str(folder / "data" / (split + ".tsv"))
        expected = [split + "_results.tsv", split + "_labels.txt", *names]
        assert list(record["files"]) == expected


def test_what_a_training_read_is_remembered(folder, done):
    """Though the run that resumed it reads less."""
    out_of(done, "fewer")
    before, after = (contents(folder / name)["task.json"] for name in ("out", "fewer"))
    assert json.loads(before) == json.loads(after)


def test_an_evaluation_as_in_training_uses_its_rows(folder, done):
    assert "results go to" not in out_of(done, "evaluated")
    assert contents(folder / "evaluated") == contents(folder / "out")
    assert not list((folder / "evaluated").glob("eval*-*"))


@pytest.mark.parametrize(
    "name, reason",
    [
        ("other data", "dev examples differ from those of the training in"),
        ("other length", "settings of dev rows differ from those of the training in"),
        ("active", "a training works in"),
    ],
)
def test_other_evaluations_leave_the_training_alone(folder, done, name, reason):
    out = out_of(done, name)
    (own,) = (folder / name).glob("evaluation-*")
    assert "results go to {}: {} {}".format(own, reason, folder / name) in out
    assert contents(folder / name) == contents(folder / "out")
    assert sorted(path.name for path in own.iterdir()) == [
        "_dev_predictions.json",
        "_test_predictions.json",
        "dev_labels.txt",
        "dev_results.tsv",
        "eval_results.txt",
        "test_labels.txt",
        "test_results.tsv",
        "test_scores.txt",
    ]
    assert len(list((folder / name).glob("eval-*.tf_record"))) == (name != "active")


def test_evaluations_beside_a_training_without_a_checkpoint(folder, done):
    assert "they are not of the checkpoint that is in {}".format(folder / "begun") in out_of(
        done, "begun"
    )
    before, after = contents(folder / "out"), contents(folder / "begun")
    assert after["eval_results.txt"] == before["eval_results.txt"]
    assert list((folder / "begun").glob("evaluation-*/eval_results.txt"))


@pytest.mark.parametrize("name", ["resumed", "evaluated with another", "predicted with another"])
def test_another_vocabulary_is_refused(folder, done, name):
    assert "{} is not the vocabulary that the model in {} was fine-tuned with; give that".format(
        folder / "exchanged.txt", folder / name
    ) in error_of(done, name)
    assert contents(folder / name) == contents(folder / "out")


def test_an_older_task_file_names_no_vocabulary(done):
    out_of(done, "an older version's")


def test_every_trial_is_compared(folder, done):
    """Not only the first one; and without dev examples in training, those of an evaluation are no
    other ones."""
    blind = {"output_dir": str(folder / "blind"), "num_trials": 2, "num_train_epochs": 2}
    evaluated = dict(blind, data_dir=str(folder / "other"), **EVALUATION)
    path = folder / "blind" / "trial_1" / "task.json"
    task = json.loads(path.read_text())
    ((code, out, err),) = script_driver.run_many("run_finetuning", [flags_of(folder, **evaluated)])
    assert (code, err) == (0, "") and "results go to" not in out
    assert (folder / "blind" / "trial_1" / "eval_results.txt").exists()
    path.write_text(json.dumps(dict(task, vocabulary="0" * 64)))
    ((code, _, err),) = script_driver.run_many("run_finetuning", [flags_of(folder, **blind)])
    assert code == 1 and "that the model in {} was fine-tuned".format(path.parent) in err


def test_prediction_refuses_another_vocabulary(folder, done):
    flags = {
        "task": "classify",
        "bert_config_file": folder / "config.json",
        "init_checkpoint": folder / "out",
        "vocab_file": folder / "exchanged.txt",
    }
    line = ["--{}={}".format(*flag) for flag in flags.items()]
    ((code, out, err),) = script_driver.run_many("run_prediction", [line], ["好\n"])
    assert (code, out) == (1, "")
    warned, refused = err.splitlines()
    assert "exchanged.txt is another vocabulary than {}".format(folder / "out") in warned
    assert "exchanged.txt is not the vocabulary that the model in" in refused
