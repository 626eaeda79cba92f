"""The encoder against Hugging Face's, and the property that packing rests on."""

import huggingface_models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from huggingface_models import torch_weights
from task_models import CONFIGS

from modeling import heads
from modeling.config import BertConfig
from modeling.encoder import encoder
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()

SIZES = {name: size for name, size in huggingface_models.SIZES.items() if name != "hidden_act"}


def run_encoder(inputs, weights=None, config_changes=None, is_training=False, kernels=None):
    """Encoder outputs on numpy inputs; `weights`: name -> array, default the initial values;
    `kernels`: arguments of PlainKernels."""
    config = BertConfig(dict(SIZES, **(config_changes or {})))
    with tf.Graph().as_default():
        store = ParameterStore(seed=3)
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        chosen = PlainKernels(**(kernels or {}))
        output = encoder(config, store, chosen, is_training=is_training, **tensors)
        fetches = {
            "layers": tf.stack(output.all_encoder_layers),
            "pooled": output.pooled_output,
            "embeddings": output.embedding_output,
        }
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            if weights is not None:
                assert set(weights) == set(store.shapes())
                for variable in tf.global_variables():
                    variable.load(weights[variable.op.name], session)
            return session.run(fetches)


def random_inputs(batch=3, seq=12, seed=0):
    rng = np.random.RandomState(seed)
    lengths = rng.randint(4, seq + 1, size=batch)
    return {
        "input_ids": rng.randint(0, 50, (batch, seq)).astype(np.int32),
        "input_mask": (np.arange(seq) < lengths[:, None]).astype(np.int32),
        "segment_ids": rng.randint(0, 2, (batch, seq)).astype(np.int32),
    }


