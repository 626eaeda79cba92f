"""Runs a training with its evaluations; what pre-training and fine-tuning have in common."""

import os

import tensorflow.compat.v1 as tf

from common.errors import UserError
from common.files import write_atomically
from common.log import log, warn
from data.input import pipeline
from data.records.checks import record_contents
from modeling import checkpoint
from training import run_config as run_configs
from training.checkpoints import recovery, saving
from training.checkpoints.best import RESULTS_FILE, BestCheckpoint, read_results, results_text
from training.checkpoints.initial_weights import InitialWeights
from training.checkpoints.saving import SaverHook
from training.devices.strategies import Devices, check_batch
from training.failures import output_errors, session_errors
from training.model_fn import make_model_fn, model_parameters
from training.stopping import StopHook, StopSignals


class Runner:
    """One run: its checks happen when it is made, before anything is written.

    A subclass says how a checkpoint is evaluated (`_evaluate`) and which one is the best.
    """

    # Key of an evaluation's results by which the best checkpoint is chosen.
    BEST_BY, LARGER_IS_BETTER = "loss", False

    def __init__(
        self,
        run_config,
        model_config,
        objective,
        optimizer_config,
        masking=None,
        devices=None,
        dry_run=False,
        layers=None,
        weights=None,
    ):
        """Checks records, model and checkpoints against each other and logs the plan.

        Args:
          run_config: RunConfig.
          model_config: model config.
          objective: an object of modeling.objectives.
          optimizer_config: OptimizerConfig.
          masking: dynamic_masking.DynamicMasking for records without masks, else None.
          devices: strategies.Devices, None for the local machine as TensorFlow finds it.
          dry_run: nothing may be written to output_dir; for checks and `parameters` only.
          layers: distances of variables from the heads, for layer-wise rates; see
            OptimizerConfig.rate_factor.
          weights: InitialWeights of run_config.init_checkpoint, where several runs share them.

        Raises:
          UserError: they do not fit together.
        """
        self._masking, self._devices = masking, devices or Devices()
        self._run, self._model = run_config, model_config
        self._objective, self._optimizer = objective, optimizer_config
        self._layers = layers
        # A TPU's machine reads the initial weights itself, and sees the output's place only.
        folder = run_config.output_dir if run_config.use_tpu and not dry_run else None
        self._weights = weights or InitialWeights(run_config.init_checkpoint, folder)
        self._signals = StopSignals()
        check_batch(
            run_config, optimizer_config.gradient_accumulation_steps, self._devices.replicas
        )
        is_trainer = run_config.do_train and not dry_run
        find = recovery.recover if is_trainer else recovery.newest_good
        self._resume = find(run_config.output_dir)
        self._check_records()
        self.parameters = model_parameters(
            model_config, objective, run_config.max_seq_length, run_config.max_predictions_per_seq
        )
        self._init_plan = self._plan_start(self.parameters.shapes())
        for line in self._describe_networks():
            log(line)
        log(model_config.describe_activation())

    def _describe_networks(self):
        """A line for each encoder; the last one counts the parameters of all."""
        lines = [
            "{}: {} layers, hidden {}, {} heads, vocabulary {}".format(
                name,
                network.num_hidden_layers,
                network.hidden_size,
                network.num_attention_heads,
                network.vocab_size,
            )
            for name, network in self._objective.networks(self._model).items()
        ]
        lines[-1] += ", {:,} parameters".format(self.parameters.count())
        return [*lines[:-1], lines[-1] + (" in all" if len(lines) > 1 else "")]

    def train(self):
        """Trains up to num_train_steps, or stop_step (both are totals, from step 0 of output_dir).

        With eval_while_training every checkpoint is evaluated, and the best one kept.

        Returns:
          Whether the last checkpoint has been evaluated.

        Raises:
          Stopped: SIGTERM or SIGINT came; the step that was reached is saved.
        """
        run, total = self._run, self._optimizer.num_train_steps
        step = checkpoint.saved_step(self._resume) if self._resume else 0
        end = min(total, run.stop_step or total)
        with self._signals:
            best = self._best()
            if best and step and (step == end or step % run.save_checkpoints_steps == 0):
                self._catch_up(best, step)
            if step >= end:
                log("nothing to train: step {} of {} is done".format(step, end))
                return False
            self._log_training(step, end)
            self._train(step, end, best)
        return best is not None

    def _train(self, step, end, best):
        run, estimator = self._run, self._make_estimator()
        hooks = [
            SaverHook(run.output_dir, run.save_checkpoints_steps),
            StopHook(self._signals),
        ]
        while step < end:
            # A graph cannot train and evaluate at once, and a TPU holds one: so train up to the
            # next checkpoint, evaluate, and go on from there.
            until = end
            if best:
                until = min(
                    end, step - step % run.save_checkpoints_steps + run.save_checkpoints_steps
                )
            with session_errors(run.train_files):
                estimator.train(self._training_input(step), hooks, max_steps=until)
            step = checkpoint.saved_step(checkpoint.latest(run.output_dir))
            self._signals.check(
                "step {} is saved in {}; the same command goes on from there".format(
                    step, run.output_dir
                )
            )
            if step == end:
                log("trained to step {}; checkpoints in {}".format(end, run.output_dir))
            if best:
                self._evaluate_for(best, estimator)

    def _evaluation_hooks(self):
        text = "the evaluation is left; checkpoints are in {}, and the same command goes on".format(
            self._run.output_dir
        )
        return [StopHook(self._signals, text)]

    def _log_training(self, step, end):
        run, total = self._run, self._optimizer.num_train_steps
        with output_errors(run.output_dir):
            run_configs.save(run, self._model, self._optimizer)
        # The one that is being written, those that are kept, and the best.
        kept = run.keep_checkpoint_max + 1 + bool(run.eval_while_training)
        copies = 1 + len(self._optimizer.slot_names)
        saving.check_space(run.output_dir, copies * self.parameters.count(), kept)
        log(
            "training: steps {} to {}{}, batch {} x {} tokens, {} files".format(
                step,
                end,
                "" if end == total else " (the schedule's end is {})".format(total),
                run.train_batch_size,
                run.max_seq_length,
                len(run.train_files),
            )
        )

    def _best(self):
        run = self._run
        if not run.eval_while_training:
            return None
        best = BestCheckpoint(run.output_dir, self.BEST_BY, self.LARGER_IS_BETTER)
        if best.value is not None and not self._resume:
            raise UserError(
                "{} is of an earlier run, whose checkpoints are gone; remove it, or use another "
                "--output_dir".format(best.folder)
            )
        return best

    def _catch_up(self, best, step):
        """Makes up for what a run left undone that was stopped behind its checkpoint of `step`."""
        results = read_results(os.path.join(self._run.output_dir, RESULTS_FILE))
        if results.get("global_step") != step or best.key not in results:
            self._evaluate_for(best, self._make_estimator())
        else:
            with output_errors(self._run.output_dir):
                best.offer(self._resume, results)

    def _evaluate_for(self, best, estimator):
        latest = checkpoint.latest(self._run.output_dir)
        results = self._evaluate(estimator, latest)
        with output_errors(self._run.output_dir):
            is_better = best.offer(latest, results)
        if is_better:
            log("the best so far ({}), kept in {}".format(best.shown(), best.folder))
        else:
            log("not better than the best so far ({})".format(best.shown()))

    def _evaluate(self, estimator, prefix):
        """Evaluates a checkpoint; returns a dict name -> number, written to eval_results.txt."""
        raise NotImplementedError

    def _write_results(self, results):
        run = self._run
        with output_errors(run.output_dir):
            write_atomically(os.path.join(run.output_dir, RESULTS_FILE), results_text(results))
        for name, value in results.items():
            log("  {} = {}".format(name, value))

    def _record_files(self):
        """What is read: list of (record files, features that a model reads of them)."""
        run, names = self._run, self._objective.feature_names
        return [(run.train_files if run.do_train else [], names), (run.eval_files, names)]

    def _check_records(self):
        run, seen = self._run, []
        for files, names in self._record_files():
            if files and files[0] not in seen:
                seen.append(files[0])
                record_contents.check_records(
                    files,
                    pipeline.stored_features(names, self._masking),
                    run.max_seq_length,
                    run.max_predictions_per_seq,
                    self._model.vocab_size,
                    self._model.type_vocab_size,
                )

    def _plan_start(self, shapes):
        """Says where the weights come from; the LoadPlan of a warm start, else None."""
        run = self._run
        if self._resume:
            self._check_resume(shapes)
            return None
        if not run.init_checkpoint:
            log("INIT: a new model with random weights (seed {})".format(run.seed))
            return None
        log("INIT: a new run, weights from {}".format(run.init_checkpoint))
        plan = self._weights.plan(shapes, self._model.source, run.init_layers)
        for is_warning, line in plan.lines():
            (warn if is_warning else log)(line)
        slots = plan.slots(self._optimizer.slot_names)
        if run.init_slots and not slots:
            raise UserError(
                "checkpoint {} holds no optimizer state of {} ({}); leave --init_slots out".format(
                    plan.shown, self._optimizer.optimizer, ", ".join(self._optimizer.slot_names)
                )
            )
        if run.init_slots:
            log("optimizer state: {} slots taken over, the step starts at 0".format(len(slots)))
        elif plan.training_state:
            log("optimizer state: starts at 0, as does the step (--init_slots would take it over)")
        return plan

    def _check_resume(self, shapes):
        run = self._run
        if run.do_train:
            for line in run_configs.check_same_run(run, self._optimizer):
                warn(line)
        slots = self._optimizer.slot_names if run.do_train else ()
        checkpoint.check_resumable(self._resume, shapes, self._model.source, slots)
        log(
            "{} {} (step {}){}".format(
                "RESUME: going on from" if run.do_train else "weights of --output_dir:",
                self._resume,
                checkpoint.saved_step(self._resume),
                "; --init_checkpoint is not read" if run.init_checkpoint else "",
            )
        )

    def _make_estimator(self, objective=None):
        """An estimator of the run; `objective`: what to evaluate, None: what is trained."""
        run = self._run
        with output_errors(run.output_dir):
            tf.io.gfile.makedirs(run.output_dir)
        model_fn = make_model_fn(
            self._model,
            objective or self._objective,
            self._optimizer,
            run,
            self._init_plan,
            self._layers,
        )
        return self._devices.make_estimator(model_fn, run)

    def _training_input(self, step):
        run = self._run
        order = pipeline.TrainingOrder(
            shuffle_buffer_size=run.shuffle_buffer_size,
            seed=run.seed,
            first_row=step * run.train_batch_size,
            rows_per_epoch=run.train_records,
        )
        return self._input_fn(run.train_files, order=order, replicas=self._devices.replicas)

    def _input_fn(self, files, feature_names=None, **settings):
        return pipeline.make_input_fn(
            files,
            feature_names or self._objective.feature_names,
            self._run.max_seq_length,
            self._run.max_predictions_per_seq,
            masking=self._masking,
            **settings,
        )
