"""Both ALBERT networks against the numbers of their programs; which family a config is of."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from kernel_kinds import EXACT_KERNELS
from record_files import write_json

from common.errors import UserError
from modeling import checkpoint
from modeling.config import BertConfig
from modeling.config_families import (
    AlbertConfig,
    AlbertZhConfig,
    ElectraConfig,
    read_config,
)
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

CASES = {
    "albert_google": AlbertConfig,
    "albert_zh": AlbertZhConfig,
    "albert_zh_preln": AlbertZhConfig,
}
MAPPING = "bert/encoder/embedding_hidden_mapping_in/"


def run_case(case, kernels):
    """(outputs by their golden names, shapes by variable name) of a golden checkpoint."""
    prefix = checkpoint.resolve(golden_cases.path(case))
    path = golden_cases.path(case, "albert_config.json")
    config = read_config(path, variables=checkpoint.read_shapes(prefix))
    assert type(config) is CASES[case] and type(read_config(path)) is CASES[case]
    assert config.activation == "gelu_tanh"
    features = golden_cases.batch_features(case)
    features["next_sentence_labels"] = features.pop("sentence_order_labels")
    objective = get_objective("albert")
    with tf.Graph().as_default():
        store = ParameterStore()
        inputs = {name: tf.constant(features[name]) for name in objective.feature_names}
        output = objective.build(config, store, kernels(), inputs, is_training=False)
        plan = checkpoint.plan_loading(prefix, store.shapes(), config.source)
        assert not plan.new and not plan.unused and not plan.training_state
        checkpoint.initialize(prefix, plan.loaded)
        fetches = fetches_of(output)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return session.run(fetches), store.shapes()


def fetches_of(output):
    tensors, encoded = output.tensors, output.tensors["encoder"]
    order = tensors["sentence_pair_logits"]
    return {
        "embedding_output": encoded.embedding_output,
        "sequence_output": encoded.sequence_output,
        "pooled_output": encoded.pooled_output,
        "all_encoder_layers": tf.stack(encoded.all_encoder_layers),
        "masked_lm_log_probs": tf.nn.log_softmax(tensors["masked_lm_logits"]),
        "masked_lm_example_loss": tensors["masked_lm_example_loss"],
        "masked_lm_loss": output.losses["masked_lm_loss"].value(),
        "sentence_order_logits": order,
        "sentence_order_log_probs": tf.nn.log_softmax(order),
        "sentence_order_example_loss": tensors["sentence_pair_example_loss"],
        "sentence_order_loss": output.losses["sentence_order_loss"].value(),
        "sentence_order_accuracy": output.metrics["sentence_order_accuracy"].value(),
        "total_loss": tf.add_n([ratio.value() for ratio in output.losses.values()]),
    }


@needs_golden
@pytest.mark.parametrize("kernels", EXACT_KERNELS)
@pytest.mark.parametrize("case", sorted(CASES))
def test_forward_and_losses(case, kernels):
    expected = golden_cases.arrays(case, "outputs.npz")
    expected.pop("word_embedding_output", None)
    results, shapes = run_case(case, kernels)
    if case == "albert_google":  # the original looks before the projection
        reader = tf.train.NewCheckpointReader(checkpoint.resolve(golden_cases.path(case)))
        kernel, bias = (reader.get_tensor(MAPPING + name) for name in ("kernel", "bias"))
        expected["embedding_output"] = expected["embedding_output"] @ kernel + bias
    labels = golden_cases.arrays(case, "inputs.npz")["sentence_order_labels"][:, 0]
    right = results["sentence_order_logits"].argmax(-1) == labels
    expected["sentence_order_accuracy"] = right.mean()
    assert set(expected) == set(results)
    differences = {k: float(np.max(np.abs(expected[k] - results[k]))) for k in expected}
    print("largest differences:", differences)
    assert max(differences.values()) < 1e-5, differences
    variables = golden_cases.settings(case, "variables.json")
    assert {v["name"]: v["shape"] for v in variables} == dict(shapes)


def test_layers_run_the_blocks_of_their_group():
    """Layers 0 and 1 of 4 are those of group 0, each with two blocks; 2 and 3 of group 1."""
    sizes = {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2}
    config = albert_config(**sizes)
    with tf.Graph().as_default():
        store, features = ParameterStore(), ids_of([[3, 4, 5, 0]])
        outputs = get_objective("albert").build(config, store, PlainKernels(), features, False)
        states = outputs.tensors["encoder"].all_encoder_layers
        assert len(states) == 8
        groups = {}
        for group in (0, 1):
            for inner in (0, 1):
                prefix = "bert/encoder/transformer/group_{}/inner_group_{}/".format(group, inner)
                own = [p.tensor for p in store.trainable() if p.variable.name.startswith(prefix)]
                assert len(own) == 16
                groups[group, inner] = [
                    any(g is not None for g in tf.gradients(state, own)) for state in states
                ]
    # From which state on a block has had a part in it.
    assert groups[0, 0] == [True] * 8
    assert groups[0, 1] == [False] + [True] * 7
    assert groups[1, 0] == [False] * 4 + [True] * 4
    assert groups[1, 1] == [False] * 5 + [True] * 3


def albert_config(**changes):
    values = {"vocab_size": 9, "embedding_size": 4, "hidden_size": 8, "num_attention_heads": 2}
    values.update(intermediate_size=12, max_position_embeddings=8)
    return AlbertConfig(dict(values, **changes))


def ids_of(ids):
    ids = tf.constant(ids, tf.int32)
    ones = tf.ones_like(ids)
    return {
        "input_ids": ids,
        "input_mask": ones,
        "segment_ids": tf.zeros_like(ids),
        "masked_lm_positions": ones[:, :1],
        "masked_lm_ids": ones[:, :1],
        "masked_lm_weights": tf.ones([1, 1]),
        "next_sentence_labels": tf.zeros([1, 1], tf.int32),
    }


def test_no_projection_where_the_widths_are_equal():
    with tf.Graph().as_default():
        store = ParameterStore()
        config = albert_config(embedding_size=8)
        get_objective("albert").build(config, store, PlainKernels(), ids_of([[3, 4]]), False)
        assert not [name for name in store.shapes() if name.startswith(MAPPING)]


GOOGLE = ["bert/encoder/transformer/group_0/inner_group_0/attention_1/self/query/kernel"]
ZH = ["bert/encoder/layer_shared/attention/self/query/kernel"]
BERT = ["bert/encoder/layer_0/attention/self/query/kernel"]


@pytest.mark.parametrize(
    "changes, variables, kind",
    [
        ({}, [], BertConfig),
        ({}, BERT, BertConfig),
        ({"embedding_size": 8}, [], ElectraConfig),
        ({"embedding_size": 8}, ["electra/embeddings/word_embeddings"], ElectraConfig),
        ({"embedding_size": 8, "num_hidden_groups": 1}, [], AlbertConfig),
        ({"embedding_size": 8, "inner_group_num": 1}, [], AlbertConfig),
        ({"embedding_size": 8, "ln_type": "postln"}, [], AlbertZhConfig),
        ({"embedding_size": 8, "ln_type": None}, [], AlbertZhConfig),
        ({"embedding_size": 8, "model_type": "albert"}, [], AlbertConfig),
        ({"embedding_size": 8, "model_type": "electra"}, [], ElectraConfig),
        # names before keys
        ({"embedding_size": 8}, GOOGLE, AlbertConfig),
        ({"embedding_size": 8, "num_hidden_groups": 1, "ln_type": "preln"}, ZH, AlbertZhConfig),
        ({"embedding_size": 8, "ln_type": "postln"}, GOOGLE, AlbertConfig),
    ],
)
def test_the_family_of_a_config(changes, variables, kind, tmp_path):
    values = dict({"vocab_size": 9, "hidden_size": 8, "num_attention_heads": 2}, **changes)
    path = write_json(tmp_path / "config.json", values)
    config = read_config(path, variables=variables)
    assert type(config) is kind
    assert config.embedding_size == 8 and config.to_dict()["vocab_size"] == 9


def test_what_gelu_means(tmp_path):
    """tanh in Google's ALBERT files, erf in Hugging Face's."""
    values = {"vocab_size": 9, "num_hidden_groups": 1, "hidden_act": "gelu"}
    for changes, gelu, activation in (
        ({}, "auto", "gelu_tanh"),
        ({}, "erf", "gelu_erf"),
        ({"model_type": "albert"}, "auto", "gelu_erf"),
        ({"model_type": "albert"}, "tanh", "gelu_tanh"),
        ({"model_type": "albert", "hidden_act": "gelu_new"}, "auto", "gelu_tanh"),
    ):
        path = write_json(tmp_path / "config.json", dict(values, **changes))
        config = read_config(path, gelu)
        assert config.activation == activation and activation in config.describe_activation()


def test_defaults():
    """Those of the original program, albert's modeling.py."""
    config = AlbertConfig({"vocab_size": 30000})
    assert config.to_dict() == {
        "vocab_size": 30000,
        "embedding_size": 128,
        "hidden_size": 4096,
        "num_hidden_layers": 12,
        "num_hidden_groups": 1,
        "num_attention_heads": 64,
        "intermediate_size": 16384,
        "inner_group_num": 1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
    }
    assert AlbertZhConfig({"vocab_size": 9, "embedding_size": 4, "ln_type": None}).ln_type == (
        "postln"
    )


