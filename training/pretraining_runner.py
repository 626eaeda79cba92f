"""Runs pre-training and its evaluation."""

import os

import numpy as np

from common.errors import UserError
from common.files import write_atomically
from common.log import log
from data.records.checks import record_contents
from modeling import checkpoint
from training import tag_tables
from training.failures import output_errors, session_errors
from training.model_fn import TOTAL_LOSS
from training.runner import Runner


class Pretraining(Runner):
    """A run on pre-training records; the best checkpoint has the lowest loss on the eval files."""

    @property
    def BEST_BY(self):
        return self._objective.best_by

    def evaluate(self):
        """Evaluates the latest checkpoint of output_dir, or the initial one, on the eval files.

        Returns:
          dict of what eval_results.txt holds.

        Raises:
          UserError: there is no checkpoint to evaluate.
        """
        prefix = self.checkpoint()  # first: a run that is refused makes no directory
        return self._evaluate(self._make_estimator(), prefix)

    def checkpoint(self):
        """The latest checkpoint of output_dir, or the initial one.

        Raises:
          UserError: there is none.
        """
        run = self._run
        latest = checkpoint.latest(run.output_dir) if run.do_train else self._resume
        if not latest and not run.init_checkpoint:
            raise UserError(
                "nothing to evaluate: --output_dir {} holds no checkpoint and --init_checkpoint "
                "is not given".format(run.output_dir)
            )
        return latest or run.init_checkpoint

    def _evaluate(self, estimator, prefix):
        run = self._run
        log("evaluating {} on {} files".format(prefix, len(run.eval_files)))
        with session_errors(run.eval_files):
            found = estimator.evaluate(
                self._evaluation_input(),
                steps=self._eval_steps(),
                hooks=self._evaluation_hooks(),
                checkpoint_path=None if prefix == run.init_checkpoint else prefix,
            )
        results = {"global_step": int(found["global_step"]), "loss": float(found[TOTAL_LOSS])}
        figures = {
            name: value for name, value in found.items() if "_" in name and not np.ndim(value)
        }
        figures.update(self._objective.figures(found))
        for name in sorted(set(figures) - {"global_step", TOTAL_LOSS}, key=_by_task_loss_first):
            results[name] = float(figures[name])
        self._write_results(results)
        self._write_tables(tag_tables.tables(found))
        return results

    def _write_tables(self, tables):
        for kind, lines in tables.items():
            path = os.path.join(self._run.output_dir, "eval_{}.tsv".format(kind))
            with output_errors(self._run.output_dir):
                write_atomically(path, "\n".join(lines) + "\n")
            log("  {} tags apart: {}".format(kind, path))

    def _eval_steps(self):
        """Batches to evaluate; a TPU asks for all at once and fails where there are fewer."""
        run = self._run
        if not run.use_tpu:
            return run.max_eval_steps
        rows = record_contents.count_rows(run.eval_files, run.max_eval_steps * run.eval_batch_size)
        if rows < run.eval_batch_size:
            raise UserError(
                "{} and the rest hold {} rows, and a TPU takes full batches only; take a smaller "
                "--eval_batch_size than {}".format(run.eval_files[0], rows, run.eval_batch_size)
            )
        return rows // run.eval_batch_size

    def _evaluation_input(self):
        return self._input_fn(self._run.eval_files, full_batches=self._run.use_tpu)


def _by_task_loss_first(name):
    task, kind = name.rsplit("_", 1)
    return task, kind != "loss", kind
