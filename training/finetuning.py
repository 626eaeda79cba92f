"""Runs fine-tuning: training with an evaluation after each epoch, and predictions."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from errors import UserError
from modeling import checkpoint
from training.best import FOLDER, RESULTS_FILE, read_results
from training.faults import session_errors
from training.log import log, warn
from training.runner import Runner


class Finetuning(Runner):
    """A run on a task's examples; the best checkpoint has the highest figure on the dev examples.

    Evaluation is prediction in the order of the input, scored by the task.
    """

    LARGER_IS_BETTER = True

    def __init__(self, run_config, model_config, optimizer_config, task, dev=None, devices=None):
        """Checks all against each other, as Runner does.

        Args:
          run_config: RunConfig.
          model_config: model config.
          optimizer_config: OptimizerConfig.
          task: object with objective(), metric and score(numbers, probabilities, prefix).
          dev: (record file, int32 [examples] with their classes) for evaluation, or None.
          devices: training.devices.Devices or None.
        """
        self.BEST_BY, self._task, self._dev = task.metric, task, dev
        super().__init__(
            run_config, model_config, task.objective(), optimizer_config, devices=devices
        )
        if not self._resume:
            self._check_start()

    def evaluate(self):
        """Evaluates the chosen checkpoint (see `chosen`) on the dev examples.

        Returns:
          dict of what eval_results.txt holds.
        """
        return self._evaluate(self._make_estimator(), self.chosen())

    def chosen(self):
        """Prefix of the best checkpoint of output_dir, without evaluations in this training that of
        the latest; None, which means --init_checkpoint, where nothing was trained."""
        run, best = self._run, os.path.join(self._run.output_dir, FOLDER)
        is_current = run.eval_while_training or not run.do_train
        if is_current and tf.io.gfile.exists(os.path.join(best, RESULTS_FILE)):
            return checkpoint.resolve(best)
        return checkpoint.latest(run.output_dir) if run.do_train else self._resume

    def finish(self):
        """Makes eval_results.txt speak of the best checkpoint.

        Returns:
          dict of its figures, empty where nothing was evaluated.
        """
        results = read_results(os.path.join(self._run.output_dir, FOLDER, RESULTS_FILE))
        if "global_step" in results:
            results["global_step"] = int(results["global_step"])
            log("the best checkpoint, of step {}:".format(results["global_step"]))
            self._write_results(results)
        return results

    def predict(self, path, count):
        """Predictions of the chosen checkpoint.

        Args:
          path: record file.
          count: its examples; records behind them are padding.

        Returns:
          dict of float32 arrays: probabilities [count, labels], example_loss [count].
        """
        return self._predict(self._make_estimator(), self.chosen(), path, count)

    def _predict(self, estimator, prefix, path, count):
        shown = prefix or self._run.init_checkpoint
        log("predicting {} examples of {} with {}".format(count, path, shown))
        with session_errors([path]):
            rows = estimator.predict(
                self._input_fn([path], full_batches=self._run.use_tpu),
                hooks=self._evaluation_hooks(),
                checkpoint_path=prefix,
                yield_single_examples=False,
            )
            batches = list(rows)
        names = self._objective.predicted
        return {name: np.concatenate([b[name] for b in batches])[:count] for name in names}

    def _evaluate(self, estimator, prefix):
        path, numbers = self._dev
        found = self._predict(estimator, prefix, path, len(numbers))
        results = {
            "global_step": checkpoint.saved_step(prefix or self._init_plan.prefix),
            "eval_loss": float(np.mean(found["example_loss"])),
        }
        results.update(self._task.score(numbers, found["probabilities"]))
        self._write_results(results)
        return results

    def _check_start(self):
        """Refuses to evaluate random weights, and warns of what is seldom meant in training."""
        run, plan = self._run, self._init_plan
        if not run.do_train and not run.init_checkpoint:
            raise UserError(
                "nothing to evaluate or predict with: --output_dir {} holds no checkpoint and "
                "--init_checkpoint is not given".format(run.output_dir)
            )
        if not run.do_train and plan.new:
            raise UserError(
                "{} was not fine-tuned for this: it lacks {}; give --do_train".format(
                    run.init_checkpoint, ", ".join(plan.new)
                )
            )
        if run.do_train and not plan:
            warn("no --init_checkpoint: fine-tuning starts from random weights")
        elif run.do_train and checkpoint.CLASSIFIER in plan.loaded:
            warn("the classifier of {} is taken over, too".format(run.init_checkpoint))
