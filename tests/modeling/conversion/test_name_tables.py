"""Name tables: exact in both directions, for every spelling that files have."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.config import BertConfig
from modeling.conversion import name_map
from modeling.conversion.name_map import NameMap, Rule
from modeling.conversion.name_tables import BERT
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


def model_variables(layers, heads, head_size, vocabulary, seed=0):
    """Random values under the names and shapes of the variables that pre-training creates."""
    config = BertConfig(
        {
            "vocab_size": vocabulary,
            "hidden_size": heads * head_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": heads * head_size + 3,
            "max_position_embeddings": 11,
        }
    )
    with tf.Graph().as_default():
        store = ParameterStore()
        inputs = {
            name: tf.placeholder(tf.int32, [2, 7 if "input" in name or "segment" in name else 1])
            for name in get_objective("bert").feature_names
        }
        inputs["masked_lm_weights"] = tf.placeholder(tf.float32, [2, 1])
        get_objective("bert").build(config, store, PlainKernels(), inputs, False)
        shapes = store.shapes()
    rng = np.random.RandomState(seed)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def assert_equal(first, second):
    assert set(first) == set(second)
    for name, value in first.items():
        assert value.dtype == second[name].dtype and value.shape == second[name].shape
        assert value.tobytes() == second[name].tobytes(), name


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([1, 2, 11]), st.integers(1, 3), st.integers(1, 5), st.integers(1, 20))
def test_round_trip(layers, heads, head_size, vocabulary):
    variables = model_variables(layers, heads, head_size, vocabulary)
    there = BERT.to_huggingface(variables)
    assert not there.unknown and len(there.tensors) == len(variables)
    assert all("/" not in name for name in there.tensors)
    back = BERT.to_tensorflow(there.tensors)
    assert not back.unknown
    assert_equal(back.tensors, variables)
    assert all(value.flags["C_CONTIGUOUS"] for value in there.tensors.values())
    # one rule for a name, in either direction: their order decides nothing
    for name, target in zip(variables, there.tensors):
        assert sum(bool(p.fullmatch(name)) for p, _, _ in BERT._forth) == 1
        assert sum(bool(p.fullmatch(target)) for p, _, _ in BERT._back) == 1


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([1, 2, 11]), st.randoms(use_true_random=False))
def test_spellings(layers, random):
    """The encoder's names without `bert.`, with gamma and beta, in any order."""
    variables = model_variables(layers, 1, 4, 6)
    tensors = BERT.to_huggingface(variables).tensors
    spelled = {}
    for name, value in tensors.items():
        if name.startswith("bert."):
            name = name[len("bert.") :]
        for new, old in (("weight", "gamma"), ("bias", "beta")):
            name = name.replace("LayerNorm." + new, "LayerNorm." + old)
        spelled[name.replace("predictions.bias", "predictions.decoder.bias")] = value
    extra = {
        "embeddings.position_ids": np.arange(3),
        "bert.embeddings.position_ids": np.arange(3),
        "cls.predictions.decoder.weight": np.zeros([6, 4], np.float32),
        "other_outputs.weight": np.zeros(3, np.float32),
    }
    items = sorted(dict(spelled, **extra).items())
    random.shuffle(items)
    converted = BERT.to_tensorflow(dict(items))
    assert converted.unknown == ["other_outputs.weight"]
    assert_equal(converted.tensors, variables)


def test_what_is_transposed():
    variables = model_variables(1, 1, 4, 6)
    tensors = BERT.to_huggingface(variables).tensors
    for name, value in variables.items():
        other = tensors[BERT.huggingface_name(name).name]
        if name.endswith("/kernel"):
            np.testing.assert_array_equal(other, value.T)
        else:
            np.testing.assert_array_equal(other, value)
    assert BERT.huggingface_name("cls/seq_relationship/output_weights") == (
        "cls.seq_relationship.weight",
        False,
    )
    assert BERT.huggingface_name("output_weights") == ("classifier.weight", False)
    assert BERT.huggingface_name("output_bias") == ("classifier.bias", False)
    assert BERT.huggingface_name("bert/encoder/layer_10/attention/output/LayerNorm/gamma") == (
        "bert.encoder.layer.10.attention.output.LayerNorm.weight",
        False,
    )


def test_second_names():
    """What load_state_dict asks for beside the names that are stored."""
    bias, words = np.zeros(3, np.float32), np.ones([3, 2], np.float32)
    tensors = {"cls.predictions.bias": bias, "bert.embeddings.word_embeddings.weight": words}
    second = BERT.tied(tensors)
    assert set(second) == {"cls.predictions.decoder.bias", "cls.predictions.decoder.weight"}
    assert second["cls.predictions.decoder.bias"] is bias
    assert second["cls.predictions.decoder.weight"] is words
    del tensors["cls.predictions.bias"]
    assert BERT.tied(tensors) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_a_weight_in_two_spellings(order):
    pairs = [
        ("cls.predictions.decoder.bias", np.zeros(3, np.float32)),
        ("cls.predictions.bias", np.ones(3, np.float32)),
    ]
    converted = BERT.to_tensorflow(dict(pairs[::order]))
    assert list(converted.tensors) == ["cls/predictions/output_bias"]
    assert converted.tensors["cls/predictions/output_bias"].all()


def test_names_that_are_nearly_right():
    for name in (
        "bert/encoder/layer_01/output/dense/kernel",
        "bert/encoder/layer_/output/dense/kernel",
        "bert/encoder/layer_1/output/dense/kernel/adam_m",
        "x/bert/pooler/dense/kernel",
        "global_step",
        "bert/embeddings/LayerNorm/beta/adam_v",
        "output_weights/adam_m",
        "cls/squad/output_weights/adam_m",
    ):
        assert BERT.huggingface_name(name) is None
    for name in (
        "bert.encoder.layer.x.output.dense.weight",
        "bertXpooler.dense.weight",
        "bert.bert.pooler.dense.weight",
        "electra.embeddings.word_embeddings.weight",
        "bert.encoder.layer.0.attention.self.distance_embedding.weight",
    ):
        assert BERT.tensorflow_name(name) is None
    converted = BERT.to_huggingface({"global_step": np.int64(3), "bert/pooler/dense/bias": 1})
    assert converted.unknown == ["global_step"] and len(converted.tensors) == 1


def test_another_family_is_another_table():
    """Two numbers in a name, other orders of them, a word of its own on each side."""
    family = NameMap(
        [
            Rule("a/group_{g}/inner_{i}/attention_1/kernel", "a.inner.{i}.groups.{g}.weight", True),
            Rule("generator/table", "a.table.weight", False),
        ]
        + name_map.dense("a/project", "a.mapping"),
        base="a.",
        word_table="generator/table",
        output_table="lm_head.weight",
    )
    kernel = np.arange(6).reshape(2, 3)
    there = family.to_huggingface({"a/group_3/inner_12/attention_1/kernel": kernel})
    np.testing.assert_array_equal(there.tensors["a.inner.12.groups.3.weight"], kernel.T)
    for spelling in ("a.inner.12.groups.3.weight", "inner.12.groups.3.weight"):
        assert family.tensorflow_name(spelling).name == "a/group_3/inner_12/attention_1/kernel"
    assert family.tensorflow_name("mapping.weight") == ("a/project/kernel", True)
    assert family.to_tensorflow({"lm_head.weight": kernel}) == ({}, [])
