"""Three fine-tuning updates against the numbers of google-research/electra: its classification
head, summed loss and layer-wise learning rates."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden

from modeling.config_families import ElectraConfig
from modeling.kernels import PlainKernels
from modeling.layer_depths import layers_below_heads
from modeling.objectives.classification import Classification
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads
from optimization.config import OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op

tf.disable_v2_behavior()

CASE = "electra_finetune_adam"
STEPS = 3
# Dropout before the classifier is no matter of the config; these numbers were made without.
pytestmark = [pytest.mark.tf1, needs_golden]


def case_config():
    return ElectraConfig.from_json_file(golden_cases.path(CASE, "discriminator_config.json"))


def optimizer_config(num_micro_batches=1):
    meta = golden_cases.settings(CASE, "meta.json")
    hparams = golden_cases.settings(CASE, "hparams.json")
    return OptimizerConfig(
        learning_rate=hparams["learning_rate"],
        num_train_steps=meta["num_train_steps"],
        num_warmup_steps=int(meta["warmup_steps"]),
        warmup="multiply",
        layerwise_lr_decay=hparams["layerwise_lr_decay"],
        gradient_accumulation_steps=num_micro_batches,
    )


def build(num_micro_batches):
    """(dict of what is traced, train op, step) of the case's training."""
    config, first = case_config(), ParameterStore()
    task = golden_cases.settings(CASE, "meta.json")
    objective = Classification(task["task"], task["num_labels"], ElectraHeads(task["task"]))
    inputs = golden_cases.arrays(CASE, "inputs.npz")
    names = set(objective.feature_names)
    features = {k: tf.constant(v.reshape(len(v), -1)) for k, v in inputs.items() if k in names}

    def forward(features):
        store = first.again() if first.shapes() else first
        output = objective.build(config, store, PlainKernels(), features, is_training=True)
        return Forward(output.losses, store.trainable())

    step = tf.train.get_or_create_global_step()
    settings, layers = optimizer_config(num_micro_batches), layers_below_heads(config)
    train = build_train_op(forward, features, settings, step, OneReplica(), layers)
    return {"loss": train.loss, "grad_global_norm": train.global_norm}, train.op, step


@pytest.fixture
def no_dropout(monkeypatch):
    monkeypatch.setattr("modeling.task_heads.DROPOUT", 0.0)


@pytest.mark.parametrize("num_micro_batches", [1, 3])
def test_three_steps(num_micro_batches, no_dropout):
    """Our gradients are dense, so the numbers are those of the lookup by product (gather counts a
    repeated token's rows apart in the norm)."""
    before = golden_cases.arrays(CASE, "vars_before_step1.npz")
    trace = golden_cases.arrays(CASE, "train_trace.npz")
    with tf.Graph().as_default():
        traced, op, step = build(num_micro_batches)
        variables = {v.op.name: v for v in tf.global_variables()}
        assert set(variables) == set(before) | set(golden_cases.settings(CASE, "slot_names.json"))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for name, value in before.items():
                variables[name].load(value, session)
            for row in range(STEPS):
                assert session.run(step) == trace["one_hot/global_step_before"][row]
                results = session.run(dict(traced, op=op))
                for name in traced:
                    expected = trace["one_hot/" + name][row]
                    np.testing.assert_allclose(results[name], expected, rtol=1e-5, err_msg=name)
            results = session.run({name: variables[name] for name in before})
    after = golden_cases.arrays(CASE, "one_hot_model_vars_after_step{}.npz".format(STEPS))
    assert set(after) == set(before)
    differences = {k: float(np.max(np.abs(after[k] - results[k]))) for k in after}
    print("largest difference:", max(differences.values()), max(differences, key=differences.get))
    assert max(differences.values()) < 1e-5


def test_rates_of_all_variables():
    settings = optimizer_config()
    factor = settings.rate_factor(layers_below_heads(case_config()))
    expected = golden_cases.settings(CASE, "learning_rates.json")["per_step_per_variable"]
    with tf.Graph().as_default(), tf.Session() as session:
        rates = session.run([settings.rate(step) for step in range(STEPS)])
    assert set(expected) == set(golden_cases.arrays(CASE, "vars_before_step1.npz"))
    for name, values in expected.items():
        ours = [rate * factor(name) for rate in rates]
        np.testing.assert_allclose(ours, values[:STEPS], rtol=1e-6, err_msg=name)
        assert len(set(ours)) == STEPS
