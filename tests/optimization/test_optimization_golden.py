"""Three updates and three more against the numbers of google-research/bert's optimizer and of
ymcui's LAMB."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from kernel_kinds import EXACT_KERNELS

from modeling import checkpoint
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore
from optimization import compiled_updates
from optimization.config import OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op

tf.disable_v2_behavior()

CASES = {"bert_adam": "adamw", "bert_lamb": "lamb"}
pytestmark = [pytest.mark.tf1, needs_golden]


def build(case, num_micro_batches=1, kernels=PlainKernels, compiled=False):
    """The training graph of the case: a dict of what the trace holds, the train op and the step."""
    meta = golden_cases.settings(case, "meta.json")
    config = BertConfig.from_json_file(golden_cases.path(case, "bert_config.json"), gelu="tanh")
    optimizer_config = OptimizerConfig(
        learning_rate=meta["init_lr"],
        num_train_steps=meta["num_train_steps"],
        num_warmup_steps=meta["num_warmup_steps"],
        optimizer=CASES[case],
        gradient_accumulation_steps=num_micro_batches,
    )
    first = ParameterStore()

    def forward(features):
        store = first.again() if first.shapes() else first
        # dropout is 0 in this case's config
        output = get_objective("bert").build(config, store, kernels(), features, True)
        return Forward(output.losses, store.trainable())

    features = {k: tf.constant(v) for k, v in golden_cases.batch_features(case).items()}
    step = tf.train.get_or_create_global_step()
    train = build_train_op(
        forward, features, optimizer_config, step, OneReplica(), compiled=compiled
    )
    traced = dict(train.losses, loss=tf.add_n(list(train.losses.values())))
    traced.update(learning_rate=train.learning_rate, grad_global_norm=train.global_norm)
    return traced, train.op, step


def compare_trace(case, session, traced, op, rows):
    expected = golden_cases.arrays(case, "train_trace.npz")
    for row in rows:
        results = session.run(dict(traced, op=op))
        for name in traced:
            np.testing.assert_allclose(
                results[name],
                expected["gather/" + name][row],
                rtol=1e-5,
                atol=1e-9,
                err_msg="{} at step {}".format(name, row),
            )


@pytest.mark.parametrize("kernels", EXACT_KERNELS)
@pytest.mark.parametrize("num_micro_batches", [1, 3])
@pytest.mark.parametrize("case", sorted(CASES))
def test_three_steps_from_the_start(case, num_micro_batches, kernels, monkeypatch):
    monkeypatch.setattr(compiled_updates, "LEAST_WEIGHTS", 1000)
    before = golden_cases.arrays(case, "vars_before_step1.npz")
    after = golden_cases.arrays(case, "vars_after_step3.npz")
    with tf.Graph().as_default():
        compiled = kernels is not PlainKernels
        traced, op, step = build(case, num_micro_batches, kernels, compiled)
        variables = {v.op.name: v for v in tf.global_variables()}
        slots = golden_cases.settings(case, "slot_names.json")
        assert set(variables) == set(before) | set(slots)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for name, value in before.items():
                variables[name].load(value, session)
            compare_trace(case, session, traced, op, range(3))
            results = session.run(variables)
            assert session.run(step) == 3
    assert set(results) == set(after)
    # The gradient of a key's bias is 0; LAMB scales its rounding errors up (golden README, noise).
    compared = [k for k in after if case != "bert_lamb" or "attention/self/key/bias" not in k]
    differences = {k: float(np.max(np.abs(after[k] - results[k]))) for k in compared}
    print("largest difference:", max(differences.values()), max(differences, key=differences.get))
    assert max(differences.values()) < 1e-5


@pytest.mark.parametrize("case", sorted(CASES))
def test_resume_from_the_original_checkpoint(case):
    """All variables, slots and the step of an original checkpoint restore by name."""
    with tf.Graph().as_default():
        traced, op, step = build(case)
        with tf.Session() as session:
            tf.train.Saver().restore(session, checkpoint.resolve(golden_cases.path(case)))
            assert session.run(step) == 3
            compare_trace(case, session, traced, op, range(3, 6))
