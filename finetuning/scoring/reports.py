"""Figures of several trials in the format of papers, and files of predictions."""

import json
import os

from common import files
from common.outputs import copy_atomically, write_atomically
from finetuning.prediction_record import SCORES_FILE

# Words for splits in the names of google-research/electra's files.
_ELECTRA_SPLITS = {"dev": "dev", "test": "eval"}


def maximum_and_mean(values):
    """`69.2 (68.4)`: the largest value and the mean, in percent (Cui et al. 2021)."""
    return "{:.1f} ({:.1f})".format(100 * max(values), 100 * sum(values) / len(values))


def trial_lines(task_name, trials):
    """Lines for the log.

    Args:
      task_name: name of the task, or names.
      trials: list of dicts name -> number, with names that hold eval_ and test_.
    """
    lines = []
    for name in _figures(trials[0]):
        values = [trial[name] for trial in trials]
        lines.append(
            "{} {}: {}  maximum (mean) of {} trials: {}".format(
                task_name,
                name,
                maximum_and_mean(values),
                len(values),
                " ".join("{:.1f}".format(100 * value) for value in values),
            )
        )
    return lines


def headlines(splits, trials):
    """The figures that papers report, in their format: `cmrc2018 dev em / f1: 69.2 (68.4) / 88.1
    (87.9)`.

    Args:
      splits: list of TaskSplit, of dev and test examples.
      trials: as for trial_lines.

    Returns:
      List of lines; none for a split without a score.
    """
    lines = []
    for split in splits:
        prefix = "test" if split.name == "test" else "eval"
        names = [split.named("{}_{}".format(prefix, name)) for name in split.task.headline]
        if all(name in trial for name in names for trial in trials):
            shown = maximum_and_mean if len(trials) > 1 else _only
            values = (shown([trial[name] for trial in trials]) for name in names)
            what = " / ".join(split.task.headline)
            lines.append(
                "{} {} {}: {}".format(split.task.name, split.name, what, " / ".join(values))
            )
    return lines


def _only(values):
    return "{:.1f}".format(100 * values[0])


def _figures(trial):
    return [
        name
        for name in trial
        if any(prefix in name for prefix in ("eval_", "test_")) and not name.endswith("_loss")
    ]


def save_trials(output_dir, trials):
    """Writes output_dir/trials.json: all figures of all trials."""
    text = json.dumps(trials, indent=2) + "\n"
    write_atomically(os.path.join(output_dir, "trials.json"), text)


def save_scores(folder, scores):
    """Writes test_scores.txt, one `name = value` a line; returns its name."""
    text = "".join("{} = {}\n".format(*item) for item in scores.items())
    write_atomically(os.path.join(folder, SCORES_FILE), text)
    return SCORES_FILE


def results_text(splits, trials):
    """The content of google-research/electra's results/TASK_results.txt: `cmrc2018: em: 63.90 - f1:
    84.12`, one line per task and trial.

    Args:
      splits: list of TaskSplit, of dev examples.
      trials: as for trial_lines.
    """
    lines = []
    for number, trial in enumerate(trials, 1):
        if len(trials) > 1:
            lines.append("trial {}:".format(number))
        for split in splits:
            start = split.named("eval_")
            figures = [
                "{}: {:.4g}".format(name[len(start) :], value * (1 if "loss" in name else 100))
                for name, value in trial.items()
                if name.startswith(start)
            ]
            lines.append("{}: {}".format(split.task.name, " - ".join(figures)))
    return "".join(line + "\n" for line in lines)


def save_results_text(results_dir, splits, trials):
    """Writes results_text to RESULTS_DIR/TASKS_results.txt, with commas between several tasks;
    returns the path."""
    files.make_directories(results_dir)
    name = ",".join(split.task.name for split in splits) + "_results.txt"
    path = os.path.join(results_dir, name)
    write_atomically(path, results_text(splits, trials))
    return path


def publish_answers(split, folder, results_dir, task_names, trial=None):
    """Copies answers to questions to where google-research/electra writes them:
    RESULTS_DIR/TASKS_qa/TASK_dev_preds.json, for test examples TASK_eval_preds.json; with several
    trials also TASK_dev_1_preds.json and so on. Several tasks have commas between their names.

    Args:
      split: TaskSplit of a task that has_answers.
      folder: where save_predictions wrote the answers.
      results_dir: see above.
      task_names: of all tasks of the run.
      trial: its number from 1, None for the only one.

    Returns:
      The path.
    """
    target = os.path.join(results_dir, ",".join(task_names) + "_qa")
    files.make_directories(target)
    source = os.path.join(folder, split.task.prediction_file(split.name))
    name = split.task.prediction_file(_ELECTRA_SPLITS[split.name])
    names = [name]
    if trial is not None:
        names.append(name.replace("_preds", "_{}_preds".format(trial)))
    for name in names:
        copy_atomically(source, os.path.join(target, name))
    return os.path.join(target, names[0])


def class_file(split):
    """Name of the file of probabilities that save_classes writes."""
    return split + "_results.tsv"


def save_classes(folder, split, chosen, probabilities):
    """Writes SPLIT_results.tsv (the probability of each class, as Google's run_classifier.py does)
    and SPLIT_labels.txt (what was chosen); one line per example, in the order of the input.

    Args:
      folder: where to.
      split: "dev" or "test".
      chosen: list of str, the most probable label of each example, or its labels.
      probabilities: list of float32 [labels].

    Returns:
      List of the names of the files.
    """
    names = [class_file(split), split + "_labels.txt"]
    rows = "".join("\t".join(str(p) for p in row) + "\n" for row in probabilities)
    write_atomically(os.path.join(folder, names[0]), rows)
    write_atomically(os.path.join(folder, names[1]), "".join(line + "\n" for line in chosen))
    return names


def save_table(folder, name, lines):
    """Writes a file of lines; returns its name."""
    write_atomically(os.path.join(folder, name), "".join(line + "\n" for line in lines))
    return name
