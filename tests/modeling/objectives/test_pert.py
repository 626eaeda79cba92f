"""PERT's head and loss against plain numpy, its gradients against finite differences."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import EXACT_KERNELS
from record_files import SEQ, TINY_CONFIG, permuted_records
from scipy.special import erf
from task_models import log_softmax

from modeling import layers, losses
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.kernels.bfloat16 import Bfloat16Kernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

CONFIG = BertConfig(dict(TINY_CONFIG, max_position_embeddings=SEQ + 4, initializer_range=0.2))
OBJECTIVE = get_objective("pert")
HEAD = "cls/position_predictions/"


def features_of(records):
    columns = {name: np.stack([r[name] for r in records]) for name in records[0]}
    return {
        name: values.astype(np.float32 if name.endswith("_weights") else np.int32)
        for name, values in columns.items()
    }


def build(features, kernels=PlainKernels):
    """(output, variables by name) in the default graph."""
    store = ParameterStore(seed=2)
    fed = {name: tf.constant(features[name]) for name in OBJECTIVE.feature_names}
    output = OBJECTIVE.build(CONFIG, store, kernels(), fed, is_training=False)
    return output, {v.op.name: v for v in tf.global_variables()}


def normalised(x, gamma, beta):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12) * gamma + beta


def scores_by_hand(sequence, features, variables):
    """LN(gelu(h W + b)) . H + bias of the place, at every slot: float64 [rows, P, seq]."""
    found = []
    for states, slots, mask in zip(
        sequence.astype(np.float64), features["permuted_positions"], features["input_mask"]
    ):
        inner = states[slots] @ variables[HEAD + "transform/dense/kernel"]
        inner += variables[HEAD + "transform/dense/bias"]
        inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        scope = HEAD + "transform/LayerNorm/"
        inner = normalised(inner, variables[scope + "gamma"], variables[scope + "beta"])
        scores = inner @ states.T + variables[HEAD + "output_bias"][:SEQ]
        found.append(np.where(mask > 0, scores, -np.inf))
    return np.stack(found)


@pytest.mark.parametrize("kernels", [*EXACT_KERNELS, pytest.param(Bfloat16Kernels, id="bf16")])
def test_head_and_loss_by_hand(kernels):
    features = features_of(permuted_records(6))
    rng = np.random.RandomState(1)
    with tf.Graph().as_default(), tf.Session() as session:
        output, variables = build(features, kernels)
        session.run(tf.global_variables_initializer())
        assert {
            n: tuple(v.shape.as_list()) for n, v in variables.items() if "position_pred" in n
        } == {
            HEAD + "transform/dense/kernel": (32, 32),
            HEAD + "transform/dense/bias": (32,),
            HEAD + "transform/LayerNorm/gamma": (32,),
            HEAD + "transform/LayerNorm/beta": (32,),
            HEAD + "output_bias": (SEQ + 4,),
        }
        gamma = session.run(variables[HEAD + "transform/LayerNorm/gamma"])
        np.testing.assert_allclose(gamma, 32**-0.5)  # scores start at a variance of about 1
        for name, variable in variables.items():
            if name.startswith(HEAD):
                variable.load(rng.normal(size=variable.shape).astype(np.float32), session)
        loss, accuracy = output.losses["position_loss"], output.metrics["position_accuracy"]
        found = session.run(
            {
                "sequence": tf.cast(output.tensors["encoder"].sequence_output, tf.float32),
                "logits": output.tensors["position_logits"],
                "nll": output.tensors["position_example_loss"],
                "loss": loss.value(),
                "accuracy": accuracy.value(),
                "variables": variables,
            }
        )
    scores = scores_by_hand(found["sequence"], features, found["variables"])
    logits = found["logits"].reshape(scores.shape)
    padding = np.isinf(scores)
    assert padding.any() and (logits[padding] < layers.MASKED_SCORE / 2).all()
    if kernels is Bfloat16Kernels:
        np.testing.assert_allclose(logits[~padding], scores[~padding], atol=0.7)
        return
    np.testing.assert_allclose(logits[~padding], scores[~padding], atol=1e-4)
    logs = log_softmax(np.where(padding, -1e30, scores)).reshape(-1, SEQ)
    labels, weights = features["permuted_labels"].ravel(), features["permuted_weights"].ravel()
    expected = -logs[np.arange(len(logs)), labels]
    np.testing.assert_allclose(found["nll"], expected, atol=1e-4)
    assert 0 < (weights == 0).sum() < len(weights)
    np.testing.assert_allclose(
        found["loss"], (expected * weights).sum() / (weights.sum() + 1e-5), rtol=1e-5
    )
    right = (logs.argmax(axis=1) == labels) * weights
    np.testing.assert_allclose(found["accuracy"], right.sum() / weights.sum(), rtol=1e-6)


def test_a_batch_without_predictions_has_a_loss_of_zero():
    features = features_of(permuted_records(3))
    features["permuted_weights"][:] = 0.0
    with tf.Graph().as_default(), tf.Session() as session:
        output, variables = build(features)
        gradients = tf.gradients(
            losses.total(output.losses.values()), variables[HEAD + "output_bias"]
        )
        session.run(tf.global_variables_initializer())
        loss, (gradient,) = session.run([losses.total(output.losses.values()), gradients])
    assert loss == 0.0 and not gradient.any()


@pytest.mark.parametrize("kernels", EXACT_KERNELS)
def test_gradients_by_finite_differences(kernels):
    features = features_of(permuted_records(8))
    with tf.Graph().as_default(), tf.Session() as session:
        output, variables = build(features, kernels)
        total = losses.total(output.losses.values())
        names = [n for n in variables if n.startswith(HEAD)] + [
            "bert/embeddings/position_embeddings",
            "bert/encoder/layer_0/attention/self/value/kernel",
            "bert/encoder/layer_0/output/LayerNorm/gamma",
        ]
        session.run(tf.global_variables_initializer())
        gradients = session.run(tf.gradients(total, [variables[n] for n in names]))
        for name, gradient in zip(names, gradients):
            variable, start = variables[name], session.run(variables[name])
            place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            sides, step = [], 4e-3
            for sign in (1, -1):
                moved = start.copy()
                moved[place] += sign * step
                variable.load(moved, session)
                sides.append(float(session.run(total)))
            variable.load(start, session)
            slope = (sides[0] - sides[1]) / (2 * step)
            assert abs(slope - gradient[place]) < 0.02 * abs(gradient[place]) + 1e-4, name
