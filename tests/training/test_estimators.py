"""The one door to estimators, on every TensorFlow that has or lacks them."""

import json
import os
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT

from common.errors import UserError
from training import estimators

pytestmark = pytest.mark.tf1
HAS_ITS_OWN = hasattr(tf, "estimator")
needs_package = pytest.mark.skipif(HAS_ITS_OWN, reason="this TensorFlow has estimators")


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", **environment),
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_the_door_gives_tensorflows_own_estimators_where_there_are_some():
    found = estimators.load()
    if HAS_ITS_OWN:
        assert found is tf.estimator
    for name in ("RunConfig", "TPUEstimator", "TPUEstimatorSpec", "TPUConfig"):
        assert isinstance(getattr(found.tpu, name), type)
    assert found.ModeKeys.TRAIN == "train"


def test_tensorflow_is_one_of_those_tested():
    assert tf.__version__ in estimators.TESTED


def test_public_names_of_tensorflow_stay_as_they_are():
    done = run(
        "import tensorflow.compat.v1 as tf, tensorflow as tf2\n"
        "modules = tf, tf2, tf.train, tf.distribute\n"
        "def names(): return [sorted(dir(m)) for m in modules]\n"
        "before = names()\n"
        "from training import estimators; estimators.load()\n"
        "assert names() == before"
    )
    assert done.returncode == 0, done.stderr


@needs_package
@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        ("distribute.estimator_training", "train_and_evaluate", "training with several machines"),
        ("tpu.session_support", "start_worker_watchdog", "training on a TPU"),
        ("tpu.tpu_embedding", "FeatureConfig", "embedding tables on a TPU"),
        ("tpu.tpu_embedding_gradient", "get_gradients", "embedding tables on a TPU"),
    ],
)
def test_a_supplied_piece_says_what_it_cannot_do(module, name, words):
    estimators.load()
    supplied = __import__("tensorflow.python." + module, fromlist=[name])
    with pytest.raises(UserError) as raised:
        getattr(supplied, name)(1, two=2)
    message = str(raised.value)
    assert message.startswith(words) and name in message
    assert tf.__version__ in message and "install TensorFlow 1.15.5 or 2.15.1" in message


@needs_package
def test_a_cluster_in_the_environment_is_refused(monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(UserError, match="TF_CONFIG in the environment names a cluster"):
        estimators.load().tpu.RunConfig(train_distribute=tf.distribute.MirroredStrategy(["/cpu:0"]))


def test_a_strategy_knows_that_it_is_alone(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    config = estimators.load().tpu.RunConfig(
        train_distribute=tf.distribute.MirroredStrategy(["/cpu:0"])
    )
    assert (config.is_chief, config.num_worker_replicas, config.num_ps_replicas) == (True, 1, 0)
    assert (config.task_type, config.task_id, config.master) == ("worker", 0, "")
    assert config.evaluation_master == ""


@needs_package
def test_a_missing_package_is_named():
    done = run(
        "import sys\n"
        "sys.modules['tensorflow_estimator'] = None\n"
        "from common.errors import UserError\n"
        "from training import estimators\n"
        "try: estimators.load()\n"
        "except UserError as error: print(error)"
    )
    assert "pip install tensorflow-estimator==2.15.0" in done.stdout, done.stderr
    assert "TensorFlow {} has no estimators of its own".format(tf.__version__) in done.stdout


def test_a_newer_tensorflow_is_a_warning_with_both_versions(monkeypatch, capsys):
    estimators.warn_if_untested()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(estimators, "version", lambda: (2, 99))
    estimators.warn_if_untested()
    printed = capsys.readouterr().out
    assert "WARNING" in printed and tf.__version__ in printed and "newer than 2.21.0" in printed


def test_a_tpu_needs_session_support():
    fault = estimators.tpu_fault()
    if HAS_ITS_OWN:
        assert fault is None
    else:
        assert fault.startswith("--use_tpu=True does not run on TensorFlow " + tf.__version__)
        assert fault.endswith("install TensorFlow 1.15.5 or 2.15.1")
