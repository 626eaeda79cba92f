"""Runs pre-training and evaluation on one machine."""

import contextlib
import logging
import os
import re

import tensorflow.compat.v1 as tf

from data import input_pipeline
from data.files import failures, reason, write_atomically
from errors import UserError
from modeling import checkpoint
from training import run_config as run_configs
from training.log import log, warn
from training.model_fn import TOTAL_LOSS, make_model_fn, model_parameters

RESULTS_FILE = "eval_results.txt"
# Ids beyond a table, or a feature of another length, further on than the first records.
_UNFIT_RECORD = re.compile(r"indices\[[^\n]* is not in \[0, \d+\)|Key: [^\n]*")


class Pretraining:
    """One run: its checks happen when it is made, before anything is written."""

    def __init__(self, run_config, model_config, objective, optimizer_config, masking=None):
        """Checks records, model and checkpoints against each other and logs the plan.

        Args:
          run_config: RunConfig.
          model_config: model config.
          objective: an object of modeling.objectives.
          optimizer_config: OptimizerConfig.
          masking: dynamic_masking.DynamicMasking for records without masks, else None.

        Raises:
          UserError: they do not fit together.
        """
        self._masking = masking
        self._run, self._model = run_config, model_config
        self._objective, self._optimizer = objective, optimizer_config
        self._resume = checkpoint.latest(run_config.output_dir)
        self._check_records()
        parameters = model_parameters(model_config, objective, run_config)
        init_plan = self._plan_start(parameters.shapes())
        log(
            "model: {} layers, hidden {}, {} heads, vocabulary {}, {:,} parameters".format(
                model_config.num_hidden_layers,
                model_config.hidden_size,
                model_config.num_attention_heads,
                model_config.vocab_size,
                parameters.count(),
            )
        )
        log(model_config.describe_activation())
        self._estimator = self._make_estimator(init_plan)

    def train(self):
        """Trains up to num_train_steps (a total, counted from step 0 of output_dir)."""
        run, total = self._run, self._optimizer.num_train_steps
        step = checkpoint.saved_step(self._resume) if self._resume else 0
        if step >= total:
            log("nothing to train: step {} of {} is done".format(step, total))
            return
        with _output_errors(run.output_dir):
            run_configs.save(run, self._model, self._optimizer)
        log(
            "training: steps {} to {}, batch {} x {} tokens, {} files".format(
                step, total, run.train_batch_size, run.max_seq_length, len(run.train_files)
            )
        )
        with _user_errors(run.train_files):
            self._estimator.train(self._input_fn(run.train_files, True), max_steps=total)
        log("trained to step {}; checkpoints in {}".format(total, run.output_dir))

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
        with _output_errors(run.output_dir):
            tf.io.gfile.makedirs(run.output_dir)
        log("evaluating {} on {} files".format(latest or run.init_checkpoint, len(run.eval_files)))
        with _user_errors(run.eval_files):
            found = self._estimator.evaluate(
                self._input_fn(run.eval_files, False), steps=run.max_eval_steps
            )
        results = {"global_step": int(found["global_step"]), "loss": float(found[TOTAL_LOSS])}
        names = sorted(n for n in found if n.endswith(("_loss", "_accuracy")) and n != TOTAL_LOSS)
        for name in sorted(names, key=lambda n: (n.rsplit("_", 1)[0], n.endswith("_accuracy"))):
            results[name] = float(found[name])
        text = "".join("{} = {}\n".format(name, value) for name, value in results.items())
        with _output_errors(run.output_dir):
            write_atomically(os.path.join(run.output_dir, RESULTS_FILE), text)
        for name, value in results.items():
            log("  {} = {}".format(name, value))
        return results

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
            run_configs.check_same_objective(run)
            checkpoint.verify(self._resume, _hint_for_resume(run.output_dir, self._resume))
            checkpoint.check_resumable(self._resume, shapes, self._model.source)
            log(
                "{} {} (step {}){}".format(
                    "RESUME: going on from" if run.do_train else "weights of --output_dir:",
                    self._resume,
                    checkpoint.saved_step(self._resume),
                    "; --init_checkpoint is not read" if run.init_checkpoint else "",
                )
            )
            return None
        if not run.init_checkpoint:
            log("INIT: a new model with random weights (seed {})".format(run.seed))
            return None
        log("INIT: a new run, weights from {}".format(run.init_checkpoint))
        checkpoint.verify(run.init_checkpoint)
        plan = checkpoint.plan_loading(run.init_checkpoint, shapes, self._model.source)
        for is_warning, line in plan.lines():
            (warn if is_warning else log)(line)
        return plan

    def _make_estimator(self, init_plan):
        run = self._run
        config = tf.estimator.tpu.RunConfig(
            model_dir=run.output_dir,
            tf_random_seed=run.seed,
            save_checkpoints_steps=run.save_checkpoints_steps,
            keep_checkpoint_max=run.keep_checkpoint_max,
            # The progress hook writes the scalars; the estimator's own would be the same again.
            save_summary_steps=0,
            log_step_count_steps=None,
            tpu_config=tf.estimator.tpu.TPUConfig(iterations_per_loop=run.iterations_per_loop),
        )
        return tf.estimator.tpu.TPUEstimator(
            make_model_fn(self._model, self._objective, self._optimizer, run, init_plan),
            use_tpu=False,
            config=config,
            train_batch_size=run.train_batch_size,
            eval_batch_size=run.eval_batch_size,
        )

    def _input_fn(self, files, is_training):
        run = self._run
        return input_pipeline.make_input_fn(
            files,
            self._objective.feature_names,
            run.max_seq_length,
            run.max_predictions_per_seq,
            is_training,
            run.shuffle_buffer_size,
            run.seed,
            self._masking,
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


@contextlib.contextmanager
def _output_errors(output_dir):
    try:
        yield
    except failures() as error:
        raise UserError(
            "cannot write to --output_dir {}: {}".format(output_dir, reason(error))
        ) from error


@contextlib.contextmanager
def _user_errors(files):
    """Turns what damaged records raise deep inside TensorFlow into one sentence."""
    # TPUEstimator logs an exception before it raises it again; one report is enough.
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_drop_recorded)
    try:
        yield
    except tf.errors.DataLossError as error:
        raise input_pipeline.find_damage(files) or error from error
    except tf.errors.InvalidArgumentError as error:
        misfit = _UNFIT_RECORD.search(error.message or "")
        if not misfit:
            raise
        raise UserError(
            "a record of {} and the rest does not fit this run: {}".format(
                files[0], misfit.group(0)
            )
        ) from error
    except tf.train.NanLossDuringTrainingError as error:
        raise UserError(
            "the loss is not a number any more; take a lower --learning_rate or more "
            "--num_warmup_steps"
        ) from error
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "out of memory or disk space ({}); free some or take a smaller batch".format(
                (error.message or "").split("\n")[0][:200]
            )
        ) from error
    finally:
        logger.removeFilter(_drop_recorded)


def _drop_recorded(record):
    return not str(record.msg).startswith(("Error recorded from", "Closing session due"))
