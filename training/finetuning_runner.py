"""Runs fine-tuning: training with an evaluation after each epoch, and predictions."""

import collections
import os

import tensorflow.compat.v1 as tf

from common.errors import UserError, some
from common.log import log, warn
from data.input.pipeline import in_order
from modeling import checkpoint
from training.checkpoints.best import FOLDER, RESULTS_FILE, read_results
from training.failures import session_errors
from training.run import Run
from training.runner import Runner

# With several tasks: the mean of their figures, by which checkpoints are compared.
MEAN_METRIC = "eval_mean"

# The best evaluation of this process. step: of its checkpoint; value: of the figure that counts;
# predictions: a list for each dev.
_Kept = collections.namedtuple("_Kept", ["step", "value", "predictions"])


class Finetuning(Runner):
    """A run on the examples of one or more tasks; the best checkpoint has the highest figure on
    the dev examples.

    Evaluation is prediction, scored by the task.
    """

    LARGER_IS_BETTER = True

    def __init__(self, run_config, model_config, optimizer_config, objective, devs=(), **options):
        """Checks all against each other, as Runner does.

        Args:
          run_config: RunConfig.
          model_config: model config.
          optimizer_config: OptimizerConfig.
          objective: what is trained.
          devs: list of what is evaluated; each has path (record file), rows (in it), objective,
            decode(outputs) -> list of predictions, score(predictions) -> dict of figures, and
            metric, the name of the one that counts.
          **options: of Runner.
        """
        self._devs, self._kept = list(devs), None
        if self._devs:
            self.BEST_BY = MEAN_METRIC if len(self._devs) > 1 else self._devs[0].metric
        super().__init__(Run(run_config, model_config, objective, optimizer_config, **options))
        if not self._resume:
            check_start(self._init_plan, objective, run_config.do_train, run_config.output_dir)
            self._warn_of_start()

    def evaluate(self):
        """Evaluates the chosen checkpoint (see `chosen`) on the dev examples.

        Returns:
          dict of what eval_results.txt holds.
        """
        return self._evaluate(None, self.chosen())

    def chosen(self):
        """Prefix of the best checkpoint of output_dir, without evaluations in this training that of
        the latest; None, which means --init_checkpoint, where nothing was trained."""
        run, best = self._config, os.path.join(self._config.output_dir, FOLDER)
        is_current = run.eval_while_training or not run.do_train
        if is_current and tf.io.gfile.exists(os.path.join(best, RESULTS_FILE)):
            return checkpoint.resolve(best)
        return checkpoint.latest(run.output_dir) if run.do_train else self._resume

    def finish(self):
        """Makes eval_results.txt speak of the best checkpoint.

        Returns:
          dict of its figures, empty where nothing was evaluated.
        """
        results = read_results(os.path.join(self._config.output_dir, FOLDER, RESULTS_FILE))
        if "global_step" in results:
            results["global_step"] = int(results["global_step"])
            log("the best checkpoint, of step {}:".format(results["global_step"]))
            self._write_results(results)
        return results

    def predictions_of(self, part, or_none=False):
        """Predictions of the chosen checkpoint.

        Args:
          part: one of the devs, or of their form.
          or_none: for one of the devs: None where the checkpoint was not evaluated just now.

        Returns:
          List of what part.decode gives.
        """
        prefix = self.chosen()
        if part in self._devs:
            if self._kept and self._kept.step == self._step_of(prefix):
                return self._kept.predictions[self._devs.index(part)]
            if or_none:
                return None
        return self._predict(prefix, part)[0]

    def _step_of(self, prefix):
        return checkpoint.saved_step(prefix or self._init_plan.prefix)

    def _predict(self, prefix, part):
        """(predictions, mean loss of the rows); holds no more than a window of outputs."""
        shown = prefix or self._config.init_checkpoint
        log("predicting {} examples of {} with {}".format(len(part.examples), part.path, shown))
        by_length = not self._config.use_tpu
        with session_errors([part.path]):
            batches = self._make_estimator(part.objective).predict(
                self._input_fn(
                    [part.path],
                    part.objective.feature_names,
                    full_batches=self._config.use_tpu,
                    by_length=by_length,
                ),
                hooks=self._evaluation_hooks(),
                checkpoint_path=prefix,
                yield_single_examples=False,
            )
            rows = _Counted(in_order(batches) if by_length else _rows_of(batches), part.rows)
            predictions = part.decode(rows)
            for _ in batches:  # padding; and the session ends with the last batch
                pass
        return predictions, rows.loss / max(1, part.rows)

    def _evaluate(self, estimator, prefix):
        del estimator  # each task is evaluated in a graph with its own head
        results, found = {"global_step": self._step_of(prefix)}, []
        for dev in self._devs:
            predictions, loss = self._predict(prefix, dev)
            found.append(predictions)
            results[dev.named("eval_loss")] = float(loss)
            results.update(dev.score(predictions))
        if len(self._devs) > 1:
            results[MEAN_METRIC] = sum(results[d.metric] for d in self._devs) / len(self._devs)
        if self._kept is None or results[self.BEST_BY] > self._kept.value:
            self._kept = _Kept(results["global_step"], results[self.BEST_BY], found)
        self._write_results(results)
        return results

    def _record_files(self):
        run = self._config
        trained = (run.train_files if run.do_train else [], self._objective.feature_names)
        return [trained] + [([dev.path], dev.objective.feature_names) for dev in self._devs]

    def _warn_of_start(self):
        """Warns of what is seldom meant in training."""
        run, plan = self._config, self._init_plan
        if run.do_train and not plan:
            warn("no --init_checkpoint: fine-tuning starts from random weights")
        elif run.do_train and any(not n.startswith(self._model.scope + "/") for n in plan.loaded):
            warn("the task's head of {} is taken over, too".format(run.init_checkpoint))


def check_start(plan, objective, is_trained, output_dir):
    """Refuses to evaluate random weights.

    Args:
      plan: LoadPlan of --init_checkpoint, None without one.
      objective: what is trained.
      is_trained: whether this run trains.
      output_dir: which holds no checkpoint, for messages.

    Raises:
      UserError: it does not train, and weights are new.
    """
    if is_trained:
        return
    if not plan:
        raise UserError(
            "nothing to evaluate or predict with: --output_dir {} holds no checkpoint and "
            "--init_checkpoint is not given".format(output_dir)
        )
    lacking = plan.lacks(objective.optional)
    if lacking:
        raise UserError(
            "{} was not fine-tuned for this: it lacks {}; give --do_train".format(
                plan.shown, some(lacking)
            )
        )


class _Counted:
    """Iterates over the first `count` rows of outputs and adds up their losses."""

    def __init__(self, rows, count):
        self._rows, self._left, self.loss = rows, count, 0.0

    def __iter__(self):
        while self._left:
            row = next(self._rows)
            self._left -= 1
            self.loss += float(row["example_loss"])
            yield row


def _rows_of(batches):
    for batch in batches:
        for place in range(len(batch["example_loss"])):
            yield {name: values[place] for name, values in batch.items()}
