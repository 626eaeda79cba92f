"""Runs pre-training and evaluation."""

import os
import tempfile

import tensorflow.compat.v1 as tf

from data import input_pipeline
from data.files import write_atomically
from errors import UserError
from modeling import checkpoint
from modeling.conversion import huggingface
from training import run_config as run_configs
from training.best import RESULTS_FILE, BestCheckpoint, results_text
from training.devices import Devices, check_batch
from training.faults import output_errors, session_errors
from training.log import log, warn
from training.model_fn import TOTAL_LOSS, make_model_fn, model_parameters

# Where weights of a Hugging Face directory are laid down as a TensorFlow checkpoint.
IMPORTED = os.path.join("init_from_huggingface", "model.ckpt")


class Pretraining:
    """One run: its checks happen when it is made, before anything is written."""

    def __init__(
        self,
        run_config,
        model_config,
        objective,
        optimizer_config,
        masking=None,
        devices=None,
        dry_run=False,
    ):
        """Checks records, model and checkpoints against each other and logs the plan.

        Args:
          run_config: RunConfig.
          model_config: model config.
          objective: an object of modeling.objectives.
          optimizer_config: OptimizerConfig.
          masking: dynamic_masking.DynamicMasking for records without masks, else None.
          devices: training.devices.Devices, None for the local machine as TensorFlow finds it.
          dry_run: nothing may be written to output_dir; for checks and `parameters` only.

        Raises:
          UserError: they do not fit together.
        """
        self._masking, self._devices = masking, devices or Devices()
        self._run, self._model = run_config, model_config
        self._objective, self._optimizer = objective, optimizer_config
        self._dry_run, self._scratch = dry_run, None
        check_batch(
            run_config, optimizer_config.gradient_accumulation_steps, self._devices.replicas
        )
        self._resume = checkpoint.latest(run_config.output_dir)
        self._check_records()
        self.parameters = model_parameters(model_config, objective, run_config)
        self._init_plan = self._plan_start(self.parameters.shapes())
        log(
            "model: {} layers, hidden {}, {} heads, vocabulary {}, {:,} parameters".format(
                model_config.num_hidden_layers,
                model_config.hidden_size,
                model_config.num_attention_heads,
                model_config.vocab_size,
                self.parameters.count(),
            )
        )
        log(model_config.describe_activation())

    def train(self):
        """Trains up to num_train_steps, or stop_step (both are totals, from step 0 of output_dir).

        With eval_while_training every checkpoint is evaluated, and the best one kept.

        Returns:
          Whether the last checkpoint has been evaluated.
        """
        run, total = self._run, self._optimizer.num_train_steps
        step = checkpoint.saved_step(self._resume) if self._resume else 0
        end = min(total, run.stop_step or total)
        if step >= end:
            log("nothing to train: step {} of {} is done".format(step, end))
            return False
        with output_errors(run.output_dir):
            run_configs.save(run, self._model, self._optimizer)
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
        estimator = self._make_estimator()
        best = BestCheckpoint(run.output_dir) if run.eval_while_training else None
        while step < end:
            # A graph cannot train and evaluate at once, and a TPU holds one: so train up to the
            # next checkpoint, evaluate, and go on from there.
            until = min(end, step + run.save_checkpoints_steps) if best else end
            with session_errors(run.train_files):
                estimator.train(self._training_input(step), max_steps=until)
            step = until
            if best and step < end:
                self._evaluate_for(best, estimator)
        log("trained to step {}; checkpoints in {}".format(end, run.output_dir))
        if best:
            self._evaluate_for(best, estimator)
        return best is not None

    def evaluate(self):
        """Evaluates the latest checkpoint of output_dir, or the initial one, on the eval files.

        Returns:
          dict of what eval_results.txt holds.

        Raises:
          UserError: there is no checkpoint to evaluate.
        """
        run = self._run
        latest = checkpoint.latest(run.output_dir)
        if not latest and not run.init_checkpoint:
            raise UserError(
                "nothing to evaluate: --output_dir {} holds no checkpoint and --init_checkpoint "
                "is not given".format(run.output_dir)
            )
        return self._evaluate(self._make_estimator(), latest or run.init_checkpoint)

    def _evaluate_for(self, best, estimator):
        latest = checkpoint.latest(self._run.output_dir)
        with output_errors(self._run.output_dir):
            if best.offer(latest, self._evaluate(estimator, latest)):
                log("the best so far (loss {:.4f}), kept in {}".format(best.loss, best.folder))
            else:
                log("not better than the best so far (loss {:.4f})".format(best.loss))

    def _evaluate(self, estimator, shown):
        run = self._run
        with output_errors(run.output_dir):
            tf.io.gfile.makedirs(run.output_dir)
        log("evaluating {} on {} files".format(shown, len(run.eval_files)))
        with session_errors(run.eval_files):
            found = estimator.evaluate(self._evaluation_input(), steps=self._eval_steps())
        results = {"global_step": int(found["global_step"]), "loss": float(found[TOTAL_LOSS])}
        names = sorted(n for n in found if n.endswith(("_loss", "_accuracy")) and n != TOTAL_LOSS)
        for name in sorted(names, key=lambda n: (n.rsplit("_", 1)[0], n.endswith("_accuracy"))):
            results[name] = float(found[name])
        with output_errors(run.output_dir):
            write_atomically(os.path.join(run.output_dir, RESULTS_FILE), results_text(results))
        for name, value in results.items():
            log("  {} = {}".format(name, value))
        return results

    def _eval_steps(self):
        """Batches to evaluate; a TPU asks for all at once and fails where there are fewer."""
        run = self._run
        if not run.use_tpu:
            return run.max_eval_steps
        rows = input_pipeline.count_rows(run.eval_files, run.max_eval_steps * run.eval_batch_size)
        if rows < run.eval_batch_size:
            raise UserError(
                "{} and the rest hold {} rows, and a TPU takes full batches only; take a smaller "
                "--eval_batch_size than {}".format(run.eval_files[0], rows, run.eval_batch_size)
            )
        return rows // run.eval_batch_size

    def _check_records(self):
        run, seen = self._run, []
        for files in (run.train_files if run.do_train else [], run.eval_files):
            if files and files[0] not in seen:
                seen.append(files[0])
                input_pipeline.check_records(
                    files,
                    input_pipeline.stored_features(
                        self._objective.feature_names, self._masking is not None
                    ),
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
        prefix = self._initial_prefix()
        checkpoint.verify(prefix)
        plan = checkpoint.plan_loading(
            prefix, shapes, self._model.source, run.init_layers, shown=run.init_checkpoint
        )
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
            run_configs.check_same_run(run, self._optimizer)
        checkpoint.verify(self._resume, _hint_for_resume(run.output_dir, self._resume))
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

    def _initial_prefix(self):
        run = self._run
        if not huggingface.is_directory(run.init_checkpoint):
            return run.init_checkpoint
        prefix = os.path.join(self._import_folder(), IMPORTED)
        report = huggingface.import_checkpoint(run.init_checkpoint, prefix)
        for is_warning, line in report.lines():
            (warn if is_warning else log)(line)
        return prefix

    def _import_folder(self):
        # A TPU's machine reads the initial weights itself, and sees the output's place only.
        if self._run.use_tpu and not self._dry_run:
            return self._run.output_dir
        self._scratch = tempfile.TemporaryDirectory(prefix="quanci-")  # goes with this object
        return self._scratch.name

    def _make_estimator(self):
        run = self._run
        model_fn = make_model_fn(
            self._model, self._objective, self._optimizer, run, self._init_plan
        )
        return self._devices.make_estimator(model_fn, run)

    def _training_input(self, step):
        run = self._run
        order = input_pipeline.TrainingOrder(
            shuffle_buffer_size=run.shuffle_buffer_size,
            seed=run.seed,
            first_row=step * run.train_batch_size,
            rows_per_epoch=run.train_records,
        )
        return self._input_fn(run.train_files, order=order, replicas=self._devices.replicas)

    def _evaluation_input(self):
        return self._input_fn(self._run.eval_files, full_batches=self._run.use_tpu)

    def _input_fn(self, files, **settings):
        return input_pipeline.make_input_fn(
            files,
            self._objective.feature_names,
            self._run.max_seq_length,
            self._run.max_predictions_per_seq,
            masking=self._masking,
            **settings,
        )


def _hint_for_resume(output_dir, damaged):
    state = tf.train.get_checkpoint_state(output_dir)
    others = [p for p in state.all_model_checkpoint_paths if p != damaged]
    others = [p for p in others if tf.io.gfile.exists(p + ".index")]
    if not others:
        return "start anew in an empty --output_dir"
    return "to go on from {}, name it in {}".format(
        os.path.basename(others[-1]), os.path.join(output_dir, "checkpoint")
    )
