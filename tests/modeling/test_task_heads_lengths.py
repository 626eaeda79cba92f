"""Batches of a length that the graph does not know."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import EXACT_KERNELS
from task_models import CONFIGS, SIZES, rows

from modeling import encoder, heads, layers
from modeling.kernels import PlainKernels
from modeling.objectives.classification import Classification
from modeling.objectives.questions import Questions
from modeling.objectives.several import Several
from modeling.objectives.tagging import Tagging
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions

tf.disable_v2_behavior()

HIDDEN = SIZES["hidden_size"]
OBJECTIVE = Several(
    [
        Classification("a", 3, GoogleHeads("a")),
        Tagging("b", 3, ElectraHeads("b")),
        Questions("c", GoogleHeads("c"), ("span", "yes")),
        Questions("d", ElectraHeads("d")),
        Questions("e", ElectraHeads("e", QuestionOptions(joint_prediction=False))),
    ]
)


def two_layers(network):
    config = CONFIGS[network]
    return type(config)(dict(config.to_dict(), num_hidden_layers=2))


def results(config, features, is_dynamic, is_training=False, kernels=PlainKernels):
    """(losses, tensors, gradients) of OBJECTIVE; `kernels`: their class."""
    with tf.Graph().as_default(), tf.Session() as session:
        fed = {}
        for name in OBJECTIVE.feature_names:
            shape = list(features[name].shape)
            shape = [None, None if shape[1] > 1 and is_dynamic else shape[1]]
            fed[name] = tf.placeholder(tf.int32, shape)
        store = ParameterStore(2)
        output = OBJECTIVE.build(config, store, kernels(4), fed, is_training)
        tensors = dict(output.tensors)
        encoded = tensors.pop("encoder")
        seq = None if is_dynamic else features["input_ids"].shape[1]
        assert encoded.sequence_output.shape.as_list() == [None, seq, HIDDEN]
        assert tensors["b/tags"].shape.as_list() == [None, seq]
        tensors["sequence"] = encoded.sequence_output
        replaced = heads.discriminator_logits(config, store, kernels(), tensors["sequence"])
        tensors["replaced"] = replaced
        losses = {name: ratio.value() for name, ratio in output.losses.items()}
        tensors["gradients"] = [
            gradient
            for gradient in tf.gradients(
                list(losses.values()), [parameter.tensor for parameter in store.trainable()]
            )
            if gradient is not None
        ]
        tensors["gradients"] = [tf.convert_to_tensor(g) for g in tensors["gradients"]]
        session.run(tf.global_variables_initializer())
        return session.run((losses, tensors), {fed[n]: features[n] for n in fed})


@pytest.mark.parametrize(
    "network",
    [pytest.param(n, marks=[pytest.mark.tf1] * (n == "electra")) for n in sorted(encoder.NETWORKS)],
)
@pytest.mark.parametrize("kernels", EXACT_KERNELS)
def test_a_length_that_is_not_known(network, kernels):
    config, features = two_layers(network), rows(5)
    features["task_numbers"][:, 0] = range(5)
    expected = results(config, features, False)
    other = results(config, features, True, kernels=kernels)
    assert set(expected[0]) == set(other[0]) and set(expected[1]) == set(other[1])
    for before, after in zip(expected, other):
        for name, value in before.items():
            values = zip(value, after[name]) if name == "gradients" else [(value, after[name])]
            for static, dynamic in values:
                np.testing.assert_allclose(dynamic, static, rtol=1e-5, atol=1e-5, err_msg=name)
    assert len(expected[1]["gradients"]) > 20


def test_a_length_that_is_not_known_in_training():
    config, features = two_layers("bert"), rows(5)
    features["task_numbers"][:, 0] = range(5)
    expected = results(config, features, False, is_training=True)
    other = results(config, features, True, is_training=True)
    assert expected[0] == pytest.approx(other[0], rel=1e-5)


@pytest.mark.parametrize("direction", ["left", "right"])
def test_directions_of_a_length_that_is_not_known(direction):
    mask = rows()["input_mask"]
    with tf.Graph().as_default(), tf.Session() as session:
        fed = tf.placeholder(tf.int32, [None, None])
        static = layers.attention_mask_bias(tf.constant(mask), direction=direction)
        dynamic = layers.attention_mask_bias(fed, direction=direction)
        np.testing.assert_array_equal(session.run(dynamic, {fed: mask}), session.run(static))
