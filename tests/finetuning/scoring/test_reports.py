"""Figures of trials as papers print them, and files of predictions."""

import json

import numpy as np

from finetuning.examples import Example, Examples
from finetuning.kinds.classification import ClassificationTask
from finetuning.scoring import reports
from finetuning.task_split import TaskSplit


def test_report(tmp_path):
    trials = [{"eval_accuracy": 0.692, "eval_loss": 1.0}, {"eval_accuracy": 0.676, "eval_loss": 2}]
    assert reports.trial_lines("t", trials) == [
        "t eval_accuracy: 69.2 (68.4)  maximum (mean) of 2 trials: 69.2 67.6"
    ]
    reports.save_trials(str(tmp_path), trials)
    assert json.loads((tmp_path / "trials.json").read_text()) == trials
    predictions = np.float32([[0.25, 0.75], [0.5, 0.125]])
    reports.save_classes(str(tmp_path), "test", ["好", "坏"], predictions)
    assert (tmp_path / "test_results.tsv").read_text() == "0.25\t0.75\n0.5\t0.125\n"
    assert (tmp_path / "test_labels.txt").read_text(encoding="utf-8") == "好\n坏\n"


def test_reports_of_several_trials(tmp_path):
    """Maximum and mean of what papers report, for dev and test; google-research/electra's file."""
    task = ClassificationTask("t", labels=["0", "1"])
    parts = [
        TaskSplit(
            task, split, Examples([Example("好", None, "1", "f")]), None, None, (None, 8), several
        )
        for split, several in (("dev", False), ("test", False), ("dev", True))
    ]
    trials = [
        {"eval_accuracy": 0.692, "eval_loss": 1.25, "test_accuracy": 0.5},
        {"eval_accuracy": 0.676, "eval_loss": 2.0, "test_accuracy": 0.7},
    ]
    assert reports.headlines(parts, trials) == [
        "t dev accuracy: 69.2 (68.4)",
        "t test accuracy: 70.0 (60.0)",
    ]
    assert reports.headlines(parts[:1], trials[:1]) == ["t dev accuracy: 69.2"]
    path = reports.save_results_text(str(tmp_path / "results"), parts[:1], trials)
    with open(path, encoding="utf-8") as reader:
        assert reader.read() == (
            "trial 1:\nt: accuracy: 69.2 - loss: 1.25\ntrial 2:\nt: accuracy: 67.6 - loss: 2\n"
        )
    assert path.endswith("t_results.txt")
