"""The runner of pre-training and its evaluation."""

import os

import numpy as np

from common.errors import UserError
from common.log import log, log_lines
from common.outputs import write_atomically
from data.records.checks import record_contents
from modeling import checkpoint, checkpoint_files
from training import before_after, evaluations
from training import run_config as run_configs
from training.checkpoints.best import RESULTS_FILE, read_results
from training.checkpoints.recovery import BEST_FOLDER
from training.failures import output_errors, session_errors
from training.hooks import BatchesHook
from training.model_fn import TEXTS, TOTAL_LOSS
from training.records import evaluation_sets
from training.runner import Runner

# Figures of an evaluation: "" of the training's own, _START of the weights that it started from,
# else see _owner_in_names; those of all sets. Tables of a set have its name before that.
RESULTS_OF = "eval_results{}.txt"
_START = ".start"
_DIGITS = 8
# Figures of a loss in this order, then the others.
_KINDS = ("loss", "weight", "perplexity")


class PretrainingRunner(Runner):
    """A run on pre-training records; the best checkpoint has the lowest loss on the eval files.

    records = pretraining_run.find_records(request)
    runner = PretrainingRunner(pretraining_run.build(request, records, Devices()))
    runner.train()
    """

    @property
    def BEST_BY(self):
        return self._objective.best_by

    def train(self):
        """See Runner; ends with a table of the figures before and after, where there are any."""
        is_evaluated = super().train()
        if self._config.eval_while_training:
            self._show_progress_made()
        return is_evaluated

    def evaluate(self):
        """Evaluates the latest checkpoint of output_dir, or the initial one, on the eval files.

        Returns:
          dict name -> number or text, the content of eval_results.txt.

        Raises:
          UserError: there is no checkpoint to evaluate.
        """
        prefix = self.checkpoint()  # first, so that a refused run makes no directory
        return self._evaluate(self._make_estimator(), prefix)

    def checkpoint(self):
        """The latest checkpoint of output_dir, or the initial one.

        Raises:
          UserError: there is none.
        """
        config = self._config
        latest = checkpoint.latest(config.output_dir) if config.do_train else self._resume
        if not latest and not config.init_checkpoint:
            raise UserError(
                "nothing to evaluate: --output_dir {} holds no checkpoint and --init_checkpoint "
                "is not given".format(config.output_dir)
            )
        return latest or config.init_checkpoint

    def _evaluate_start(self):
        prefix = self._resume or self._config.init_checkpoint
        self._evaluate(self._make_estimator(), prefix, _START)

    def _record_files(self):
        sets = [files for _, files in self._sets()]
        return [*super()._record_files(), *((part.eval_files, self._objective) for part in sets)]

    def _sets(self):
        """See evaluation_sets.each."""
        return evaluation_sets.each(self._config)

    def _evaluate(self, estimator, prefix, owner=None):
        """Evaluates a checkpoint on every set; None: random weights. `owner`: see RESULTS_OF."""
        is_start = owner == _START
        owner = self._owner_in_names() if owner is None else owner
        parts = []
        for name, config in self._sets():
            log(
                "evaluating {}{} on {}{} files".format(
                    prefix or "random weights",
                    " (step 0, before training)" if is_start else "",
                    name + ": " if name else "",
                    len(config.eval_files),
                )
            )
            values = self._values(estimator, prefix, name, config)
            parts.append((name, self._results(values, config)))
            self._show_results(parts[-1][1])
            of_set = "." + name if name else ""
            self._write_tables(self._objective.tables(values), of_set + owner)
        # The figures last: with them an evaluation is complete.
        results, name = evaluations.joined(parts), RESULTS_OF.format(owner)
        self._save_results(results, name)
        if owner not in ("", _START):
            log("the figures are in {}, as eval_results.txt is the training's".format(name))
        return results

    def _values(self, estimator, prefix, name, config):
        """What an estimator's evaluation of a set returns; `config`: RunConfig of the set."""
        is_initial = prefix is None or prefix == config.init_checkpoint
        with session_errors(config.eval_files, self._ranges(), self._devices.session_fault):
            steps = eval_steps(config)
            return estimator.evaluate(
                self._evaluation_input(config.eval_files),
                steps=steps,
                hooks=[*self._evaluation_hooks(), BatchesHook(_batches(config, steps))],
                checkpoint_path=None if is_initial else checkpoint_files.place(prefix),
                name=name,
            )

    def _results(self, values, config):
        """dict name -> number or text, of what an estimator's evaluation returned."""
        results = {
            evaluations.STEP: int(values["global_step"]),
            evaluations.LOSS: float(values[TOTAL_LOSS]),
        }
        figures = {
            name: value for name, value in values.items() if "_" in name and not np.ndim(value)
        }
        figures.update(self._objective.figures(values))
        for name in sorted(set(figures) - {"global_step", TOTAL_LOSS, TEXTS}, key=_by_task):
            results[name] = float(figures[name])
        count = int(values[TEXTS])
        rows = evaluations.rows_read(config, self._drawing, count, _is_all(config, count))
        return dict(results, **rows)

    def _owner_in_names(self):
        """What tells the files of this evaluation from those of the training in output_dir, which
        owns eval_results.txt where it evaluates: "" for the training's own."""
        config = self._config
        if config.do_train or not run_configs.is_evaluated_by_training(config.output_dir):
            return ""
        return "." + evaluation_sets.digest(config)[:_DIGITS]

    def _write_tables(self, tables, owner):
        for kind, lines in tables.items():
            path = os.path.join(self._config.output_dir, "eval_{}{}.tsv".format(kind, owner))
            with output_errors(self._config.output_dir):
                write_atomically(path, "\n".join(lines) + "\n")
            log("  table of {}: {}".format(kind, path))

    def _show_progress_made(self):
        """Logs the figures before the training, after it, and of the best checkpoint."""
        names = RESULTS_OF.format(_START), RESULTS_FILE, os.path.join(BEST_FOLDER, RESULTS_FILE)
        figures = [read_results(os.path.join(self._config.output_dir, name)) for name in names]
        log_lines(before_after.lines(*figures, self.BEST_BY))

    def _evaluation_input(self, files):
        config = self._config
        return self._input_fn(
            files,
            full_batches=config.use_tpu,
            row_multiple=self._row_multiple(config.eval_batch_size),
        )


