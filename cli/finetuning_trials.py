"""The trials of a fine-tuning run, each with a seed of its own, and the report on all of them."""

import os

from common import files
from common.log import log
from finetuning import task_file
from finetuning.features import fingerprint
from finetuning.scoring import reports
from training.failures import output_errors


def run_trials(run):
    """Trains, evaluates and predicts in each trial.

    Args:
      run: FinetuningTrials.

    Returns:
      List of dicts name -> figure, one per trial.

    Raises:
      UserError: see FinetuningRunner; something cannot be written.
      Stopped: see Runner.train.
    """
    settings, figures = run.settings, []
    several = settings.num_trials > 1
    for trial, output_dir in enumerate(settings.trial_dirs()):
        if several:
            log("trial {} of {}".format(trial + 1, settings.num_trials))
        runner = run.make_runner(output_dir, settings.seed + trial)
        figures.append(_run_trial(run, runner, output_dir))
        results_dir = _results_dir(settings)
        if results_dir:
            number = trial + 1 if several else None
            with output_errors(results_dir):
                for split in run.splits["dev"] + run.splits["test"]:
                    folder = split.folder_in(output_dir)
                    reports.publish_answers(split, folder, results_dir, number)
    return figures


def report_trials(run, trials):
    """Prints the figures of the trials as papers print them, and keeps those of several trials.

    Args:
      run: FinetuningTrials.
      trials: what run_trials returned.

    Raises:
      UserError: the figures cannot be written.
    """
    if not trials[0]:
        return
    settings, results_dir = run.settings, _results_dir(run.settings)
    if results_dir:
        with output_errors(results_dir):
            path = reports.save_results_text(results_dir, run.splits["dev"], trials)
        log("figures are in {}".format(path))
    if len(trials) > 1:
        with output_errors(settings.output_dir):
            reports.save_trials(settings.output_dir, trials)
        for line in reports.trial_lines(",".join(settings.task_names), trials):
            log(line)
    for line in reports.headlines(run.splits["dev"] + run.splits["test"], trials):
        log(line)


def _results_dir(settings):
    """ELECTRA's folder of results; None without its directory."""
    return settings.hparams and settings.hparams.results_dir


def _run_trial(run, runner, output_dir):
    """dict of all figures of a trial."""
    with output_errors(output_dir):
        files.make_directories(output_dir)
    if run.settings.do_train:
        _save_task(run, output_dir)
        runner.train()
    results = {}
    if run.settings.do_eval:
        results = _evaluate(run, runner, output_dir)
    for split in run.splits["test"]:
        results.update(_predict_test(runner, split, output_dir))
    return results


def _evaluate(run, runner, output_dir):
    """dict of figures of the dev examples, whose predictions are written."""
    # A run that was trained before evaluations were asked for has no best checkpoint.
    results = (run.settings.do_train and runner.finish()) or runner.evaluate()
    for split in run.splits["dev"]:
        name = split.task.prediction_file(split.name)
        is_there = files.exists(os.path.join(split.folder_in(output_dir), name))
        predictions = runner.predictions_of(split, or_none=is_there)
        if predictions is not None:
            _save_predictions(split, output_dir, predictions)
    return results


def _predict_test(runner, split, output_dir):
    """dict of figures of test examples, empty without labels; predictions and figures are
    written."""
    predictions = runner.predictions_of(split)
    _save_predictions(split, output_dir, predictions)
    if not split.is_labelled:
        return {}
    scores = split.score(predictions)
    with output_errors(output_dir):
        reports.save_scores(split.folder_in(output_dir), scores)
    for name, value in scores.items():
        log("  {} = {}".format(name, value))
    return scores


def _save_predictions(split, output_dir, predictions):
    """Writes predictions in the scorers' formats."""
    folder = split.folder_in(output_dir)
    with output_errors(folder):
        files.make_directories(folder)
        split.task.save_predictions(folder, split.name, split.examples, predictions)
    log("predictions of {} {} examples are in {}".format(len(predictions), split.name, folder))


def _save_task(run, output_dir):
    """Writes task.json: the meaning of the model's outputs, and its training data."""
    entries = []
    for trained in run.splits["train"]:
        of_task = [s for splits in run.splits.values() for s in splits if s.task is trained.task]
        entries.append((trained.task, {s.name: fingerprint(s.examples) for s in of_task}))
    settings = run.settings
    with output_errors(output_dir):
        task_file.save(output_dir, entries, settings.max_seq_length, settings.do_lower_case)
