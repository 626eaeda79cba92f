"""The training step compiled by XLA, as a TPU compiles it, computes what it computes uncompiled."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import needs_compiler
from record_files import PREDICTIONS, SEQ, VOCAB
from tpu_graphs import DROPOUT, model_config, random_records

from data.records.schema import FEATURES
from modeling.objectives import get_objective
from optimization.config import OptimizerConfig
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op
from training.model_fn import make_forward
from training.run_config import RunConfig

tf.disable_v2_behavior()
ROWS, STEPS = 4, 2
# losses: float32 scalar, their sum; norm: of the gradients.
Step = collections.namedtuple("Step", ["op", "loss", "norm"])


def compiled(function):
    """What `function` returns, computed by XLA."""
    if tf.__version__.startswith("1."):
        # A session of TensorFlow 1.15 does not heed tf.function(experimental_compile=True).
        return tf.xla.experimental.compile(function)
    return tf.function(function, jit_compile=True)()


class SharedSlots(OptimizerConfig):
    """Optimizers that share their moments, so that one graph can hold the same step twice."""

    slots = None

    def make(self, *arguments):
        optimizer = super().make(*arguments)
        if self.slots is None:
            self.slots = optimizer._slots
        optimizer._slots = self.slots
        return optimizer


class Training:
    """A model in the default graph, as a TPU would train it (rows looked up by one-hot products)
    unless `changes` of the RunConfig say otherwise.

    Attributes:
      dropping: bool placeholder: whether dropout drops anything.
    """

    def __init__(self, monkeypatch, optimizer, num_micro_batches, objective="bert", **changes):
        objective = get_objective(objective)
        run = RunConfig("", objective.name, [], [], max_seq_length=SEQ, use_tpu=True)
        run = dataclasses.replace(run, max_predictions_per_seq=PREDICTIONS, **changes)
        self._is_fused = run.kernels == "fused"
        self._config = SharedSlots(
            1e-3, 10, optimizer=optimizer, gradient_accumulation_steps=num_micro_batches
        )
        self._features = features(objective.feature_names)
        self.dropping = tf.placeholder(tf.bool, [])
        _put_a_switch(monkeypatch, self.dropping)
        self._step = tf.get_variable(
            "global_step", [], tf.int64, tf.zeros_initializer(), trainable=False, use_resource=True
        )
        self._forward = make_forward(model_config(DROPOUT, objective), objective, run, self._step)

    def build(self):
        """A Step; all have the same variables."""
        train = build_train_op(
            self._forward,
            self._features,
            self._config,
            self._step,
            OneReplica(),
            compiled=self._is_fused,
        )
        return Step(train.op, tf.add_n(list(train.losses.values())), train.global_norm)

    def outcome(self):
        """A step for compiled(): its numbers, after the update."""
        step = self.build()
        with tf.control_dependencies([step.op]):
            return [tf.identity(step.loss), tf.identity(step.norm)]

    def run(self, fetches, dropping, times=STEPS):
        """(numbers of the last call, all variables) from fresh weights on."""
        with tf.Session(config=without_grappler()) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(times):
                numbers = session.run(fetches, {self.dropping: dropping})
            names = [v.op.name for v in tf.global_variables()]
            return numbers, dict(zip(names, session.run(tf.global_variables())))


def _put_a_switch(monkeypatch, dropping):
    """Without dropping, draws are 1: nothing is dropped, though every operation is there. XLA draws
    other numbers than TensorFlow's own kernels, so only then can results be compared."""
    draw = tf.random.stateless_uniform

    def switched(shape, seed):
        drawn = draw(shape, seed)
        return tf.where(tf.fill(shape, dropping), drawn, tf.ones_like(drawn))

    monkeypatch.setattr(tf.random, "stateless_uniform", switched)


def features(names):
    """A batch of random rows with different numbers of predictions."""
    records = random_records(names, ROWS)
    records[0]["masked_lm_weights"][1:] = 0.0
    kinds = {"float32": tf.float32, "int64": tf.int32}
    return {
        name: tf.constant(np.stack([r[name] for r in records]), kinds[FEATURES[name].dtype])
        for name in names
    }


def without_grappler():
    """Small graphs take longer to be optimised than to run."""
    config = tf.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


def assert_same(result, expected):
    numbers, variables = result
    np.testing.assert_allclose(numbers, expected[0], rtol=1e-5)
    assert variables.keys() == expected[1].keys()
    for name, value in expected[1].items():
        np.testing.assert_allclose(variables[name], value, rtol=0, atol=3e-5, err_msg=name)


