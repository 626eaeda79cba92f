"""Where the results of a fine-tuning run go. Those in --output_dir belong to the training there, so
a run that does not train may have to take a folder of its own."""

import dataclasses
import os

from common import files
from common.errors import UserError
from common.log import log
from common.validation import is_object
from finetuning import task_file
from finetuning.features import digest_of
from training.checkpoints import lock


class ResultsPlace:
    """The folders of a run's results, chosen when they are written.

    A training writes to --output_dir, as do runs that evaluate and predict as it does. Others write
    to --output_dir/evaluation-DIGEST, whose name follows from their examples and rows.
    """

    def __init__(self, settings, splits):
        """Reads nothing yet.

        Args:
          settings: FinetuningSettings.
          splits: list of TaskSplit, of all dev and test examples.
        """
        self._settings, self._splits = settings, splits
        self._own = None

    @property
    def root(self):
        """--output_dir, or the folder of its own; of the results of all trials."""
        return self._own or self._settings.output_dir

    @property
    def published(self):
        """The folder of ELECTRA's results, None without its directory."""
        folder = self._settings.hparams and self._settings.hparams.results_dir
        return os.path.join(self._own, "results") if folder and self._own else folder

    def of_trial(self, number, runner):
        """The folder of a trial's results.

        Args:
          number: of the trial, from 0.
          runner: its FinetuningRunner.
        """
        folder = self._settings.trial_dirs()[number]
        if self._own is None and not self._settings.do_train:
            reason = self._difference(folder, runner)
            if reason:
                digest = digest_of([split.origin["rows"] for split in self._splits])
                self._own = os.path.join(self._settings.output_dir, "evaluation-" + digest)
                log("results go to {}: {}".format(self._own, reason))
        if self._own is None:
            return folder
        return dataclasses.replace(self._settings, output_dir=self._own).trial_dirs()[number]

    def _difference(self, folder, runner):
        """In a few words, why results are none of the training in `folder`; None where they are, or
        nothing was trained there."""
        try:
            entries = {str(entry.get("task")): entry for entry in task_file.entries_of(folder)}
        except UserError as error:
            return str(error)
        if not entries:
            return None
        output_dir = self._settings.output_dir
        # A training of several trials holds the folder above theirs.
        for place in (output_dir, os.path.dirname(os.path.abspath(output_dir))):
            if not files.is_remote(output_dir) and lock.is_held(place):
                return "a training works in {}".format(place)
        if runner.chosen() is None or not runner.is_current():
            return "they are not of the checkpoint that is in {}".format(folder)
        for split in self._splits:
            what = _difference_from(entries.get(split.task.name, {}), split)
            if what:
                return "{} differ from those of the training in {}".format(what, folder)
        return None


def _difference_from(entry, split):
    """What of a split is not as in a training: "dev examples", "settings of dev rows" or None.

    Args:
      entry: of the training's task.json; {}: it was of another task.
      split: TaskSplit.
    """
    if not entry:
        return "tasks"
    task, (tokenizer, max_seq_length) = split.task, split.encoding
    trained = entry.get("fingerprints", {})
    if split.name not in trained:  # the training has no such examples, and no results of them
        return None
    if trained[split.name] != split.fingerprint:
        return "{} examples".format(split.name)
    values = {
        "labels": task.labels,
        "max_seq_length": max_seq_length,
        "do_lower_case": tokenizer.do_lower_case,
        "normalize_quotes": tokenizer.normalize_quotes,
        "t2s": tokenizer.t2s,
        "head_options": task.head_options,
    }
    kept, options = entry.get("row_options", {}), task.model_options
    differs = not is_object(kept) or any(kept.get(n, v) != v for n, v in options.items())
    if differs or any(entry.get(name) not in (None, value) for name, value in values.items()):
        return "settings of {} rows".format(split.name)
    return None
