"""Evaluation sums, the record of a run, and the progress hook."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import PREDICTIONS, SEQ, TINY_CONFIG

from errors import UserError
from modeling.config import BertConfig
from modeling.losses import Ratio
from modeling.objectives import get_objective
from modeling.objectives.masked_lm import ObjectiveOutput
from optimization.config import OptimizerConfig
from training import hooks, run_config
from training.model_fn import TOTAL_LOSS, eval_metrics, model_parameters

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


def test_evaluation_divides_once():
    """Counts 3 and 1, losses (1, 2, 3) and (5): 11/4, not the mean of 2 and 5."""
    with tf.Graph().as_default(), tf.Session() as session:
        top, bottom = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
        losses = {"a_loss": Ratio(top, bottom, 1e-5), "b_loss": Ratio(bottom, bottom, 0.0)}
        metrics = {"a_accuracy": Ratio(top * 0.0, bottom * 0.0, 0.0)}
        metric_fn, tensors = eval_metrics(ObjectiveOutput(losses, metrics, {}))
        assert all(t.shape.as_list() == [1] for t in tensors)
        found = metric_fn(*tensors)
        session.run(tf.local_variables_initializer())
        for numerator, denominator in ((6.0, 3.0), (5.0, 1.0)):
            session.run([u for _, u in found.values()], {top: numerator, bottom: denominator})
        values = session.run({name: value for name, (value, _) in found.items()})
    assert values["a_loss"] == pytest.approx(11 / 4.00001, rel=1e-9)
    assert values["b_loss"] == 1.0
    assert values["a_accuracy"] == 0.0  # nothing counted
    assert values[TOTAL_LOSS] == pytest.approx(values["a_loss"] + 1.0)


def make_run(folder, **changes):
    settings = {
        "output_dir": str(folder / "out"),
        "objective": "bert",
        "train_files": ["a"],
        "eval_files": [],
        "max_seq_length": SEQ,
        "max_predictions_per_seq": PREDICTIONS,
    }
    return run_config.RunConfig(**dict(settings, **changes))


def test_run_config_is_saved_and_guards_the_objective(tmp_path):
    run = make_run(tmp_path)
    run_config.check_same_objective(run)  # nothing there yet
    optimizer = OptimizerConfig(learning_rate=1e-3, num_train_steps=10)
    run_config.save(run, BertConfig(TINY_CONFIG, gelu="tanh"), optimizer)
    with open(str(tmp_path / "out" / "run_config.json"), encoding="utf-8") as reader:
        saved = json.load(reader)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["run_config.json"]
    assert saved["run"]["max_seq_length"] == SEQ
    assert saved["model"]["activation"] == "gelu_tanh"
    assert saved["optimizer"]["learning_rate"] == 1e-3
    run_config.check_same_objective(run)
    with pytest.raises(UserError, match="was trained with objective bert, this run has roberta"):
        run_config.check_same_objective(make_run(tmp_path, objective="roberta"))


def test_model_parameters_without_a_session(tmp_path):
    parameters = model_parameters(
        BertConfig(TINY_CONFIG), get_objective("bert"), make_run(tmp_path)
    )
    assert parameters.shapes()["bert/embeddings/word_embeddings"] == [40, 32]
    assert parameters.count() == sum(np.prod(s) for s in parameters.shapes().values())


def run_hook(folder, start, stop, capsys, monkeypatch):
    """Runs a counter from `start` to `stop` under the hook, a second a step, ten the first."""
    clock = [100.0]
    monkeypatch.setattr(hooks.time, "time", lambda: clock[0])
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        loss = tf.cast(step, tf.float32)
        with tf.control_dependencies([loss]):
            op = step.assign_add(1)
        hook = hooks.ProgressHook({"loss": loss, "learning_rate": loss}, 64, 40, str(folder))
        init = step.initializer
        scaffold = tf.train.Scaffold(init_op=init, init_fn=lambda _, s: step.load(start, s))
        creator = tf.train.ChiefSessionCreator(scaffold)
        with tf.train.MonitoredSession(creator, hooks=[hook]) as session:
            for index in range(stop - start):
                clock[0] += 10.0 if index == 0 else 1.0
                session.run(op)
    return capsys.readouterr()


def test_progress(tmp_path, capsys, monkeypatch):
    lines = run_hook(tmp_path, 10, 17, capsys, monkeypatch).out.splitlines()
    shown = [line.split("  ") for line in lines]
    assert [parts[0].split()[-1] for parts in shown] == ["11/40", "13/40", "15/40", "17/40"]
    assert "steps/s" not in lines[0]  # the compiling step is out of the rate
    assert shown[1][1:] == [
        "loss 12.0000",
        "learning_rate 12",
        "1.00 steps/s",
        "64 tokens/s",
        "ETA 00:00:27",
    ]
    tf.summary.FileWriterCache.clear()
    events = []
    for path in tmp_path.iterdir():
        for event in tf.train.summary_iterator(str(path)):
            events.extend((event.step, v.tag) for v in event.summary.value)
    assert (13, "loss") in events and (13, "learning_rate") in events


def test_progress_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hooks.sys.stderr, "isatty", lambda: True, raising=False)
    shown = run_hook(tmp_path, 10, 17, capsys, monkeypatch)
    assert shown.out == ""
    last = shown.err.rstrip().split("\r")[-1]
    assert "17/40, loss 16.0000  1.00 steps/s  64 tokens/s  ETA 00:00:23" in last


def test_duration():
    assert hooks.duration(59.6) == "00:01:00"
    assert hooks.duration(93784) == "1d 02:03:04"
