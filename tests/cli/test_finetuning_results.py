"""Where results of a fine-tuning run go: beside a training, never in place of its own."""

import dataclasses
import json
import os
import types
from typing import Any

import pytest

from cli.finetuning_results import ResultsPlace
from training.checkpoints import lock

ENTRY = {
    "task": "t",
    "labels": ["0", "1"],
    "max_seq_length": 12,
    "do_lower_case": True,
    "row_options": {},
    "head_options": {},
    "fingerprints": {"dev": "ab"},
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What ResultsPlace reads of FinetuningSettings."""

    output_dir: str
    do_train: bool = False
    num_trials: int = 1
    hparams: Any = None

    def trial_dirs(self):
        if self.num_trials == 1:
            return [self.output_dir]
        return [os.path.join(self.output_dir, "trial_{}".format(i)) for i in range(2)]


def split_of(examples="ab", name="dev", length=12, task="t"):
    task = types.SimpleNamespace(name=task, labels=["0", "1"], model_options={}, head_options={})
    tokenizer = types.SimpleNamespace(do_lower_case=True, normalize_quotes=False, t2s=False)
    return types.SimpleNamespace(
        name=name,
        task=task,
        encoding=(tokenizer, length),
        fingerprint=examples,
        origin={"rows": {"examples": examples}},
    )


def runner_of(chosen="model.ckpt-1", is_current=True):
    return types.SimpleNamespace(chosen=lambda: chosen, is_current=lambda: is_current)


def place_of(tmp_path, entry=ENTRY, splits=None, **settings):
    if entry is not None:
        text = entry if isinstance(entry, str) else json.dumps(entry)
        for folder in Settings(str(tmp_path), **settings).trial_dirs():
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "task.json"), "w", encoding="utf-8") as writer:
                writer.write(text)
    return ResultsPlace(Settings(str(tmp_path), **settings), splits or [split_of()])


@pytest.mark.parametrize(
    "entry, splits, runner",
    [
        (ENTRY, [split_of()], runner_of()),
        (None, [split_of("cd")], runner_of(None)),  # nothing was trained there
        (ENTRY, [split_of(), split_of("cd", "test")], runner_of()),  # it has no test examples
        ({"tasks": [ENTRY, dict(ENTRY, task="u")]}, [split_of(task="u")], runner_of()),
    ],
)
def test_the_folder_of_the_training(tmp_path, entry, splits, runner):
    place = place_of(tmp_path, entry, splits)
    assert place.of_trial(0, runner) == place.root == str(tmp_path)


@pytest.mark.parametrize(
    "entry, splits, runner, reason",
    [
        (ENTRY, [split_of("cd")], runner_of(), "dev examples differ from those of the training"),
        (ENTRY, [split_of(length=9)], runner_of(), "settings of dev rows differ from those of"),
        (ENTRY, [split_of(task="u")], runner_of(), "tasks differ from those of"),
        (ENTRY, None, runner_of(None), "they are not of the checkpoint that is in"),
        (ENTRY, None, runner_of(is_current=False), "they are not of the checkpoint that is in"),
        ("{", None, runner_of(), "task.json, line 1: not valid JSON"),
        ({"tasks": 7}, None, runner_of(), "tasks must be a list of objects"),
    ],
)
def test_a_folder_of_its_own(tmp_path, capsys, entry, splits, runner, reason):
    place = place_of(tmp_path, entry, splits)
    folder = place.of_trial(0, runner)
    assert os.path.dirname(folder) == str(tmp_path) and folder == place.root
    assert os.path.basename(folder).startswith("evaluation-")
    out = capsys.readouterr().out
    assert "results go to {}: ".format(folder) in out and reason in out
    assert place.of_trial(0, runner) == folder and not capsys.readouterr().out


def test_a_training_takes_its_own_folder(tmp_path):
    place = place_of(tmp_path, splits=[split_of("cd")], do_train=True)
    assert place.of_trial(0, runner_of()) == str(tmp_path)


def test_names_follow_from_the_examples(tmp_path):
    names = {
        place_of(tmp_path, splits=[split]).of_trial(0, runner_of())
        for split in (split_of("cd"), split_of("cd"), split_of("ef"))
    }
    assert len(names) == 2


@pytest.mark.parametrize("held", [".", "trial_0"])
def test_beside_a_training_that_works(tmp_path, capsys, held):
    """In the folder or, of several trials, above it."""
    place = place_of(tmp_path / "trial_0", num_trials=1)
    os.makedirs(str(tmp_path / held), exist_ok=True)
    with lock.hold(str(tmp_path / held)):
        folder = place.of_trial(0, runner_of())
    assert os.path.dirname(folder) == str(tmp_path / "trial_0")
    assert "a training works in" in capsys.readouterr().out


def test_trials_and_published_results(tmp_path):
    hparams = types.SimpleNamespace(results_dir="models/small/results")
    splits = [split_of("cd")]
    place = place_of(tmp_path, splits=splits, num_trials=2, hparams=hparams)
    assert place.published == "models/small/results"
    folders = [place.of_trial(number, runner_of()) for number in range(2)]
    assert folders == [os.path.join(place.root, name) for name in ("trial_0", "trial_1")]
    assert place.published == os.path.join(place.root, "results")


def test_locks_are_looked_at(tmp_path):
    assert not lock.is_held(str(tmp_path / "none"))
    with lock.hold(str(tmp_path)):
        assert lock.is_held(str(tmp_path))
    assert not lock.is_held(str(tmp_path))
