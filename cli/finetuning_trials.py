"""The trials of a fine-tuning run, each with a seed of its own, and the report on all of them."""

import dataclasses
import functools
from typing import Any, Dict, List, Optional

from cli import run_flags
from cli.finetuning_flags import FinetuningRequest
from cli.finetuning_results import ResultsPlace
from common import files
from common.log import log
from data.tokenizers.text_settings import TextSettings
from finetuning import loading, prediction_record, task_file
from finetuning.scoring import reports
from finetuning.task_split import TaskSplit
from modeling import checkpoint
from training import model_files, run_numerics
from training.checkpoints.initial_weights import InitialWeights, digest_of
from training.devices.strategies import Devices
from training.distillation import distillation
from training.failures import output_errors
from training.run import Run
from training.run_config import RunConfig


@dataclasses.dataclass(frozen=True)
class FinetuningSettings(FinetuningRequest):
    """A request in which the trained model, the task and the model's size have settled the values
    that were not given; layerwise_lr_decay may still be None, which is 1."""


@dataclasses.dataclass(frozen=True)
class FinetuningTrials:
    """The parts of a fine-tuning run; each trial is a training.run.Run, with its own seed.

    Attributes:
      settings, model_config, objective, layers, devices: see finetuning_run.RunInputs.
      splits: for train, dev and test the TaskSplits of all tasks.
      weights: InitialWeights, None for random ones.
      distillation: training.distillation.distillation.Distillation, None without a teacher.
    """

    settings: FinetuningSettings
    model_config: Any
    objective: Any
    splits: Dict[str, List[TaskSplit]]
    layers: Optional[Dict[str, int]]
    weights: Optional[InitialWeights]
    devices: Devices
    distillation: Any = None

    def make_runner(self, output_dir, seed, results_dir):
        """The FinetuningRunner of one trial.

        Args:
          output_dir: of the trial.
          seed: of the trial.
          results_dir: see FinetuningRunner.

        Raises:
          UserError: see FinetuningRunner.
        """
        # Late: its session hooks derive from TensorFlow's.
        from training.finetuning_runner import FinetuningRunner

        count = sum(split.rows for split in self.splits["train"])
        count = count or self.settings.train_batch_size
        networks = self.objective.networks(self.model_config)
        optimizer = self._optimizer_config(count)
        config = self._run_config(count, output_dir, seed)
        config = run_numerics.settle(config, networks, optimizer.num_train_steps)
        teaching = self.distillation
        if teaching:
            precision = self.settings.teacher.precision
            teaching = distillation.settle_numerics(teaching, config, precision)
            config = dataclasses.replace(config, **teaching.settings())
        run = Run(
            config,
            self.model_config,
            self.objective,
            optimizer,
            devices=self.devices,
            layers=self.layers,
            weights=self.weights,
            distillation=teaching,
        )
        return FinetuningRunner(run, self.splits["dev"], results_dir)

    def _num_train_steps(self, count):
        settings = self.settings
        if settings.num_train_steps is not None:
            return settings.num_train_steps
        return max(1, int(count / settings.train_batch_size * settings.num_train_epochs))

    def _num_warmup_steps(self, steps):
        if self.settings.num_warmup_steps is not None:
            return self.settings.num_warmup_steps
        return int(steps * self.settings.warmup_proportion)

    def _run_config(self, count, output_dir, seed):
        """RunConfig of a trial on `count` training rows, kernels and precision as asked for."""
        settings, steps = self.settings, self._num_train_steps(count)
        path = self.weights.path if self.weights else None
        interval = settings.save_checkpoints_steps or epoch_steps(count, settings.train_batch_size)
        return RunConfig(
            output_dir=output_dir,
            objective=self.objective.name,
            train_files=[split.path for split in self.splits["train"]],
            eval_files=[split.path for split in self.splits["dev"] + self.splits["test"]],
            init_checkpoint=path,
            init_digest=digest_of(path, output_dir),
            allow_partial_init=settings.allow_partial_init,
            max_seq_length=settings.max_seq_length,
            do_train=settings.do_train,
            do_eval=settings.do_eval,
            train_batch_size=settings.train_batch_size,
            eval_batch_size=settings.eval_batch_size,
            predict_batch_size=settings.test_batch_size,
            save_checkpoints_steps=max(1, min(steps, interval)),
            iterations_per_loop=settings.iterations_per_loop,
            keep_checkpoint_max=settings.keep_checkpoint_max,
            shuffle_buffer_size=count,
            seed=seed,
            eval_while_training=settings.do_train and settings.do_eval,
            train_records=count,
            use_tpu=settings.use_tpu,
            num_tpu_cores=settings.num_tpu_cores,
            distribution=settings.distribution,
            precision=settings.precision,
            kernels=settings.kernels,
            write_meta_graph=settings.write_meta_graph,
            pack=settings.pack,
        )

    def _optimizer_config(self, count):
        settings, steps = self.settings, self._num_train_steps(count)
        config = run_flags.make_optimizer_config(
            steps,
            self._num_warmup_steps(steps),
            settings.learning_rate,
            settings.layerwise_lr_decay,
        )
        return dataclasses.replace(config, warmup=settings.warmup)


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
    place = ResultsPlace(settings, run.splits["dev"] + run.splits["test"])
    for number in range(settings.num_trials):
        if settings.num_trials > 1:
            log("trial {} of {}".format(number + 1, settings.num_trials))
        figures.append(_Trial(run, place, number).run())
    _report(run, place, figures)
    return figures


