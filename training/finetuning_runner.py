"""Runs fine-tuning: training with an evaluation after each epoch, and predictions."""

import os
from typing import Any, Dict, List, NamedTuple

from common import files, literal_paths
from common.errors import UserError, quoted, some
from common.lazy_tensorflow import tf
from common.log import log, warn
from common.progress import Progress
from data.input.pipeline import in_order
from modeling import checkpoint, checkpoint_files
from training.checkpoints import lock
from training.checkpoints.best import RESULTS_FILE, BestCheckpoint, Ranking, read_results
from training.checkpoints.recovery import BEST_FOLDER
from training.failures import output_errors, session_errors
from training.run_config import is_evaluated_by_training
from training.runner import Runner

# Mean of the tasks' main figures, by which checkpoints are compared with several tasks.
MEAN_METRIC = "eval_mean"
# Of event files, as TensorFlow's estimators have it.
EVALUATION_FOLDER = "eval"


class _BestEvaluation(NamedTuple):
    """The best evaluation of this process.

    Attributes:
      results: its figures.
      predictions: a list for each dev split.
    """

    results: Dict[str, Any]
    predictions: List[List[Any]]


class FinetuningRunner(Runner):
    """A run on the examples of one or more tasks; the best checkpoint has the highest figure on
    the dev examples.

    Evaluation is prediction, scored by the task. Where a training did not evaluate, a later
    evaluation compares all checkpoints that it left (CLUE's run_classifier.py).
    """

    LARGER_IS_BETTER = True
    FLAGS = {
        "objective": "--task_name",
        "num_train_steps": "the number of steps (--num_train_epochs, --num_train_steps)",
        "num_warmup_steps": "the warm-up (--warmup_proportion, --num_warmup_steps)",
    }
    MAY_EXTEND = False  # epochs are part of a fine-tuning's recipe
    CUTS_PADDING = True

    def __init__(self, run, dev_splits=(), results_dir=None):
        """Checks all against each other, as Runner does.

        Args:
          run: training.run.Run.
          dev_splits: finetuning.task_split.TaskSplits to evaluate, or objects like them: with
            path (record file), rows (in it), examples, objective, decode(outputs) -> list of
            predictions, score(predictions) -> dict of figures, sole_answer(predictions) -> text
            or None, named(figure) -> its name in the results, and metric, the name of the figure
            by which checkpoints are compared.
          results_dir: of a run that does not train: function of this runner that gives the folder
            of eval_results.txt, asked when the file is written; None: output_dir.

        Raises:
          UserError: they do not fit together, or the run would evaluate random weights.
        """
        self._devs, self._best_evaluation = list(dev_splits), None
        self._best_folder = os.path.join(run.config.output_dir, BEST_FOLDER)
        self._results_dir, self._chosen = results_dir, None
        if self._devs:
            self.BEST_BY = MEAN_METRIC if len(self._devs) > 1 else self._devs[0].metric
        self._ranking = Ranking(self.BEST_BY, self.LARGER_IS_BETTER)
        super().__init__(run)
        if not run.config.do_train:
            has_best = self._has_best()
            self._chosen = checkpoint.hold(self._best_folder) if has_best else self._resume
            if not has_best and not run.config.do_eval and len(self._rivals()) > 1:
                log("--do_eval would choose the best of the checkpoints; the latest is taken")
        if not self._resume:
            config = run.config
            check_start(self._init_plan, run.objective, config.do_train, config.output_dir)
            self._warn_of_start()

    def evaluate(self):
        """Evaluates the chosen checkpoint (see `chosen`) on the dev examples; of several that a
        training did not evaluate, all, to choose the best.

        Returns:
          dict of the figures in eval_results.txt.
        """
        rivals = [] if self._config.do_train else self._rivals()
        if len(rivals) < 2:
            return self._evaluate(None, self.chosen())
        log("comparing {} checkpoints by {}".format(len(rivals), self.BEST_BY))
        best, results = self._best_of(rivals)
        self._keep_best(best, results)
        self._write_results(results)
        return results

    def _rivals(self):
        """Prefixes to compare: the checkpoints in output_dir, oldest first, and the best so far;
        none where the training evaluates them itself."""
        output_dir = self._config.output_dir
        if self._chosen is None or is_evaluated_by_training(output_dir):
            return []
        prefixes = checkpoint.candidates(output_dir)
        if self._has_best():
            prefixes.insert(0, checkpoint.resolve(self._best_folder))
        # One that lies in both places is one.
        by_name = {os.path.basename(prefix): prefix for prefix in prefixes}
        return sorted(by_name.values(), key=lambda p: checkpoint.step_in_name(p) or 0)

    def _best_of(self, rivals):
        """(prefix, figures) of the best one, which stays readable in this process; damaged ones are
        warned of."""
        best, results = None, {}
        for prefix in rivals:
            if checkpoint_files.hold(prefix) and self._is_intact(prefix):
                figures = self._figures(prefix)
                self._show_results(figures)
                if best is None or self._ranking.is_better(figures, results):
                    prefix, best, results = best, prefix, figures
            if prefix and prefix != self._chosen:
                checkpoint_files.release(prefix)
        if best is None:
            raise UserError(
                "no checkpoint in --output_dir {} can be read".format(self._config.output_dir)
            )
        return best, results

    def _is_intact(self, prefix):
        try:
            checkpoint.verify(prefix, "it is skipped")
        except UserError as error:
            warn(str(error))
            return False
        return True

    def _keep_best(self, prefix, results):
        """Makes a checkpoint the best one of output_dir, for later runs too if no training works
        there."""
        self._chosen, output_dir = prefix, self._config.output_dir
        log("the best checkpoint is {}".format(prefix))
        if any(map(lock.is_held, (output_dir, os.path.dirname(os.path.abspath(output_dir))))):
            log("it is not kept: a training works in {}".format(output_dir))
            return
        with lock.hold(output_dir), output_errors(output_dir):
            try:
                best = BestCheckpoint(output_dir, self.BEST_BY, self.LARGER_IS_BETTER)
                if os.path.dirname(prefix) != self._best_folder:
                    best.keep(prefix, results)
            except FileNotFoundError as error:  # another program works there, without our lock
                log("it is not kept: {} was removed meanwhile".format(error.filename))
                return
        self._chosen = checkpoint.hold(self._best_folder)

    def _unevaluated(self):
        """See Runner; those of a training that did not evaluate."""
        if is_evaluated_by_training(self._config.output_dir):
            return []
        prefixes = checkpoint.candidates(self._config.output_dir)[::-1]
        return [prefix for prefix in prefixes if prefix != self._resume]

    def chosen(self):
        """Prefix of the best checkpoint of output_dir, or of the latest where training does not
        evaluate; None, which means --init_checkpoint, without a checkpoint in output_dir.

        Without training it is always the same one: others may train there meanwhile."""
        return self._choice() if self._config.do_train else self._chosen

    def is_current(self):
        """Whether a run that does not train and starts now would choose the same checkpoint."""
        try:
            return self._chosen == self._choice()
        except UserError:  # a training is replacing them
            return False

    def model(self):
        """dict for JSON: the step of the chosen checkpoint, and a checksum of its weights."""
        prefix = self.chosen() or self._init_plan.prefix
        step, digest = checkpoint.saved_step(prefix), checkpoint.digest(prefix)
        return {"global_step": step, "checkpoint": digest}

    def _choice(self):
        config = self._config
        if (config.eval_while_training or not config.do_train) and self._has_best():
            return checkpoint.resolve(self._best_folder)
        return checkpoint.latest(config.output_dir)

    def _has_best(self):
        return files.exists(os.path.join(self._best_folder, RESULTS_FILE))

    def finish(self):
        """Writes the figures of the best checkpoint to eval_results.txt.

        Returns:
          dict of its figures, empty where nothing was evaluated.
        """
        results = read_results(os.path.join(self._best_folder, RESULTS_FILE))
        if "global_step" in results:
            log("the best checkpoint, of step {}:".format(results["global_step"]))
            self._write_results(results)
        return results

    def predictions_of(self, split):
        """Predictions of the chosen checkpoint.

        Args:
          split: one of the dev splits, or a test split.

        Returns:
          List of what split.decode returns.
        """
        prefix, best = self.chosen(), self._best_evaluation
        if split in self._devs and best and best.results["global_step"] == self._step_of(prefix):
            return best.predictions[self._devs.index(split)]
        return self._predict(prefix, split)[0]

    def _results_folder(self):
        """See Runner; a run that does not train may have to leave output_dir to one that does."""
        return self._results_dir(self) if self._results_dir else super()._results_folder()

    def _step_of(self, prefix):
        return checkpoint.saved_step(prefix or self._init_plan.prefix)

    def _predict(self, prefix, split):
        """(predictions, mean loss of the rows); holds no more than a window of outputs."""
        shown = prefix or self._config.init_checkpoint
        log("predicting {} examples of {} with {}".format(len(split.examples), split.path, shown))
        by_length = not self._config.use_tpu
        ranges = self._ranges(split.objective)
        with session_errors([split.path], ranges, self._devices.session_fault):
            batches = self._make_estimator(split.objective).predict(
                self._input_fn(
                    [split.path],
                    split.objective,
                    full_batches=self._config.use_tpu,
                    by_length=by_length,
                ),
                hooks=self._evaluation_hooks(),
                checkpoint_path=prefix and checkpoint_files.place(prefix),
                yield_single_examples=False,
            )
            rows = in_order(batches) if by_length else _rows_of(batches)
            with Progress("predicting", split.rows, log, "rows") as progress:
                rows = _Counted(rows, split.rows, progress)
                predictions = split.decode(rows)
            for _ in batches:  # padding; and the session ends with the last batch
                pass
        sole = split.sole_answer(predictions)
        if sole:
            warn(
                "all {:,} predictions of {} are {}: the model does not tell the examples apart; "
                "train for longer or with another --learning_rate, and look at the "
                "labels".format(len(predictions), split.examples.path, quoted(sole, 80))
            )
        return predictions, rows.loss / max(1, split.rows)

    def _evaluate(self, estimator, prefix):
        del estimator  # each task is evaluated in a graph with its own head
        results = self._figures(prefix)
        if self._config.do_train:
            self._write_summary(results)
        self._write_results(results)
        return results

    def _write_summary(self, results):
        """Figures of the dev examples for TensorBoard, where pre-training has its own too."""
        folder = literal_paths.folder(self._config.output_dir)
        folder = os.path.join(folder, EVALUATION_FOLDER)
        summary = tf.Summary()
        for name, value in results.items():
            if name != "global_step" and isinstance(value, (int, float)):
                summary.value.add(tag=name, simple_value=float(value))
        with output_errors(self._config.output_dir):
            writer = tf.summary.FileWriterCache.get(folder)
            writer.add_summary(summary, results["global_step"])
            writer.flush()

    def _figures(self, prefix):
        """dict of the figures of a checkpoint; remembers the predictions of the best one."""
        results, all_predictions = {"global_step": self._step_of(prefix)}, []
        for dev in self._devs:
            predictions, loss = self._predict(prefix, dev)
            all_predictions.append(predictions)
            results[dev.named("eval_loss")] = float(loss)
            results.update(dev.score(predictions))
        if len(self._devs) > 1:
            results[MEAN_METRIC] = sum(results[d.metric] for d in self._devs) / len(self._devs)
        best = self._best_evaluation
        if best is None or self._ranking.is_better(results, best.results):
            self._best_evaluation = _BestEvaluation(results, all_predictions)
        return results

    def _record_files(self):
        config = self._config
        trained = (config.train_files if config.do_train else [], self._objective)
        return [trained] + [([dev.path], dev.objective) for dev in self._devs]

    def _warn_of_start(self):
        """Warns of starts that are seldom intended."""
        config, plan = self._config, self._init_plan
        if config.do_train and not plan:
            warn("no --init_checkpoint: fine-tuning starts from random weights")
        elif config.do_train and any(
            not n.startswith(self._model.scope + "/") for n in plan.loaded
        ):
            warn("the task's head of {} is loaded, too".format(config.init_checkpoint))


def check_start(plan, objective, is_trained, output_dir):
    """Refuses to evaluate random weights.

    Args:
      plan: LoadPlan of --init_checkpoint, None without one.
      objective: what is trained.
      is_trained: whether this run trains.
      output_dir: without a checkpoint, for messages.

    Raises:
      UserError: the run does not train, and weights are missing.
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
    """Iterates over the first `count` rows of outputs and sums their losses; `progress` is called
    with 1 for each."""

    def __init__(self, rows, count, progress):
        self._rows, self._left, self.loss = rows, count, 0.0
        self._progress = progress

    def __iter__(self):
        while self._left:
            row = next(self._rows)
            self._left -= 1
            self._progress(1)
            self.loss += float(row["example_loss"])
            yield row


def _rows_of(batches):
    for batch in batches:
        for place in range(len(batch["example_loss"])):
            yield {name: values[place] for name, values in batch.items()}
