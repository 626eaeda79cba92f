"""Figures of several trials as papers print them, and what was predicted."""

import json
import os

from data.files import write_atomically


def maximum_and_mean(values):
    """`69.2 (68.4)`: the largest value and the mean, in percent (Cui et al. 2021)."""
    return "{:.1f} ({:.1f})".format(100 * max(values), 100 * sum(values) / len(values))


def trial_lines(task_name, trials):
    """Lines for the log.

    Args:
      task_name: name of the task.
      trials: list of dicts name -> number, with names eval_* and test_*.
    """
    names = [n for n in trials[0] if n.startswith(("eval_", "test_")) and not n.endswith("_loss")]
    lines = []
    for name in names:
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


def save_trials(output_dir, trials):
    """Writes output_dir/trials.json: all figures of all trials."""
    text = json.dumps(trials, indent=2) + "\n"
    write_atomically(os.path.join(output_dir, "trials.json"), text)


def save_scores(folder, scores):
    """Writes test_scores.txt, one `name = value` a line."""
    text = "".join("{} = {}\n".format(*item) for item in scores.items())
    write_atomically(os.path.join(folder, "test_scores.txt"), text)


def save_predictions(folder, labels, probabilities):
    """Writes test_results.tsv (the probability of each class, as Google's run_classifier.py does)
    and test_labels.txt (the most probable label); a line an example, in the order of the input.

    Args:
      folder: where to.
      labels: list of str.
      probabilities: float32 [examples, labels].
    """
    rows = "".join("\t".join(str(p) for p in row) + "\n" for row in probabilities)
    write_atomically(os.path.join(folder, "test_results.tsv"), rows)
    best = "".join(labels[int(row.argmax())] + "\n" for row in probabilities)
    write_atomically(os.path.join(folder, "test_labels.txt"), best)
