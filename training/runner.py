"""The runner of a training with its evaluations, common to pre-training and fine-tuning."""

import dataclasses
import os

from common import files, literal_paths
from common.errors import UserError
from common.log import log, log_lines, open_log_file, warn
from common.outputs import write_atomically
from data.input import packing, pipeline
from data.records.checks import record_contents
from data.records.schema import value_ranges
from modeling import checkpoint
from training import experiment, row_use
from training import run_config as run_configs
from training.checkpoints import recovery, saving
from training.checkpoints.best import RESULTS_FILE, BestCheckpoint, results_text
from training.checkpoints.initial_weights import InitialWeights, check_whole
from training.checkpoints.saving import SaverHook
from training.devices.strategies import check_batch
from training.failures import output_errors, session_errors
from training.hooks import EvaluationHook
from training.model_fn import make_model_fn, model_parameters, teacher_parameters
from training.stopping import StopHook, StopSignals


class Runner:
    """Runs a Run. The constructor makes all checks; in output_dir it only clears debris and damaged
    checkpoints of an earlier run (checkpoints/recovery.py).

    Subclasses define `_evaluate`, and BEST_BY, by which the best checkpoint is chosen.
    """

    # Key of an evaluation's results by which the best checkpoint is chosen.
    BEST_BY, LARGER_IS_BETTER = "loss", False
    # See experiment.check_same.
    FLAGS, MAY_EXTEND = {}, True
    # Whether training batches are cut to their longest row, where their size may vary.
    CUTS_PADDING = False

    def __init__(self, run):
        """Checks records, model and checkpoints against each other and logs the plan.

        Args:
          run: training.run.Run.

        Raises:
          UserError: they do not fit together.
        """
        self._run = run
        self._drawing, self._devices = run.drawing, run.devices
        self._config, self._model = run.config, run.model_config
        self._objective, self._optimizer = run.objective, run.optimizer_config
        # The TPU's host reads the initial weights itself, and can read only output_dir's storage.
        folder = run.config.output_dir if run.config.use_tpu and not run.dry_run else None
        self._weights = run.weights or InitialWeights(run.config.init_checkpoint, folder)
        self._signals = StopSignals()
        check_batch(
            run.config, run.optimizer_config.gradient_accumulation_steps, run.devices.replicas
        )
        literal_paths.folder(run.config.output_dir)  # refused before the work begins
        is_trainer = run.config.do_train and not run.dry_run
        if is_trainer:
            kept = run.config.keep_checkpoint_max or None
            self._resume = recovery.recover(run.config.output_dir, kept)
        else:
            self._resume = recovery.newest_good(run.config.output_dir)
        self._check_records()
        self.parameters = model_parameters(
            run.model_config,
            run.objective,
            run.config.max_seq_length,
            run.config.max_predictions_per_seq,
            run.distillation,
        )
        self._init_plan = self._plan_start(self.parameters.shapes())
        self.teacher_count = 0
        self._teacher_plan = self._plan_teacher()
        for line in self._describe_networks():
            log(line)
        log(run.model_config.describe_activation())

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

        With eval_while_training every checkpoint is evaluated, and the best one kept. That a run
        resumes from is evaluated again: no file says whether the evaluation of it was finished.

        Returns:
          Whether the last checkpoint has been evaluated.

        Raises:
          Stopped: SIGTERM or SIGINT came; the step that was reached is saved.
        """
        config, total = self._config, self._optimizer.num_train_steps
        step = checkpoint.saved_step(self._resume) if self._resume else 0
        end = min(total, config.stop_step or total)
        with self._signals:
            best = self._best()
            if best and not step:
                self._evaluate_start()
            if best and best.value is None:
                for prefix in self._unevaluated():
                    self._evaluate_for(best, self._make_estimator(), prefix)
            is_due = step and (step == end or step % config.save_checkpoints_steps == 0)
            if best and is_due:
                self._evaluate_for(best, self._make_estimator())
            if step >= end:
                log("nothing to train: step {} of {} is done".format(step, end))
                return bool(best and is_due)
            self._log_training(step, end)
            self._train(step, end, best)
        return best is not None

    def _train(self, step, end, best):
        config, estimator = self._config, self._make_estimator()
        saver = SaverHook(config.output_dir, config.save_checkpoints_steps, config.write_meta_graph)
        hooks = [saver, StopHook(self._signals)]
        # Where evaluations cannot be within a training: train up to the next checkpoint, end the
        # session, evaluate, and continue.
        in_stretches = best and not self._devices.can_run_other_graphs()
        if best and not in_stretches:
            evaluator = self._make_estimator()
            hooks.append(EvaluationHook(saver, lambda: self._evaluate_for(best, evaluator)))
        while step < end:
            until = end
            if in_stretches:
                until = min(
                    end, step - step % config.save_checkpoints_steps + config.save_checkpoints_steps
                )
            fault, shards = self._devices.session_fault, self._teacher_shards()
            with session_errors(config.train_files, self._ranges(), fault, shards):
                estimator.train(self._training_input(step), hooks, max_steps=until)
            step = checkpoint.saved_step(checkpoint.latest(config.output_dir))
            self._signals.check(
                "step {} is saved in {}; the same command resumes there".format(
                    step, config.output_dir
                )
            )
            if step == end:
                log("trained to step {}; checkpoints in {}".format(end, config.output_dir))
            if best:
                self._evaluate_for(best, estimator)

    def _teacher_shards(self):
        """Paths of the teacher's records that are read."""
        teaching = self._run.distillation
        of_files = teaching.shards.paths if teaching and teaching.shards else []
        return [path for paths in of_files for path in paths]

    def _evaluation_hooks(self):
        text = "the evaluation was interrupted; checkpoints are in {}; the same command resumes"
        text = text.format(self._config.output_dir)
        return [StopHook(self._signals, text)]

    def _log_training(self, step, end):
        config, total = self._config, self._optimizer.num_train_steps
        with output_errors(config.output_dir):
            run_configs.save(config, self._model, self._optimizer)
        open_log_file()  # the directory is this run's from here on
        left = -(-(end - step) // config.save_checkpoints_steps)
        # The one being written, the kept ones, and the best.
        kept = (config.keep_checkpoint_max or left) + 1 + bool(config.eval_while_training)
        copies = 1 + len(self._optimizer.slot_names)
        saving.check_space(config.output_dir, copies * self.parameters.count(), kept)
        log(
            "training: steps {} to {}{}, batch {} x {} tokens, {} files".format(
                step,
                end,
                "" if end == total else " (the schedule's end is {})".format(total),
                config.train_batch_size,
                config.max_seq_length * self._objective.texts_per_row,
                len(config.train_files),
            )
        )
        if config.pack:
            log("packing: " + self._row_use().shown_packing(config))
        for line in self._objective.notes():
            log(line)

    def _row_use(self):
        micro_batches = self._optimizer.gradient_accumulation_steps
        return row_use.measure(self._config, micro_batches, self._devices.replicas)

    def _best(self):
        config = self._config
        if not config.eval_while_training:
            return None
        with output_errors(config.output_dir):
            best = BestCheckpoint(config.output_dir, self.BEST_BY, self.LARGER_IS_BETTER)
        if best.value is not None and not self._resume:
            raise UserError(
                "{} is of an earlier run, whose checkpoints are gone; use another --output_dir, or "
                "move it to another place".format(best.folder)
            )
        return best

    def _evaluate_start(self):
        """Evaluates the weights that a training with evaluations starts from."""

    def _unevaluated(self):
        """Prefixes of checkpoints that an earlier process has left without an evaluation, beside
        the one to resume from; they are evaluated first."""
        return []

    def _evaluate_for(self, best, estimator, prefix=None):
        prefix = prefix or checkpoint.latest(self._config.output_dir)
        results = self._evaluate(estimator, prefix)
        with output_errors(self._config.output_dir):
            is_better = best.offer(prefix, results)
        if is_better:
            log("the best so far ({}), kept in {}".format(best.shown(), best.folder))
        else:
            log("not better than the best so far ({})".format(best.shown()))

    def _evaluate(self, estimator, prefix):
        """Evaluates a checkpoint; returns what is written to eval_results.txt: dict name -> number
        or text."""
        raise NotImplementedError

    def _write_results(self, results):
        # First shown: in a directory that is read-only nothing else is left of them.
        self._show_results(results)
        self._save_results(results, RESULTS_FILE)

    def _show_results(self, results):
        for name, value in results.items():
            log("  {} = {}".format(name, value))

    def _save_results(self, results, name):
        folder = self._results_folder()
        with output_errors(folder):
            files.make_directories(folder)
            write_atomically(os.path.join(folder, name), results_text(results))

    def _results_folder(self):
        return self._config.output_dir

    def _record_files(self):
        """The records to read: list of (record files, objective that reads them)."""
        config, objective = self._config, self._objective
        return [
            (config.train_files if config.do_train else [], objective),
            (config.eval_files, objective),
        ]

    def _check_records(self):
        config, seen = self._config, []
        for paths, objective in self._record_files():
            if paths and paths[0] not in seen:
                seen.append(paths[0])
                record_contents.check_records(
                    paths,
                    self._ranges(objective),
                    config.max_seq_length * objective.texts_per_row,
                    config.max_predictions_per_seq,
                    objective.label_counts(),
                )

    def _ranges(self, objective=None):
        """dict feature of the records -> schema.Range; `objective`: None: what is trained."""
        objective = objective or self._objective
        return value_ranges(
            pipeline.stored_features(objective.feature_names, self._drawing),
            self._config.max_seq_length,
            self._model.vocab_size,
            self._model.type_vocab_size,
            objective.label_counts(),
        )

    def _plan_start(self, shapes):
        """Logs the source of the weights; returns the LoadPlan of a warm start, else None."""
        config = self._config
        if self._resume:
            self._check_resume(shapes)
            return None
        if not config.init_checkpoint:
            log("INIT: a new model with random weights (seed {})".format(config.seed))
            return None
        log("INIT: a new run, weights from {}".format(config.init_checkpoint))
        plan = self._weights.plan(shapes, self._model.source, config.init_layers)
        check_whole(plan, config.allow_partial_init)
        log_lines(plan.lines(self._objective.optional))
        slots = plan.slots(self._optimizer.slot_names)
        if config.init_slots and not slots:
            raise UserError(
                "checkpoint {} holds no optimizer state of {} ({}); remove --init_slots".format(
                    plan.shown, self._optimizer.optimizer, ", ".join(self._optimizer.slot_names)
                )
            )
        if config.init_slots:
            log("optimizer state: {} slots taken over, the step starts at 0".format(len(slots)))
        elif plan.training_state:
            log("optimizer state: starts at 0, as does the step (--init_slots would take it over)")
        return plan

    def _plan_teacher(self):
        """Logs the teacher; returns its LoadPlan, None without one."""
        distillation, config = self._run.distillation, self._config
        if not distillation or not distillation.numerics:
            return None
        store = teacher_parameters(
            distillation, self._objective, config.max_seq_length, config.max_predictions_per_seq
        )
        self.teacher_count = store.count()
        return distillation.plan(store.shapes())

    def _check_resume(self, shapes):
        config = self._config
        step = checkpoint.saved_step(self._resume)
        if config.do_train:
            for line in experiment.check_same(self._run, step, self.FLAGS, self.MAY_EXTEND):
                warn(line)
        slots = self._optimizer.slot_names if config.do_train else ()
        checkpoint.check_resumable(self._resume, shapes, self._model.source, slots)
        log(
            "{} {} (step {}){}".format(
                "RESUME: continuing from" if config.do_train else "weights of --output_dir:",
                self._resume,
                step,
                "; --init_checkpoint is not read" if config.init_checkpoint else "",
            )
        )

    def _make_estimator(self, objective=None):
        """An estimator of the run; `objective`: what to evaluate, None: what is trained."""
        config = self._config
        with output_errors(config.output_dir):
            files.make_directories(config.output_dir)
        run = self._run
        if objective:
            run = dataclasses.replace(run, objective=objective)
        plans = list(filter(None, (self._init_plan, self._teacher_plan)))
        return self._devices.make_estimator(make_model_fn(run, plans), self._config)

    def _training_input(self, step):
        config = self._config
        order = pipeline.TrainingOrder(
            shuffle_buffer_size=config.shuffle_buffer_size,
            seed=config.seed,
            first_row=step * config.train_batch_size,
            rows_per_epoch=config.train_records,
        )
        return self._input_fn(
            config.train_files,
            order=order,
            replicas=self._devices.replicas,
            row_multiple=self._row_multiple(
                config.train_batch_size // self._devices.replicas,
                self._optimizer.gradient_accumulation_steps,
            ),
            cut_padding=self.CUTS_PADDING and not config.use_tpu,
            teacher=self._run.distillation and self._run.distillation.shards,
        )

    def _row_multiple(self, texts, num_micro_batches=1):
        """See pipeline.make_input_fn; for batches of so many texts."""
        return packing.row_multiple(texts, num_micro_batches) if self._config.pack else None

    def _input_fn(self, files, objective=None, **settings):
        objective = objective or self._objective
        return pipeline.make_input_fn(
            files,
            objective.feature_names,
            self._config.max_seq_length,
            self._config.max_predictions_per_seq,
            drawing=self._drawing,
            ranges=self._ranges(objective),
            texts_per_row=objective.texts_per_row,
            labels=objective.label_counts(),
            **settings,
        )