class _Trial:
    """One trial of a run."""

    def __init__(self, run, place, number):
        """Checks the trial as FinetuningRunner does.

        Args:
          run: FinetuningTrials.
          place: ResultsPlace.
          number: of the trial, from 0.
        """
        self._run, self._place, self._number = run, place, number
        self._output_dir = run.settings.trial_dirs()[number]
        self._runner = run.make_runner(
            self._output_dir, run.settings.seed + number, functools.partial(place.of_trial, number)
        )

    def run(self):
        """dict of all figures."""
        with output_errors(self._output_dir):
            files.make_directories(self._output_dir)
        if self._run.settings.do_train:
            _save_model_files(self._run, self._output_dir)
            self._runner.train()
        results = self._evaluate() if self._run.settings.do_eval else {}
        for split in self._run.splits["test"]:
            results.update(self._predict_test(split))
        return results

    def _evaluate(self):
        """dict of figures of the dev examples, whose predictions are written."""
        runner = self._runner
        # A run that was trained before evaluations were asked for has no best checkpoint.
        results = (self._run.settings.do_train and runner.finish()) or runner.evaluate()
        for split in self._run.splits["dev"]:
            folder = self._folder_of(split)
            if prediction_record.is_good(folder, split.name, self._origin(split)):
                log("predictions of {} examples are kept in {}".format(split.name, folder))
                self._publish(split, folder)
            else:
                self._save(split, folder, runner.predictions_of(split))
        return results

    def _predict_test(self, split):
        """dict of figures of test examples, empty without labels; predictions and figures are
        written."""
        predictions = self._runner.predictions_of(split)
        scores = split.score(predictions) if split.is_labelled else {}
        self._save(split, self._folder_of(split), predictions, scores)
        for name, value in scores.items():
            log("  {} = {}".format(name, value))
        return scores

    def _save(self, split, folder, predictions, scores=None):
        """Writes predictions in the scorers' formats, their figures, and what they are of."""
        with output_errors(folder):
            files.make_directories(folder)
            names = split.task.save_predictions(folder, split.name, split.examples, predictions)
            if scores:
                names.append(reports.save_scores(folder, scores))
            prediction_record.save(folder, split.name, self._origin(split), names)
        log("predictions of {} {} examples are in {}".format(len(predictions), split.name, folder))
        self._publish(split, folder)

    def _publish(self, split, folder):
        """Copies answers to ELECTRA's folder of results, where there is one."""
        settings, published = self._run.settings, self._place.published
        if published and split.task.has_answers:
            number = self._number + 1 if settings.num_trials > 1 else None
            with output_errors(published):
                path = reports.publish_answers(
                    split, folder, published, settings.task_names, number
                )
            log("answers to {} questions are in {}".format(split.name, path))

    def _folder_of(self, split):
        return split.folder_in(self._place.of_trial(self._number, self._runner))

    def _origin(self, split):
        """dict of what predictions depend on."""
        return dict(self._runner.model(), **split.origin)


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


def _save_model_files(run, output_dir):
    """Writes what makes a model of the checkpoints, task.json among it: the meaning of its outputs,
    and its training data."""
    tasks = [trained.task for trained in run.splits["train"]]
    # A resumed run may read fewer splits than the one before.
    _, before = loading.read_saved(tasks, checkpoint.latest(output_dir))
    entries = []
    for task, saved in zip(tasks, before):
        of_task = [s for splits in run.splits.values() for s in splits if s.task is task]
        now = {split.name: split.fingerprint for split in of_task}
        entries.append((task, dict(saved.get("fingerprints", {}), **now)))
    settings, (tokenizer, _) = run.settings, run.splits["train"][0].encoding
    texts = TextSettings(settings.do_lower_case, settings.normalize_quotes, settings.t2s)
    networks = run.objective.networks(run.model_config)
    with output_errors(output_dir):
        model_files.write(output_dir, networks, tokenizer.vocabulary, texts)
        task_file.save(
            output_dir,
            entries,
            settings.max_seq_length,
            texts,
            tokenizer.vocabulary,
        )


def epoch_steps(count, batch_size):
    """Updates of an epoch of `count` rows, rounded up: rounded down, a training would be evaluated
    once for the last epoch and again for the few steps that follow it."""
    return -(-count // batch_size)