@pytest.mark.parametrize(
    "kind, changes, message",
    [
        (AlbertZhConfig, {"embedding_size": 4}, "f.json: ln_type is missing; add it"),
        (AlbertZhConfig, {"ln_type": "preln"}, "f.json: embedding_size is missing; add it"),
        (
            AlbertZhConfig,
            {"embedding_size": 4, "ln_type": "midln"},
            "f.json: ln_type is 'midln', but must be postln or preln",
        ),
        (
            AlbertZhConfig,
            {"embedding_size": 4, "ln_type": 3},
            "f.json: ln_type must be a name, not 3",
        ),
        (
            AlbertConfig,
            {"num_hidden_groups": 13},
            "f.json: num_hidden_groups is 13, more than num_hidden_layers 12",
        ),
        (AlbertConfig, {"num_hidden_groups": 0}, "num_hidden_groups is 0, but must be positive"),
        (AlbertConfig, {"inner_group_num": -1}, "inner_group_num is -1, but must be positive"),
        (AlbertConfig, {"embedding_size": "x"}, "embedding_size must be a whole number, not 'x'"),
    ],
)
def test_wrong_configs_are_refused(kind, changes, message):
    with pytest.raises(UserError) as error:
        kind(dict({"vocab_size": 9}, **changes), source="f.json")
    assert message in str(error.value)
