"""The network against the numbers of google-research/bert."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from golden_network import run_case
from kernel_kinds import EXACT_KERNELS

from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()

ATOL = 1e-5
pytestmark = [pytest.mark.tf1, needs_golden]


@pytest.mark.parametrize("kernels", EXACT_KERNELS)
def test_bert_forward_and_losses(kernels):
    expected = golden_cases.arrays("bert", "outputs.npz")
    results = run_case(golden_cases.batch_features("bert"), kernels=kernels)
    assert set(expected) == set(results)
    differences = {k: float(np.max(np.abs(expected[k] - results[k]))) for k in expected}
    print("largest differences:", differences)
    assert max(differences.values()) < ATOL, differences


def test_roberta_is_the_same_network_with_masked_lm_alone():
    expected = golden_cases.arrays("bert", "outputs.npz")
    results = run_case(golden_cases.batch_features("bert"), "roberta")
    np.testing.assert_allclose(results["sequence_output"], expected["sequence_output"], atol=ATOL)
    np.testing.assert_allclose(results["total_loss"], expected["masked_lm_loss"], atol=ATOL)
    assert "next_sentence_loss" not in results


def test_erf_gelu_is_another_number():
    expected = golden_cases.arrays("bert", "outputs.npz")
    results = run_case(golden_cases.batch_features("bert"), gelu="erf")
    assert np.max(np.abs(results["sequence_output"] - expected["sequence_output"])) > 1e-4


def test_variable_names_shapes_and_order():
    config = BertConfig.from_json_file(golden_cases.path("bert", "bert_config.json"))
    features = golden_cases.batch_features("bert")
    with tf.Graph().as_default():
        store = ParameterStore()
        inputs = {name: tf.constant(value) for name, value in features.items()}
        get_objective("bert").build(config, store, PlainKernels(), inputs, is_training=True)
        shapes = store.shapes()
    expected = golden_cases.settings("bert", "variables.json")
    assert {v["name"]: v["shape"] for v in expected} == dict(shapes)
