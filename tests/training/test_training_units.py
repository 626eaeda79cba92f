"""Evaluation sums, the record of a run, and its hooks."""

import json
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import PREDICTIONS, SEQ, TINY_CONFIG

from common.errors import UserError
from modeling import checkpoint
from modeling.config import BertConfig
from modeling.losses import Ratio
from modeling.objectives import get_objective
from modeling.objectives.objective import ObjectiveOutput
from optimization.config import OptimizerConfig
from training import hooks, run_config
from training.checkpoints.best import BestCheckpoint
from training.checkpoints.saving import SaverHook
from training.host_values import HostValues
from training.model_fn import TEXTS, TOTAL_LOSS, eval_metrics, model_parameters

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


def test_evaluation_divides_once():
    """Counts 3 and 1, losses (1, 2, 3) and (5): 11/4, not the mean of 2 and 5."""
    with tf.Graph().as_default(), tf.Session() as session:
        top, bottom = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
        losses = {"a_loss": Ratio(top, bottom, 1e-5), "b_loss": Ratio(bottom, bottom, 0.0)}
        metrics = {"a_accuracy": Ratio(top * 0.0, bottom * 0.0, 0.0)}
        metric_fn, tensors = eval_metrics(ObjectiveOutput(losses, metrics, {}), bottom)
        assert all(t.shape.as_list() == [1] for t in tensors)
        found = metric_fn(*tensors)
        session.run(tf.local_variables_initializer())
        for numerator, denominator in ((6.0, 3.0), (5.0, 1.0)):
            session.run([u for _, u in found.values()], {top: numerator, bottom: denominator})
        values = session.run({name: value for name, (value, _) in found.items()})
    assert values["a_loss"] == pytest.approx(11 / 4.00001, rel=1e-9)
    assert values["b_loss"] == 1.0
    assert values["a_accuracy"] == 0.0  # nothing counted
    assert values[TEXTS] == 4
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


def test_numbers_that_no_run_can_have(tmp_path):
    """From wherever they came, not from flags alone."""
    for changes, message in (
        ({"learning_rate": float("nan")}, r"learning_rate=nan must be a finite number \(Optimizer"),
        ({"learning_rate": 1.0, "num_train_steps": 1 << 40}, "num_train_steps=1099511627776 must"),
        ({"learning_rate": 1.0, "epsilon": float("inf")}, "epsilon=inf must be a finite number"),
    ):
        with pytest.raises(UserError, match=message):
            OptimizerConfig(**dict({"num_train_steps": 10}, **changes))
    message = r"seed=1099511627776 must lie between .* \(RunConfig\)"
    with pytest.raises(UserError, match=message):
        make_run(tmp_path, seed=1 << 40)


def test_run_config_is_saved(tmp_path):
    run = make_run(tmp_path)
    optimizer = OptimizerConfig(learning_rate=1e-3, num_train_steps=10)
    run_config.save(run, BertConfig(TINY_CONFIG, gelu="tanh"), optimizer)
    with open(str(tmp_path / "out" / "run_config.json"), encoding="utf-8") as reader:
        saved = json.load(reader)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["run_config.json"]
    assert saved["run"]["max_seq_length"] == SEQ
    assert saved["model"]["activation"] == "gelu_tanh"
    assert saved["optimizer"]["learning_rate"] == 1e-3


@pytest.mark.parametrize(
    "content", [b"loss = x\n", b"\xff", b"loss\n", b"a = b = 1\n", b"global_step = nan\n"]
)
def test_damaged_results_of_the_best_checkpoint(tmp_path, content):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "eval_results.txt").write_bytes(content)
    with pytest.raises(
        UserError, match=r"best/eval_results.txt is damaged: not one `name = value`"
    ):
        BestCheckpoint(str(tmp_path))


def test_model_parameters_without_a_session():
    parameters = model_parameters(BertConfig(TINY_CONFIG), get_objective("bert"), 16, 4)
    assert parameters.shapes()["bert/embeddings/word_embeddings"] == [40, 32]
    assert parameters.count() == sum(np.prod(s) for s in parameters.shapes().values())