def distance(some, others):
    """The largest difference between weights."""
    return max(np.max(np.abs(value - others[name])) for name, value in some.items())


@pytest.mark.parametrize(
    ("objective", "optimizer", "num_micro_batches"),
    [
        ("bert", "adamw", 1),
        pytest.param("bert", "lamb", 2, marks=pytest.mark.slow),  # lamb is in a loop below
        pytest.param("bert", "lamb_albert", 1, marks=pytest.mark.slow),
        pytest.param("electra", "adamw", 1, marks=pytest.mark.slow),
    ],
)
def test_the_compiled_step_is_the_plain_step(monkeypatch, objective, optimizer, num_micro_batches):
    with tf.Graph().as_default():
        training = Training(monkeypatch, optimizer, num_micro_batches, objective)
        plain = training.build()
        numbers = compiled(training.outcome)
        (*expected, _), weights = training.run([plain.loss, plain.norm, plain.op], False)
        expected = (expected, weights)
        result = training.run(numbers, False)
        assert_same(result, expected)
        assert result[1]["global_step"] == STEPS
        fresh = training.run(tf.no_op(), False)[1]
        scope = "electra" if objective == "electra" else "bert"
        moved = {n: v for n, v in weights.items() if n.startswith(scope) and "_m" not in n[-2:]}
        assert distance(moved, fresh) > 1e-4
        dropped = training.run(numbers, True)
        assert np.isfinite(dropped[0]).all() and distance(dropped[1], weights) > 1e-4
        again = training.run(numbers, True)
        assert_same(again, dropped)  # the masks follow from the seeds


@pytest.mark.tf2_15
@needs_compiler
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-5), pytest.param("bf16", 5e-3, marks=pytest.mark.slow)]
)
def test_fusions_within_a_compiled_step(monkeypatch, precision, tolerance):
    """With updates that are compiled, too. Dropout of fusions draws the same in both."""
    monkeypatch.setattr("optimization.compiled_updates.LEAST_WEIGHTS", 1000)
    monkeypatch.setattr("modeling.kernels.fused.WIDE_SCORES", VOCAB)
    with tf.Graph().as_default():
        settings = {"use_tpu": False, "kernels": "fused", "precision": precision}
        training = Training(monkeypatch, "adamw", 1, "roberta", **settings)
        fused = training.build()
        numbers = compiled(training.outcome)
        (*expected, _), weights = training.run([fused.loss, fused.norm, fused.op], True)
        found, variables = training.run(numbers, True)
    np.testing.assert_allclose(found, expected, rtol=tolerance)
    assert variables.keys() == weights.keys()
    assert distance(variables, weights) < 2 * STEPS * tolerance


@pytest.mark.tf1
def test_a_loop_of_steps_compiles_as_on_a_tpu(monkeypatch):
    """tf.cond and the loop over micro-batches, both inside of the training loop."""
    with tf.Graph().as_default():
        training = Training(monkeypatch, "lamb", 2)
        plain = training.build()

        def body(index, loss, norm):
            del loss, norm
            return [index + 1] + training.outcome()

        def loop():
            start = [tf.constant(0), tf.constant(0.0), tf.constant(0.0)]
            return tf.while_loop(lambda index, *_: index < STEPS, body, start)

        numbers = tf.xla.experimental.compile(loop)
        (*expected, _), weights = training.run([plain.loss, plain.norm, plain.op], False)
        _, *others = numbers
        assert_same(training.run(others, False, times=1), (expected, weights))


@pytest.mark.tf1
@pytest.mark.parametrize(
    "fault",
    [
        lambda x: tf.py_func(np.sum, [x], tf.float32),
        lambda x: tf.strings.to_number(tf.as_string(x)),
    ],
)
def test_what_xla_cannot_do_is_refused(fault):
    """So the steps above really were compiled."""
    with tf.Graph().as_default(), tf.Session(config=without_grappler()) as session:
        # As in a step: a function without state may be put into its caller, and not be compiled.
        x = tf.get_variable("x", initializer=1.0, use_resource=True)
        session.run(x.initializer)
        result = compiled(lambda: fault(x))
        with pytest.raises(tf.errors.OpError, match=r"(?i)compil|unsupported|XLA"):
            session.run(result)
