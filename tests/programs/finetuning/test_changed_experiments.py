"""Another fine-tuning in the output directory of one that is over: run or refused, never answered
with the old figures."""

import shutil

import pytest
import script_driver
from finetuning_runs import flags_of, make_task
from script_driver import out_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("changed")
    make_task(path)
    shutil.copytree(str(path / "data"), str(path / "moved"))
    shutil.copytree(str(path / "data"), str(path / "other"))
    train = path / "other" / "train.tsv"
    text = train.read_text(encoding="utf-8")
    train.write_text(text.replace("\n1\t", "\n0\t", 1), encoding="utf-8")
    for name in ("tsv", "chnsenticorp"):
        shutil.copytree(str(path / "data"), str(path / "several" / name))
    return path


# Name -> changes of the command line, and what the refusal says.
REFUSED = {
    "rate": ({"learning_rate": 0.001}, "--learning_rate was 0.003 and is 0.001"),
    "epochs": (
        {"num_train_epochs": 2},
        "the number of steps (--num_train_epochs, --num_train_steps) was 12 and is 24, the warm-up "
        "(--warmup_proportion, --num_warmup_steps) was 1 and is 2",
    ),
    "batch": ({"train_batch_size": 16}, "--train_batch_size was 8 and is 16"),
    "seed": ({"seed": 7}, "--seed was 12345 and is 7"),
    "start": ({"init_checkpoint": "out/best"}, "--init_checkpoint was not given and is "),
    "data": ({"data_dir": "other"}, "was trained with other train examples than are in "),
    "task": ({"task_name": "tsv"}, "--task_name was chnsenticorp and is tsv"),
    "length": ({"max_seq_length": 10}, "is trained with --max_seq_length=12, not 10"),
}


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]; runs in this order."""
    short = {"num_train_epochs": 1, "do_predict": None, "keep_checkpoint_max": 1}

    def command(output="out", **changes):
        for name in ("data_dir", "init_checkpoint"):
            if name in changes:
                changes[name] = str(folder / changes[name])
        return flags_of(folder, **dict(short, output_dir=str(folder / output), **changes))

    trials = {"output": "trials", "num_trials": 2, "do_eval": None}
    several = {
        "output": "tasks",
        "data_dir": "several",
        "task_name": "chnsenticorp,tsv",
        "do_eval": None,
    }
    runs = {"first": command(), "again": command(), "moved": command(data_dir="moved")}
    runs.update((name, command(**changes)) for name, (changes, _) in REFUSED.items())
    runs.update(
        {
            "trials": command(**trials),
            "trials again": command(**trials),
            "trials rate": command(learning_rate=0.001, **trials),
            "a third trial": command(**dict(trials, num_trials=3)),
            "tasks": command(**several),
            "tasks again": command(**several),
            "tasks seed": command(seed=7, **several),
            "one task": command(**dict(several, task_name="chnsenticorp", data_dir="data")),
        }
    )
    results = script_driver.run_many("run_finetuning", list(runs.values()))
    return dict(zip(runs, results))


def error_of(done, name):
    code, _, err = done[name]
    assert code == 1 and err.startswith("error: ") and err.count("\n") == 1, done[name]
    return err


def test_the_same_experiment_is_over(folder, done):
    """Also where the data lie in another folder."""
    first = out_of(done, "first")
    for name in ("again", "moved"):
        said = out_of(done, name)
        assert "nothing to train: step 12 of 12 is done" in said
        assert said.splitlines()[-1].split(" ", 1)[1] == first.splitlines()[-1].split(" ", 1)[1]


@pytest.mark.parametrize("name", list(REFUSED))
def test_another_experiment_is_refused(folder, done, name):
    text = error_of(done, name)
    assert REFUSED[name][1] in text and str(folder / "out") in text
    assert "another --output_dir" in text


def test_of_trials_each_is_compared(folder, done):
    for number in range(2):
        assert "trial {} of 2".format(number + 1) in out_of(done, "trials again")
    assert out_of(done, "trials again").count("nothing to train: step 12 of 12 is done") == 2
    assert "--learning_rate was 0.003 and is 0.001" in error_of(done, "trials rate")
    more = out_of(done, "a third trial")
    assert more.count("nothing to train") == 2 and (folder / "trials" / "trial_2").is_dir()


def test_several_tasks_are_an_experiment(done):
    assert "nothing to train" in out_of(done, "tasks again")
    assert "--seed was 12345 and is 7" in error_of(done, "tasks seed")
    text = error_of(done, "one task")
    assert "--task_name was chnsenticorp, tsv and is chnsenticorp; take another" in text