class Loop:
    """A counter under hooks; its values are functions of the step."""

    def __init__(self, hooks_of, start, **changes):
        """`hooks_of`: HostValues -> hooks; `changes`: value name -> function of the step."""
        self.step = tf.train.get_or_create_global_step()
        now = tf.cast(self.step, tf.float32)
        values = {"loss": now, "learning_rate": now, "gradient_norm": now}
        values.update((name, make(now)) for name, make in changes.items() if name in values)
        is_finite = changes.get("is_finite", lambda now: now > -1.0)(now)
        host_values = HostValues(values, is_finite)
        function, tensors = host_values.host_call
        with tf.control_dependencies([function(*tensors)]):
            self.op = self.step.assign_add(1)
        scaffold = tf.train.Scaffold(
            init_op=self.step.initializer, init_fn=lambda _, s: self.step.load(start, s)
        )
        self.session = tf.train.MonitoredSession(
            tf.train.ChiefSessionCreator(scaffold), hooks=hooks_of(host_values)
        )


class Clock(tf.train.SessionRunHook):
    """Time as steps take it, a second each, ten the first, with pauses between them."""

    def __init__(self, pause):
        self.now, self._pause, self._next = 100.0, pause, 10.0

    def before_run(self, run_context):
        self.now += self._pause

    def after_run(self, run_context, run_values):
        self.now += self._next
        self._next = 1.0


def run_hook(folder, start, stop, capsys, monkeypatch, pause=0.0):
    """Runs a counter from `start` to `stop` under the hook and a Clock."""
    clock = Clock(pause)
    monkeypatch.setattr(hooks.time, "time", lambda: clock.now)
    with tf.Graph().as_default():
        make = lambda values: [  # noqa: E731
            clock,
            hooks.ProgressHook(values, (64, "tokens"), 40, str(folder)),
        ]
        loop = Loop(make, start)
        with loop.session as session:
            for _ in range(stop - start):
                session.run(loop.op)
    return capsys.readouterr()


def test_skipped_updates_are_told_and_then_stop_the_run(capsys):
    """Steps 3 and 6 to 10 fail: a warning each, and an end at the fifth in a row."""
    with tf.Graph().as_default():
        bad = [2.0, 5.0, 6.0, 7.0, 8.0, 9.0]
        loop = Loop(
            lambda values: [hooks.FaultHook(values)],
            0,
            is_finite=lambda now: tf.reduce_all(tf.not_equal(now, bad)),
            gradient_norm=lambda now: now * float("inf"),
        )
        with pytest.raises(UserError) as error, loop.session as session:
            for _ in range(20):
                session.run(loop.op)
    message = str(error.value)
    assert "not finite in 5 steps in a row (steps 6 to 10; learning rate 9, gradient norm inf" in (
        message
    )
    warnings = capsys.readouterr().out.splitlines()
    assert len(warnings) == 5 and "WARNING: step 3: the gradient is not finite" in warnings[0]
    assert warnings[-1].endswith("5 so far")


@pytest.mark.parametrize("pause", [0.0, 100.0])
def test_progress(tmp_path, capsys, monkeypatch, pause):
    """Evaluations between steps count in no rate."""
    lines = run_hook(tmp_path, 10, 17, capsys, monkeypatch, pause).out.splitlines()
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
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown = run_hook(tmp_path, 10, 17, capsys, monkeypatch)
    assert shown.out == ""
    last = shown.err.rstrip().split("\r")[-1]
    assert "17/40, loss 16.0000  1.00 steps/s  64 tokens/s  ETA 00:00:23" in last


def test_each_checkpoint_but_the_last_is_evaluated_before_the_next_step(tmp_path):
    """In one session; neither that of the start, which is saved, too, nor one a second time."""
    seen = []
    with tf.Graph().as_default():
        saver = SaverHook(str(tmp_path), every_steps=3)
        evaluation = hooks.EvaluationHook(saver, lambda: seen.append(saver.saved))
        loop = Loop(lambda values: [saver, evaluation], 2)
        with loop.session as session:
            for _ in range(11):
                session.run(loop.op)
    assert seen == [3, 6, 9, 12]
    assert checkpoint.saved_step(checkpoint.latest(str(tmp_path))) == 13


def test_duration():
    assert hooks.duration(59.6) == "00:01:00"
    assert hooks.duration(93784) == "1d 02:03:04"
