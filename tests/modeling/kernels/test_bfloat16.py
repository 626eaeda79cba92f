"""Weights cast to bfloat16, and whole networks with all heads in it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import SameDraws, needs_compiler
from task_models import CONFIGS, rows

from modeling import encoder
from modeling.kernels import make_kernels
from modeling.kernels.bfloat16 import WIDE_SCORES
from modeling.kernels.weights import CastWeights
from modeling.objectives.questions import Questions
from modeling.objectives.several import Several
from modeling.objectives.tagging import Tagging
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads

tf.disable_v2_behavior()
# TensorFlow 1 multiplies no bfloat16 on a CPU.
pytestmark = [pytest.mark.tf2_15, needs_compiler]

OBJECTIVE = Several(
    [
        Tagging("a", 3, GoogleHeads("a")),
        Questions("b", GoogleHeads("b"), ("span", "yes")),
        Questions("c", ElectraHeads("c")),
    ]
)


def built(network, kernels, is_training):
    """(losses, tensors, gradients by name) of OBJECTIVE on a network of two layers."""
    config = CONFIGS[network]
    config = type(config)(dict(config.to_dict(), num_hidden_layers=2, hidden_dropout_prob=0.1))
    features = rows(6)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = {name: tf.constant(features[name]) for name in OBJECTIVE.feature_names}
        store = ParameterStore(2)
        output = OBJECTIVE.build(config, store, kernels(), fed, is_training)
        assert all(v.dtype.base_dtype == tf.float32 for v in tf.global_variables())
        tensors = {k: v for k, v in output.tensors.items() if k != "encoder"}
        losses = {name: ratio.value() for name, ratio in output.losses.items()}
        gradients = {}
        if is_training:
            parameters = store.trainable()
            slopes = tf.gradients(list(losses.values()), [p.tensor for p in parameters])
            gradients = {
                p.variable.op.name: tf.convert_to_tensor(slope)
                for p, slope in zip(parameters, slopes)
                if slope is not None
            }
        session.run(tf.global_variables_initializer())
        session.run(tf.local_variables_initializer())
        return session.run((losses, tensors, gradients))


@pytest.mark.parametrize("network", sorted(encoder.NETWORKS))
def test_training_is_near_float32_in_all_networks_and_heads(network):
    """The same masks; gradients of float32, of the right size and direction."""
    expected, _, slopes = built(network, lambda: SameDraws(3, 4), True)
    losses, _, found = built(network, lambda: make_kernels("fused", "bf16", 3, 4), True)
    assert losses == pytest.approx(expected, rel=0.03)
    assert set(found) == set(slopes)
    for name, slope in slopes.items():
        assert found[name].dtype == np.float32
        size = np.linalg.norm(slope)
        # The gradient of a key's bias is 0 but for rounding.
        if size > 1e-4:
            assert np.linalg.norm(found[name] - slope) < 0.1 * size, name


@pytest.mark.parametrize("kind", ["plain", "fused"])
@pytest.mark.parametrize("network", sorted(encoder.NETWORKS))
def test_predictions_are_near_float32(network, kind):
    """With weights that are cast once; what leaves the network is float32."""
    _, expected, _ = built(network, make_kernels, False)
    _, found, _ = built(network, lambda: make_kernels(kind, "bf16", holds_weights=True), False)
    assert set(found) == set(expected)
    assert all(value.dtype in (np.float32, np.int32) for value in found.values())
    for name in ("a/tag_logits", "b/start_logits", "c/start_logits", "b/kind_scores"):
        assert 0 < np.abs(found[name] - expected[name]).max() < 0.2, name


def test_casts_are_made_once_and_gradients_are_added_in_float32():
    """256 and 1 cannot be told from 256 in bfloat16; in float32 uses of 1 and 1/512 add up."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        weight = tf.get_variable("w", initializer=np.float32([[3.0]]), use_resource=True)
        tensor, weights = tf.convert_to_tensor(weight), CastWeights(tf.bfloat16)
        uses = [weights(tensor) for _ in range(3)]
        casts = [op for op in graph.get_operations() if op.type == "Cast"]
        assert len(casts) == 1 and all(use.dtype == tf.bfloat16 for use in uses)
        factors = [1.0, 1 / 512, 1 / 1024]
        total = tf.add_n([use * tf.cast(f, tf.bfloat16) for use, f in zip(uses, factors)])
        (slope,) = tf.gradients(total, [tensor])
        session.run(weight.initializer)
        assert session.run(slope) == [[1 + 1 / 512 + 1 / 1024]]
        assert weights(uses[0]) is uses[0]


def test_micro_batches_cast_nothing():
    """A loop takes the casts of a pass before it; gradients are of its own tensors."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        names = {"v": [[3.0]], "w": [[5.0, 7.0]]}
        variables = [
            tf.get_variable(n, initializer=np.float32(x), use_resource=True)
            for n, x in names.items()
        ]
        whole = CastWeights(tf.bfloat16)
        for variable in variables:
            whole(tf.convert_to_tensor(variable))

        def body(index, total):
            own = [tf.convert_to_tensor(variable) for variable in variables]
            weights = CastWeights(tf.bfloat16, earlier=whole)
            product = tf.matmul(*map(weights, own))
            return index + 1, total + tf.gradients(product, own)[1]

        _, total = tf.while_loop(
            lambda index, _: index < 3, body, [0, tf.zeros([1, 2])], back_prop=False
        )
        casts = [op for op in graph.get_operations() if op.type == "Cast"]
        to_bfloat16 = [op for op in casts if op.outputs[0].dtype == tf.bfloat16]
        assert len(to_bfloat16) == 2
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(total), [[9.0, 9.0]])
        other = CastWeights(tf.bfloat16, earlier=whole)
        with pytest.raises(ValueError, match="weight 0"):
            other(tf.convert_to_tensor(variables[1]))


def test_held_casts_are_of_the_weights_that_were_loaded_last():
    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=np.float32([[3.0]]), use_resource=True)
        cast = CastWeights(tf.bfloat16, held=True)(tf.convert_to_tensor(weight))
        session.run(weight.initializer)
        weight.load(np.float32([[5.0]]), session)
        session.run(tf.local_variables_initializer())
        weight.load(np.float32([[7.0]]), session)
        assert session.run(cast) == [[5.0]]
        assert weight in tf.trainable_variables() and len(tf.global_variables()) == 1


@pytest.mark.parametrize("kind", ["plain", "fused"])
@pytest.mark.parametrize("classes", [3, WIDE_SCORES])
def test_scores_of_few_classes_are_exact(kind, classes):
    """Scores that differ by 1/1000 stay apart for a classifier; a vocabulary's are rounded."""
    vectors, kernel = np.full([1, 8], 4.0), np.full([8, classes], 0.5)
    kernel[:, 1] += 1 / 1024
    with tf.Graph().as_default(), tf.Session() as session:
        scores = make_kernels(kind, "bf16").scores(
            tf.cast(vectors, tf.bfloat16), tf.constant(kernel, tf.float32), tf.zeros([classes])
        )
        found = session.run(scores)
    assert found.dtype == np.float32
    assert (found[0, 1] == 16.0 + 32 / 1024) == (classes < WIDE_SCORES)
