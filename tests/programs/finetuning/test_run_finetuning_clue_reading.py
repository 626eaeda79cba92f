"""run_finetuning.py by the command lines of CLUE's run_mrc_*.sh and of its COPA, as
docs/commands.json has them: their flags mean ours, or are refused by a line that names ours."""

import importlib.util
import json
import os

import numpy as np
import pytest
import script_driver
from choice_files import COUNTS, lines_of, write_c3, write_chid, write_copa
from finetuning_runs import GOOD, OTHERS, flags_of, make_task
from places import ROOT
from script_driver import error_of, out_of

from cli.original_names import _READING, _READING_REFUSED

pytestmark = pytest.mark.tf1
HERE = "tests/programs/finetuning/test_run_finetuning_clue_reading.py"
spec = importlib.util.spec_from_file_location(
    "commands_table", os.path.join(ROOT, "scripts", "commands_table.py")
)
commands_table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(commands_table)

SIZES = {
    "max_seq_length": 16,
    "n_batch": 8,
    "train_batch_size": 8,
    "predict_batch_size": 8,
    "train_epochs": 1,
    "num_train_epochs": 1,
}
# Flag -> file of it, of reading comprehension in the order of the printed commands.
FILES = ("train_file", "dev_file", "predict_file")


def write_questions(path, count):
    """Passages in which the only good character is the answer."""
    rng, paragraphs = np.random.RandomState(count), []
    for number in range(count):
        text = rng.choice(list(OTHERS), 6).tolist()
        place = rng.randint(6)
        text[place] = rng.choice(list(GOOD))
        answer = {"text": text[place], "answer_start": int(place)}
        question = {"id": str(number), "question": "人", "answers": [answer]}
        paragraphs.append({"context": "".join(text), "qas": [question]})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("reading")
    make_task(path)
    for task in ("CMRC2018", "DRCD"):
        (path / task).mkdir()
        for name, count in (("train", 48), ("dev", 12)):
            for written in ("cmrc2018_{}.json", "DRCD_{}.json"):
                write_questions(path / task / written.format(name), count)
        write_questions(path / task / "DRCD_training.json", 48)
    write_c3(path / "c3")
    write_chid(path / "CHID")
    write_copa(path / "copa")
    return path


def commands(folder):
    """{first words of a printed command: its flags here}, with the paths of `folder`."""
    data, made = commands_table.read_data(), {}
    for _, group in commands_table.commands(data):
        for command in group:
            if command.entry.get("tested") == HERE:
                name, words = line_of(folder, command)
                made[name] = words
    return made


def line_of(folder, command):
    """(program and task, words) of a printed command."""
    printed = dict(word[2:].partition("=")[::2] for word in command.effective())
    task, given = printed["task_name"], {}
    predicts = command.program.startswith("test_")
    for name, value in printed.items():
        value = SIZES.get(name, value)
        if name in ("data_dir", "input_dir"):
            value = folder / task
        elif name in FILES:
            place = task.upper() if task == "chid" else task
            value = folder / place / value.rsplit("/", 1)[1]
        elif name in ("output_dir", "checkpoint_dir"):
            value = folder / (task + "_out")
        elif name in ("vocab_file", "bert_config_file"):
            value = folder / {"vocab_file": "vocab.txt", "bert_config_file": "config.json"}[name]
        elif name in ("init_checkpoint", "init_restore_dir"):
            # In place of a file of PyTorch.
            value = folder / ("chid_out" if predicts else "copa_out")
        given[name] = value
    if task == "copa":
        del given["init_checkpoint"]
    if command.program == "run_mrc.py":
        given["max_ans_length"] = 4  # the rows are short
    words = ["--{}={}".format(*item) if item[1] != "" else "--" + item[0] for item in given.items()]
    return "{} {}".format(command.program, task), words


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]."""
    runs = commands(folder)
    assert sorted(runs) == [
        "run_classifier.py copa",
        "run_mrc.py CMRC2018",
        "run_mrc.py DRCD",
        "run_multichoice_mrc.py c3",
        "run_multichoice_mrc.py chid",
        "test_multichoice_mrc.py chid",
    ]
    ours = []
    for word in runs["run_mrc.py CMRC2018"]:
        name, equals, value = word[2:].partition("=")
        name = _READING.get(name, (name,))[0]
        value = str(folder / "ours") if name == "output_dir" else value
        ours.append("--" + name + equals + value)
    runs["ours"] = [word for word in ours if not word.startswith("--warmup")] + [
        "--warmup_proportion=0.1"
    ]
    base = flags_of(folder, output_dir=str(folder / "x"), num_train_epochs=None)
    runs["both"] = [*base, "--lr=1e-4"]
    runs["other task"] = [*base, "--max_ans_length=9"]
    runs["how long"] = [*base, "--train_epochs=2", "--train_step=3"]
    runs["no dev"] = ["--do_eval", "--task_name=cmrc2018", "--train_file=x.json"]
    for name in _READING_REFUSED:
        runs[name] = [*base, "--" + name + ("" if name == "float16" else "=x")]
    # The start of the others first.
    order = sorted(runs, key=lambda name: (not name.endswith("copa"), name.startswith("test_")))
    results = script_driver.run_many("run_finetuning", [runs[name] for name in order])
    return dict(zip(order, results))


def test_copa(folder, done):
    assert "copa dev accuracy: " in out_of(done, "run_classifier.py copa")
    rows = lines_of(folder / "copa_out" / "test_choices.jsonl")
    assert [row["id"] for row in rows] == list(range(COUNTS["test"]))
    assert {len(row["probabilities"]) for row in rows} == {2}


@pytest.mark.parametrize("task", ["CMRC2018", "DRCD"])
def test_reading_comprehension(folder, done, task):
    out = out_of(done, "run_mrc.py " + task)
    assert "{} dev em / f1: ".format(task.lower()) in out
    answers = json.loads(
        (folder / (task + "_out") / (task.lower() + "_dev_preds.json")).read_text()
    )
    assert sorted(map(int, answers)) == list(range(12))


def test_the_names_mean_ours(folder, done):
    """The same figures to the last digit, as from a run under our own names."""
    out_of(done, "ours")
    made = (folder / "CMRC2018_out" / "eval_results.txt").read_text()
    assert made == (folder / "ours" / "eval_results.txt").read_text()
    assert "global_step = 6\n" in made  # 48 rows, 8 at a time


def test_choices(folder, done):
    assert "c3 dev accuracy: " in out_of(done, "run_multichoice_mrc.py c3")
    assert "chid dev accuracy: " in out_of(done, "run_multichoice_mrc.py chid")
    out_of(done, "test_multichoice_mrc.py chid")
    answers = json.loads((folder / "chid_out" / "chid10_predict.json").read_text())
    assert list(answers) == ["#idiom{:06}#".format(n) for n in range(COUNTS["test"])]


def test_names_beside_ours(done):
    said = error_of(done, "both")
    assert "--lr=0.0001 means --learning_rate=0.0001, but --learning_rate=0.003 is given" in said
    assert "--max_answer_length is for reading comprehension and has no" in error_of(
        done, "other task"
    )
    assert "--num_train_steps and --num_train_epochs both say how long" in error_of(
        done, "how long"
    )
    assert "--do_eval needs --eval_file or --predict_file or --data_dir" in error_of(done, "no dev")


@pytest.mark.parametrize("name", _READING_REFUSED)
def test_flags_that_mean_nothing_here(done, name):
    """One line, with what says it here."""
    said = error_of(done, name)
    assert said.startswith("error: --{}=".format(name)) and _READING_REFUSED[name] in said
    assert said.rstrip().endswith("; remove it")
