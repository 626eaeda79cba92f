"""The runner of pre-training and its evaluation."""

import os

import numpy as np

from common.errors import UserError, some
from common.log import log
from common.outputs import write_atomically
from data.records.checks import record_contents
from modeling import checkpoint, checkpoint_files
from training import run_config as run_configs
from training.failures import output_errors, session_errors
from training.hooks import BatchesHook
from training.model_fn import TOTAL_LOSS
from training.runner import Runner

# Figures of an evaluation: "" of the training's own, else see _owner_in_names.
RESULTS_OF = "eval_results{}.txt"
_DIGITS = 8


class PretrainingRunner(Runner):
    """A run on pre-training records; the best checkpoint has the lowest loss on the eval files.

    records = pretraining_run.find_records(request)
    runner = PretrainingRunner(pretraining_run.build(request, records, Devices()))
    runner.train()
    """

    @property
    def BEST_BY(self):
        return self._objective.best_by

    def evaluate(self):
        """Evaluates the latest checkpoint of output_dir, or the initial one, on the eval files.

        Returns:
          dict name -> number, the content of eval_results.txt.

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

    def _evaluate(self, estimator, prefix):
        config = self._config
        log("evaluating {} on {} files".format(prefix, len(config.eval_files)))
        with session_errors(config.eval_files, self._ranges(), self._devices.session_fault):
            steps = self._eval_steps()
            values = estimator.evaluate(
                self._evaluation_input(),
                steps=steps,
                hooks=[*self._evaluation_hooks(), BatchesHook(steps)],
                checkpoint_path=(
                    None if prefix == config.init_checkpoint else checkpoint_files.place(prefix)
                ),
            )
        results = {"global_step": int(values["global_step"]), "loss": float(values[TOTAL_LOSS])}
        figures = {
            name: value for name, value in values.items() if "_" in name and not np.ndim(value)
        }
        figures.update(self._objective.figures(values))
        for name in sorted(set(figures) - {"global_step", TOTAL_LOSS}, key=_by_task_loss_first):
            results[name] = float(figures[name])
        self._show_results(results)
        owner = self._owner_in_names()
        # The figures last: with them an evaluation is complete.
        self._write_tables(self._objective.tables(values), owner)
        name, origin = RESULTS_OF.format(owner), {}
        if owner:
            origin["records"] = some([os.path.basename(path) for path in config.eval_files])
        self._save_results(dict(origin, **results), name)
        if owner:
            log("the figures are in {}, as eval_results.txt is the training's".format(name))
        return results

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

    def _eval_steps(self):
        """Batches to evaluate; a TPU requests all at once and fails if there are fewer."""
        config = self._config
        if not config.use_tpu:
            return config.max_eval_steps
        rows = record_contents.count_rows(
            config.eval_files, config.max_eval_steps * config.eval_batch_size
        )
        if rows < config.eval_batch_size:
            raise UserError(
                "{} and the rest hold {} rows, and a TPU takes full batches only; give a smaller "
                "--eval_batch_size than {}".format(
                    config.eval_files[0], rows, config.eval_batch_size
                )
            )
        return rows // config.eval_batch_size

    def _evaluation_input(self):
        config = self._config
        return self._input_fn(
            config.eval_files,
            full_batches=config.use_tpu,
            row_multiple=self._row_multiple(config.eval_batch_size),
        )


def _by_task_loss_first(name):
    task, kind = name.rsplit("_", 1)
    return task, kind != "loss", kind