@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_new"])
@pytest.mark.parametrize("with_positions", [False, True])
def test_against_hugging_face(hidden_act, with_positions):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        hidden_act=hidden_act,
        layer_norm_eps=1e-12,
        initializer_range=0.2,
        attn_implementation="eager",
        **SIZES,
    )
    model = transformers.BertModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # biases and norms away from 0 and 1
            parameter.add_(torch.randn_like(parameter) * 0.1)
    inputs = random_inputs()
    if with_positions:
        rng = np.random.RandomState(9)
        inputs["position_ids"] = rng.randint(0, 20, inputs["input_ids"].shape).astype(np.int32)
    names = {"input_mask": "attention_mask", "segment_ids": "token_type_ids"}
    with torch.no_grad():
        expected = model(
            output_hidden_states=True,
            **{names.get(k, k): torch.tensor(v).long() for k, v in inputs.items()},
        )
    results = run_encoder(inputs, torch_weights(model), {"hidden_act": hidden_act})
    hidden = torch.stack(expected.hidden_states[1:]).numpy()
    np.testing.assert_allclose(results["embeddings"], expected.hidden_states[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(results["layers"], hidden, atol=1e-5)
    np.testing.assert_allclose(results["pooled"], expected.pooler_output.numpy(), atol=1e-5)


@pytest.mark.tf1
def test_packed_row_equals_separate_rows():
    """Two texts in one row, kept apart by row segments and positions, as two rows."""
    alone = random_inputs(batch=2, seq=7)
    alone["input_mask"][:] = 1
    alone["input_mask"][1, 5:] = 0
    expected = run_encoder(alone, config_changes={"initializer_range": 0.3})["layers"]
    first, second = np.arange(7), np.arange(5)
    pad = np.zeros(2)

    def packed(name):
        return np.concatenate([alone[name][0], alone[name][1, :5], pad])[None].astype(np.int32)

    row = {name: packed(name) for name in ("input_ids", "segment_ids")}
    row["input_mask"] = np.array([[1] * 12 + [0] * 2], np.int32)
    row["position_ids"] = np.concatenate([first, second, pad])[None].astype(np.int32)
    row["row_segment_ids"] = np.array([[1] * 7 + [2] * 5 + [0] * 2], np.int32)
    results = run_encoder(row, config_changes={"initializer_range": 0.3})["layers"]
    np.testing.assert_allclose(results[:, 0, :7], expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(results[:, 0, 7:12], expected[:, 1, :5], atol=1e-5)
    del row["row_segment_ids"]
    mixed = run_encoder(row, config_changes={"initializer_range": 0.3})["layers"]
    assert np.max(np.abs(mixed[:, 0, :7] - expected[:, 0])) > 1e-3


@pytest.mark.tf1
@pytest.mark.parametrize("starts", [None, [[0, 7, -1], [0, -1, -1]]])
@pytest.mark.parametrize("network", sorted(CONFIGS))
def test_pooled_outputs_need_no_other_tokens_of_the_last_block(network, starts):
    """They are those of the whole last layer, which training computes; here without dropout."""
    inputs = random_inputs(batch=2)
    if starts:
        inputs["input_mask"][:] = 1
        inputs["row_segment_ids"] = np.array([[1] * 7 + [2] * 5, [1] * 12], np.int32)
        inputs["text_starts"] = np.array(starts, np.int32)
    with tf.Graph().as_default(), tf.Session() as session:
        store, tensors = ParameterStore(seed=3), {n: tf.constant(v) for n, v in inputs.items()}
        outputs = []
        for is_training in (True, False):
            mine = store.again() if outputs else store
            encoded = encoder(
                CONFIGS[network], mine, PlainKernels(), is_training=is_training, **tensors
            )
            depends = tf.gradients(encoded.pooled_output, encoded.sequence_output) != [None]
            assert depends == is_training
            outputs.append(encoded.pooled_output)
        session.run(tf.global_variables_initializer())
        whole, first = session.run(outputs)
    assert whole.shape == (3 if starts else 2, CONFIGS[network].hidden_size)
    np.testing.assert_allclose(first, whole, rtol=0, atol=2e-6)


@pytest.mark.tf1
def test_padding_tokens_do_not_matter():
    inputs = random_inputs()
    first = run_encoder(inputs)["layers"]
    inputs["input_ids"] = np.where(inputs["input_mask"], inputs["input_ids"], 7).astype(np.int32)
    second = run_encoder(inputs)["layers"]
    seen = inputs["input_mask"].astype(bool)
    np.testing.assert_allclose(first[:, seen], second[:, seen], atol=1e-6)


@pytest.mark.tf1
def test_dropout_follows_from_seed_and_step_and_is_only_in_training():
    inputs = random_inputs()

    def layers(**settings):
        return run_encoder(inputs, is_training=True, kernels=settings)["layers"]

    first = layers(seed=5, step_seed=1)
    np.testing.assert_array_equal(first, layers(seed=5, step_seed=1))
    plain = run_encoder(inputs, kernels={"seed": 5, "step_seed": 1})["layers"]
    np.testing.assert_array_equal(plain, run_encoder(inputs)["layers"])
    for other in (layers(seed=5, step_seed=2), layers(seed=6, step_seed=1), plain):
        assert np.max(np.abs(first - other)) > 1e-3


@pytest.mark.tf1
def test_dropout_keeps_the_mean_and_the_share():
    with tf.Graph().as_default(), tf.Session() as session:
        dropped = session.run(PlainKernels().dropout(tf.ones([1000, 100]), 0.2))
    assert set(np.unique(dropped)) == {np.float32(0.0), np.float32(1.25)}
    assert abs(np.mean(dropped == 0.0) - 0.2) < 0.01


@pytest.mark.tf1
def test_lookup_by_product_is_the_same():
    inputs = random_inputs()
    inputs["position_ids"] = np.tile(np.arange(12), [3, 1]).astype(np.int32)
    by_product = run_encoder(inputs, kernels={"one_hot_embedding": True})
    np.testing.assert_allclose(by_product["layers"], run_encoder(inputs)["layers"], atol=1e-6)


@pytest.mark.tf1
def test_initial_values_depend_on_the_name_not_on_the_order():
    def values(names, seed):
        with tf.Graph().as_default(), tf.Session() as session:
            store = ParameterStore(seed)
            for name in names:
                store.get(name, [4, 4], tf.truncated_normal_initializer(stddev=0.02))
            session.run(tf.global_variables_initializer())
            return session.run({v.op.name: v for v in tf.global_variables()})

    forward, backward = values(["a", "b"], 1), values(["b", "a"], 1)
    np.testing.assert_array_equal(forward["a"], backward["a"])
    assert not np.array_equal(forward["a"], forward["b"])
    assert not np.array_equal(forward["a"], values(["a"], 2)["a"])
    assert 0.005 < np.std(forward["a"]) < 0.04


@pytest.mark.tf1
def test_store_shares_by_name():
    with tf.Graph().as_default():
        store = ParameterStore()
        first = store.get("x/kernel", [2, 3], tf.zeros_initializer())
        assert store.get("x/kernel", [2, 3], tf.zeros_initializer()) is first
        with pytest.raises(ValueError, match="has shape"):
            store.get("x/kernel", [3, 2], tf.zeros_initializer())
        store.get("fixed", [5], tf.zeros_initializer(), trainable=False)
        assert [p.variable.op.name for p in store.trainable()] == ["x/kernel"]
        assert store.count() == 11


@pytest.mark.tf1
def test_gather_positions():
    sequence = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
    positions = np.array([[3, 0], [1, 1]], np.int32)
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(heads.gather_positions(tf.constant(sequence), tf.constant(positions)))
    np.testing.assert_array_equal(got, sequence[[0, 0, 1, 1], [3, 0, 1, 1]])
