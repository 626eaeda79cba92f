"""The one door to TensorFlow's estimators, from TensorFlow 1.15 to 2.21.

Up to 2.15 they are TensorFlow's own, tf.estimator. Later releases have none, but the package
tensorflow-estimator 2.15.0, which is pure Python, runs on them once the modules of TensorFlow exist
that it imports and that went with it:

  tensorflow.python.util.tf_export: entries of the API "estimator", for the package's decorators;
  tensorflow.python.distribute.estimator_training: what RunConfig asks about tf.distribute;
  tensorflow.python.tpu.{session_support,tpu_embedding,tpu_embedding_gradient}: a TPU's watchdog and
    embedding tables.

They are supplied here, privately: no public name of TensorFlow changes. Of a supplied module works
what training on one machine needs; all else raises UserError where it is called.

Nothing outside of this module asks for TensorFlow's version.
"""

import functools
import importlib
import json
import sys
import types

from common.errors import UserError
from common.lazy_tensorflow import tf
from common.log import warn

TESTED = ("1.15.5", "2.15.1", "2.21.0")
WITH_TPU_SESSIONS = "1.15.5 or 2.15.1"
PACKAGE = "tensorflow-estimator==2.15.0"
_ESTIMATOR_API = "estimator"


def version():
    """(major, minor) of the TensorFlow that runs."""
    return tuple(int(part) for part in tf.__version__.split(".")[:2])


@functools.lru_cache(maxsize=None)
def load():
    """The module with RunConfig, TPUEstimator, TPUEstimatorSpec and ModeKeys.

      estimator = estimators.load()
      config = estimator.tpu.RunConfig(model_dir="out")

    Returns:
      tf.estimator, or what takes its place.

    Raises:
      UserError: this TensorFlow has no estimators, and the package with them is not installed or
        does not run with it.
    """
    if hasattr(tf, "estimator"):
        return tf.estimator
    _supply()
    try:
        return importlib.import_module("tensorflow_estimator._api.v1.estimator")
    except Exception as error:  # whatever a TensorFlow of another year makes of the package
        raise UserError(
            "TensorFlow {} has no estimators of its own, and the package tensorflow-estimator does "
            "not run with it ({}: {}); run `pip install {}`, or take TensorFlow {}".format(
                tf.__version__, type(error).__name__, error, PACKAGE, ", ".join(TESTED)
            )
        ) from error


def warn_if_untested():
    """Warns of a TensorFlow that is newer than those that the tests run on."""
    newest = TESTED[-1]
    if version() > tuple(int(part) for part in newest.split(".")[:2]):
        warn(
            "TensorFlow {} is newer than {}, the newest that this program is tested with".format(
                tf.__version__, newest
            )
        )


def tpu_fault():
    """Why a TPU cannot be used here, a sentence; None where it can.

    TensorFlow's support for sessions on a TPU, their watchdog and shutdown, went with its
    estimators.
    """
    if hasattr(tf, "estimator"):
        return None
    return (
        "--use_tpu=True does not run on TensorFlow {}, which has no support for sessions on a TPU; "
        "install TensorFlow {}".format(tf.__version__, WITH_TPU_SESSIONS)
    )


def _supply():
    """Puts the missing modules in place, each of them only where TensorFlow has none."""
    from tensorflow.python.util import tf_export

    for table in (tf_export.API_ATTRS, tf_export.API_ATTRS_V1):
        kind = type(table[tf_export.TENSORFLOW_API_NAME])
        suffix = "_v1" if table is tf_export.API_ATTRS_V1 else ""
        table.setdefault(
            _ESTIMATOR_API,
            kind("_estimator_api_names" + suffix, "_estimator_api_constants" + suffix),
        )
    if not hasattr(tf_export, "ESTIMATOR_API_NAME"):
        tf_export.ESTIMATOR_API_NAME = _ESTIMATOR_API
    _supply_module(
        "tensorflow.python.distribute.estimator_training",
        {
            "init_run_config": _init_run_config,
            "should_run_distribute_coordinator": _should_run_distribute_coordinator,
        },
        "training with several machines (a cluster in TF_CONFIG)",
    )
    _supply_module(
        "tensorflow.python.tpu.session_support", {}, "training on a TPU, whose sessions it watches,"
    )
    tables = "embedding tables on a TPU"
    _supply_module("tensorflow.python.tpu.tpu_embedding", {}, tables)
    _supply_module("tensorflow.python.tpu.tpu_embedding_gradient", {}, tables)


def _supply_module(name, members, purpose):
    """Makes a module importable unless TensorFlow has it.

    Args:
      name: of the module.
      members: dict name -> what works of it.
      purpose: begin of the sentence that a user of anything else reads.
    """
    try:
        importlib.import_module(name)
        return
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    module = types.ModuleType(name, "Supplied by {}: {}".format(__name__, purpose))
    module.__dict__.update(members)
    # Names of classes are imported from the module when the package is.
    module.__getattr__ = functools.partial(_missing, name, purpose)
    sys.modules[name] = module
    package, _, leaf = name.rpartition(".")
    setattr(sys.modules[package], leaf, module)


def _missing(module, purpose, name):
    """A member of a supplied module: raises when it is called."""
    if name.startswith("__"):
        raise AttributeError(name)

    def refuse(*args, **kwargs):
        raise UserError(
            "{} does not run on TensorFlow {}, which has no {}.{}; install TensorFlow {}".format(
                purpose, tf.__version__, module, name, WITH_TPU_SESSIONS
            )
        )

    return refuse


def _init_run_config(config, tf_config):
    """Fills in what a RunConfig with a tf.distribute strategy knows of its place: this machine.

    As estimator_training.init_run_config of TensorFlow 2.15.1 does where there is no cluster; there
    a cluster is run by a coordinator, which is not supplied.

    Args:
      config: RunConfig with train_distribute or eval_distribute.
      tf_config: content of the environment variable TF_CONFIG, a dict.

    Raises:
      UserError: it names a cluster.
    """
    if tf_config.get("cluster"):
        raise UserError(
            "TF_CONFIG in the environment names a cluster ({}), and training on several machines "
            "does not run on TensorFlow {}; unset it, or install TensorFlow 2.15.1".format(
                json.dumps(tf_config["cluster"]), tf.__version__
            )
        )
    config._distribute_coordinator_mode = None
    config._init_distributed_setting_from_environment_var(tf_config)
    config._maybe_overwrite_session_config_for_distributed_training()


def _should_run_distribute_coordinator(config):
    """False: _init_run_config leaves no coordinator to run."""
    del config
    return False
