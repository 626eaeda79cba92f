"""The runner of pre-training and its evaluation."""

import os

import numpy as np

from common.errors import UserError
from common.log import log, warn
from common.outputs import write_atomically
from data.records.checks import record_contents
from modeling import checkpoint, checkpoint_files
from training import evaluations
from training import run_config as run_configs
from training.checkpoints.best import RESULTS_FILE, read_results
from training.checkpoints.recovery import BEST_FOLDER
from training.failures import output_errors, session_errors
from training.hooks import BatchesHook
from training.model_fn import TEXTS, TOTAL_LOSS
from training.runner import Runner

# Figures of an evaluation: "" of the training's own, _START of the weights that it started from,
# else see _owner_in_names.
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

    def _evaluate(self, estimator, prefix, owner=None):
        """Evaluates a checkpoint; None: random weights. `owner`: see RESULTS_OF."""
        config = self._config
        is_initial = prefix is None or prefix == config.init_checkpoint
        log(
            "evaluating {}{} on {} files".format(
                prefix or "random weights",
                " (step 0, before training)" if owner == _START else "",
                len(config.eval_files),
            )
        )
        with session_errors(config.eval_files, self._ranges(), self._devices.session_fault):
            steps = self._eval_steps()
            values = estimator.evaluate(
                self._evaluation_input(),
                steps=steps,
                hooks=[*self._evaluation_hooks(), BatchesHook(self._batches(steps))],
                checkpoint_path=None if is_initial else checkpoint_files.place(prefix),
            )
        results = self._results(values)
        self._show_results(results)
        owner = self._owner_in_names() if owner is None else owner
        # The figures last: with them an evaluation is complete.
        self._write_tables(self._objective.tables(values), owner)
        name = RESULTS_OF.format(owner)
        self._save_results(results, name)
        if owner not in ("", _START):
            log("the figures are in {}, as eval_results.txt is the training's".format(name))
        return results

    def _results(self, values):
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
        rows = evaluations.rows_read(self._config, self._drawing, count, self._is_all(count))
        return dict(results, **rows)

    def _is_all(self, count):
        """Whether the eval files hold no more rows than `count`."""
        config = self._config
        if config.max_eval_steps is None and not config.use_tpu:
            return True
        rows = config.eval_records
        if rows is None:
            rows = record_contents.count_rows(config.eval_files, count + 1)
        return rows <= count

    def _owner_in_names(self):
        """What tells the files of this evaluation from those of the training in output_dir, which
        owns eval_results.txt where it evaluates: "" for the training's own."""
        config = self._config
        if config.do_train or not run_configs.is_evaluated_by_training(config.output_dir):
            return ""
        return "." + config.records["eval"]["sha256"][:_DIGITS]

    def _write_tables(self, tables, owner):
        for kind, lines in tables.items():
            path = os.path.join(self._config.output_dir, "eval_{}{}.tsv".format(kind, owner))
            with output_errors(self._config.output_dir):
                write_atomically(path, "\n".join(lines) + "\n")
            log("  table of {}: {}".format(kind, path))

    def _show_progress_made(self):
        """Logs the figures before the training, after it, and of the best checkpoint."""
        start, last, best = (
            read_results(os.path.join(self._config.output_dir, name))
            for name in (
                RESULTS_OF.format(_START),
                RESULTS_FILE,
                os.path.join(BEST_FOLDER, RESULTS_FILE),
            )
        )
        if not last:
            return
        if not evaluations.are_comparable(start, last):
            log(
                "no comparison with the start: {}".format(
                    "it was evaluated on " + evaluations.describe_rows(start) + ", or other masks"
                    if start
                    else "step 0 was not evaluated, since --eval_file was not given then"
                )
            )
            return
        columns = [("step 0", start), ("step {:,}".format(last[evaluations.STEP]), last)]
        if evaluations.are_comparable(last, best) and best[evaluations.STEP] != last["global_step"]:
            columns.append(("best: step {:,}".format(best[evaluations.STEP]), best))
        if not min(column[self.BEST_BY] for _, column in columns[1:]) < start[self.BEST_BY]:
            warn("no checkpoint is better than the weights that the training started from")
        log("before -> after, on the same {}:".format(evaluations.describe_rows(last)))
        for line in evaluations.table(columns):
            log(line)

    def _eval_steps(self):
        """Batches to evaluate, None: all; a TPU requests all at once and fails if there are
        fewer."""
        config = self._config
        if not config.use_tpu:
            return config.max_eval_steps
        limit = config.max_eval_steps and config.max_eval_steps * config.eval_batch_size
        rows = record_contents.count_rows(config.eval_files, limit)
        if rows < config.eval_batch_size:
            raise UserError(
                "{} and the rest hold {} rows, and a TPU takes full batches only; give a smaller "
                "--eval_batch_size than {}".format(
                    config.eval_files[0], rows, config.eval_batch_size
                )
            )
        return rows // config.eval_batch_size

    def _batches(self, steps):
        """How many batches an evaluation of at most `steps` has; None where it is not known."""
        config = self._config
        if config.eval_records is None:
            return steps
        batches = -(-config.eval_records // config.eval_batch_size)
        return batches if steps is None else min(batches, steps)

    def _evaluation_input(self):
        config = self._config
        return self._input_fn(
            config.eval_files,
            full_batches=config.use_tpu,
            row_multiple=self._row_multiple(config.eval_batch_size),
        )


def _by_task(name):
    task, kind = name.rsplit("_", 1)
    place = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return task, place, kind