def eval_steps(config):
    """Batches to evaluate, None: all; a TPU requests all at once and fails if there are fewer.

    Args:
      config: RunConfig, of one set.

    Raises:
      UserError: there are too few rows for a batch of a TPU.
    """
    if not config.use_tpu:
        return config.max_eval_steps
    limit = config.max_eval_steps and config.max_eval_steps * config.eval_batch_size
    rows = record_contents.count_rows(config.eval_files, limit)
    if rows < config.eval_batch_size:
        raise UserError(
            "{} and the rest hold {} rows, and a TPU takes full batches only; give a smaller "
            "--eval_batch_size than {}".format(config.eval_files[0], rows, config.eval_batch_size)
        )
    return rows // config.eval_batch_size


def _batches(config, steps):
    """How many batches an evaluation of at most `steps` has; None where it is not known."""
    if config.eval_records is None:
        return steps
    batches = -(-config.eval_records // config.eval_batch_size)
    return batches if steps is None else min(batches, steps)


def _is_all(config, count):
    """Whether the eval files hold no more rows than `count`."""
    if config.max_eval_steps is None and not config.use_tpu:
        return True
    rows = config.eval_records
    if rows is None:
        rows = record_contents.count_rows(config.eval_files, count + 1)
    return rows <= count


def _by_task(name):
    task, kind = name.rsplit("_", 1)
    place = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return task, place, kind
