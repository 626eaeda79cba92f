"""The trials of a fine-tuning run, each with a seed of its own, and the report on all of them."""

import functools

from cli.finetuning_results import ResultsPlace
from common import files
from common.log import log
from finetuning import loading, prediction_record, task_file
from finetuning.features import fingerprint
from finetuning.scoring import reports
from modeling import checkpoint
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
    place = ResultsPlace(settings, run.splits["dev"] + run.splits["test"])
    for trial, output_dir in enumerate(settings.trial_dirs()):
        if several:
            log("trial {} of {}".format(trial + 1, settings.num_trials))
        folder_of = functools.partial(place.of_trial, trial)
        runner = run.make_runner(output_dir, settings.seed + trial, folder_of)
        figures.append(_run_trial(run, runner, output_dir, folder_of))
        if place.published:
            number = trial + 1 if several else None
            with output_errors(place.published):
                for split in run.splits["dev"] + run.splits["test"]:
                    folder = split.folder_in(folder_of(runner))
                    reports.publish_answers(split, folder, place.published, number)
    _report(run, place, figures)
    return figures


def _report(run, place, trials):
    """Prints the figures of the trials as papers print them, and keeps those of several trials.

    Args:
      run: FinetuningTrials.
      place: ResultsPlace.
      trials: list of dicts name -> figure, one per trial.

    Raises:
      UserError: the figures cannot be written.
    """
    if not trials[0]:
        return
    settings, published = run.settings, place.published
    if published and run.splits["dev"]:
        with output_errors(published):
            path = reports.save_results_text(published, run.splits["dev"], trials)
        log("figures are in {}".format(path))
    if len(trials) > 1:
        with output_errors(place.root):
            reports.save_trials(place.root, trials)
        for line in reports.trial_lines(",".join(settings.task_names), trials):
            log(line)
    for line in reports.headlines(run.splits["dev"] + run.splits["test"], trials):
        log(line)


def _run_trial(run, runner, output_dir, folder_of):
    """dict of all figures of a trial; `folder_of`: see ResultsPlace.of_trial."""
    with output_errors(output_dir):
        files.make_directories(output_dir)
    if run.settings.do_train:
        _save_task(run, output_dir)
        runner.train()
    results = {}
    if run.settings.do_eval:
        results = _evaluate(run, runner, folder_of)
    for split in run.splits["test"]:
        results.update(_predict_test(runner, split, folder_of))
    return results


def _evaluate(run, runner, folder_of):
    """dict of figures of the dev examples, whose predictions are written."""
    # A run that was trained before evaluations were asked for has no best checkpoint.
    results = (run.settings.do_train and runner.finish()) or runner.evaluate()
    for split in run.splits["dev"]:
        folder = split.folder_in(folder_of(runner))
        if prediction_record.is_good(folder, split.name, _origin(runner, split)):
            log("predictions of {} examples are kept in {}".format(split.name, folder))
        else:
            _save_predictions(runner, split, folder, runner.predictions_of(split), {})
    return results


def _predict_test(runner, split, folder_of):
    """dict of figures of test examples, empty without labels; predictions and figures are
    written."""
    predictions = runner.predictions_of(split)
    scores = split.score(predictions) if split.is_labelled else {}
    _save_predictions(runner, split, split.folder_in(folder_of(runner)), predictions, scores)
    for name, value in scores.items():
        log("  {} = {}".format(name, value))
    return scores


def _save_predictions(runner, split, folder, predictions, scores):
    """Writes predictions in the scorers' formats, their figures, and what they are of."""
    with output_errors(folder):
        files.make_directories(folder)
        names = split.task.save_predictions(folder, split.name, split.examples, predictions)
        if scores:
            names.append(reports.save_scores(folder, scores))
        prediction_record.save(folder, split.name, _origin(runner, split), names)
    log("predictions of {} {} examples are in {}".format(len(predictions), split.name, folder))


def _origin(runner, split):
    """dict of what predictions depend on."""
    return dict(runner.model(), **split.origin)


def _save_task(run, output_dir):
    """Writes task.json: the meaning of the model's outputs, and its training data."""
    tasks = [trained.task for trained in run.splits["train"]]
    # A resumed run may read fewer splits than the one before.
    _, before = loading.read_saved(tasks, checkpoint.latest(output_dir))
    entries = []
    for task, saved in zip(tasks, before):
        of_task = [s for splits in run.splits.values() for s in splits if s.task is task]
        now = {split.name: fingerprint(split.examples) for split in of_task}
        entries.append((task, dict(saved.get("fingerprints", {}), **now)))
    settings, (tokenizer, _) = run.settings, run.splits["train"][0].encoding
    with output_errors(output_dir):
        task_file.save(
            output_dir,
            entries,
            settings.max_seq_length,
            settings.do_lower_case,
            tokenizer.vocabulary,
        )
