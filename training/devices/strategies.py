"""Devices of a run: this machine, all of its GPUs, or a TPU."""

import os
import tempfile
import warnings

from common import files, literal_paths
from common.errors import UserError
from common.lazy_tensorflow import tf
from training import estimators
from training.devices import cloud_tpu, this_machine

DISTRIBUTIONS = ("none", "mirrored")


class _UnderStrategies:
    """Fixes TPUEstimator under a tf.distribute strategy; must precede it in a class's bases."""

    def _call_input_fn(self, input_fn, mode, input_context=None):
        # A strategy passes the context; TensorFlow 1.15's method does not take it, and our input
        # functions do not need it.
        del input_context
        return super()._call_input_fn(input_fn, mode)

    @property
    def _call_model_fn(self):
        # TensorFlow 2 would convert it with AutoGraph: another graph, and slow to build.
        return tf.autograph.experimental.do_not_convert(super()._call_model_fn)


class _OnReadOnlyModels:
    """Evaluates also where nothing can be written: TPUEstimator would fail with the figures of
    TensorBoard before it returns them. Must precede it in a class's bases."""

    _scratch = None

    def eval_dir(self, name=None):
        usual = super().eval_dir(name)
        place = usual if files.exists(usual) else self.model_dir
        if files.is_remote(place) or os.access(place, os.W_OK):
            return usual
        self._scratch = self._scratch or tempfile.TemporaryDirectory(prefix="quanci-")
        return self._scratch.name


class Devices:
    """The devices of a run, and the door to TPUEstimator.

      Devices()  # this machine's CPU, or its first GPU
      mirrored()  # all GPUs of this machine
      tpu = resolve_tpu("my-tpu")
      Devices(tpu.resolver, tpu.master)

    Attributes:
      replicas: copies of the model that share a batch under a tf.distribute strategy; 1 without.
    """

    def __init__(self, cluster=None, master=None, strategy=None, session_config=None):
        """Makes the devices; without arguments, those that TensorFlow takes by itself.

        Args:
          cluster: a TPUClusterResolver, or None.
          master: address of a TPU's master where there is no cluster, or None.
          strategy: a tf.distribute strategy, or None.
          session_config: ConfigProto, or None.
        """
        self._cluster, self._master = cluster, master
        self._strategy, self._session_config = strategy, session_config
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        if strategy:
            # TensorFlow 2's warning about its own treatment of a strategy's dataset.
            warnings.filterwarnings("ignore", "To make it possible to preserve tf.data options")

    def make_estimator(self, model_fn, run_config):
        """Makes the estimator that runs a model on these devices.

        Args:
          model_fn: of training.model_fn.make_model_fn.
          run_config: training.run_config.RunConfig.

        Returns:
          a TPUEstimator.

        Raises:
          UserError: this TensorFlow has no estimators, or the TPU was lost since it was found.
        """
        estimator = estimators.load()

        class Estimator(_OnReadOnlyModels, _UnderStrategies, estimator.tpu.TPUEstimator):
            pass  # defined here, as TensorFlow 1.15 prints a warning where TPUEstimator is named

        try:
            config = self._estimator_config(run_config)
        except (ValueError, RuntimeError) as error:  # it asks the API for the TPU again
            if self._cluster is None:
                raise
            raise cloud_tpu.lost(error) from error
        return Estimator(
            model_fn,
            use_tpu=run_config.use_tpu,
            config=config,
            train_batch_size=run_config.train_batch_size,
            eval_batch_size=run_config.eval_batch_size,
            predict_batch_size=run_config.predict_batch_size or run_config.eval_batch_size,
        )

    def session_fault(self, error):
        """The UserError for an exception that the connection to these devices is to blame for, else
        None; see cloud_tpu.session_fault."""
        return cloud_tpu.session_fault(error) if self._is_tpu() else None

    def can_run_other_graphs(self):
        """Whether a graph can be made and run while the session of another one waits.

        A TPU holds one graph, and a strategy copies what is made within its training.
        """
        return not (self._is_tpu() or self._strategy)

    def _is_tpu(self):
        return self._cluster is not None or self._master is not None

    def _estimator_config(self, run_config):
        estimator = estimators.load()
        return estimator.tpu.RunConfig(
            model_dir=literal_paths.folder(run_config.output_dir),
            tf_random_seed=run_config.seed,
            # saving.SaverHook saves.
            save_checkpoints_steps=None,
            save_checkpoints_secs=None,
            keep_checkpoint_max=run_config.keep_checkpoint_max,
            # The progress hook writes the scalars; the estimator's own would duplicate them.
            save_summary_steps=0,
            log_step_count_steps=None,
            cluster=self._cluster,
            master=self._master,
            train_distribute=self._strategy,
            session_config=self._session_config,
            tpu_config=estimator.tpu.TPUConfig(
                iterations_per_loop=min(
                    run_config.iterations_per_loop, run_config.save_checkpoints_steps
                ),
                num_shards=run_config.num_tpu_cores if run_config.use_tpu else None,
                per_host_input_for_training=estimator.tpu.InputPipelineConfig.PER_HOST_V2,
            ),
        )


def mirrored(devices=None):
    """Devices with a replica of the model on every GPU.

    Args:
      devices: names of devices; None = all GPUs of the machine.

    Raises:
      UserError: there is no GPU.
    """
    if devices is None:
        devices = [device.name for device in this_machine.gpus()]
        if not devices:
            raise UserError(
                "--distribution=mirrored needs GPUs, and TensorFlow finds none on this machine; "
                "remove the flag ({})".format(this_machine.why_no_gpu()[1])
            )
    return Devices(strategy=tf.distribute.MirroredStrategy(devices))


def check_batch(run_config, num_micro_batches, replicas=1):
    """Checks that a batch divides over cores, replicas and micro-batches.

    Args:
      run_config: RunConfig.
      num_micro_batches: gradient_accumulation_steps.
      replicas: copies of the model under a tf.distribute strategy.

    Raises:
      UserError: it does not; names the flags.
    """
    if run_config.use_tpu:
        for name in ("train_batch_size", "eval_batch_size"):
            _check_multiple(
                name, getattr(run_config, name), run_config.num_tpu_cores, "--num_tpu_cores"
            )
    what = "--gradient_accumulation_steps"
    if run_config.use_tpu and run_config.num_tpu_cores > 1:
        what += " x --num_tpu_cores"
    if replicas > 1:
        what += " x {} replicas".format(replicas)
    copies = run_config.num_tpu_cores if run_config.use_tpu else replicas
    _check_multiple(
        "train_batch_size", run_config.train_batch_size, copies * num_micro_batches, what
    )


def _check_multiple(name, value, divisor, what):
    if value % divisor:
        raise UserError("--{}={} is not a multiple of {} ({})".format(name, value, divisor, what))
