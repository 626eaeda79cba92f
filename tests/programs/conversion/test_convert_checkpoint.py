"""convert_checkpoint.py: TensorFlow and Hugging Face, both ways, with the same numbers."""

import importlib
import os
import tempfile

import golden_cases
import huggingface_models as models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conversion_runs import (
    GOLDEN_COMPONENTS,
    OUTPUTS,
    assert_compared,
    assert_equal_bits,
    converted,
    load,
    make_checkpoint,
    no_warnings,
    read_json,
    variables_of,
)
from golden_cases import needs_golden
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling import checkpoint
from modeling.config import BertConfig

pytestmark = pytest.mark.tf2_15

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("safetensors")

tf.disable_v2_behavior()


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The original program's checkpoint, converted there and back: (folder, printed lines)."""
    folder = tmp_path_factory.mktemp("golden")
    out = converted(
        tf_checkpoint_path=golden_cases.path("bert"),
        config_file=golden_cases.path("bert", "bert_config.json"),
        gelu="tanh",
        pytorch_dump_path=folder / "new" / "hf",
    )
    back = converted(
        from_pytorch=folder / "new" / "hf", tf_dump_path=folder / "tf" / "bert_model.ckpt"
    )
    return folder, out, back


@needs_golden
def test_golden_outputs(golden):
    with no_warnings():
        model, unexpected = load("AutoModelForPreTraining", golden[0] / "new" / "hf")
    assert type(model).__name__ == "BertForPreTraining" and not unexpected
    models.assert_golden_outputs(model)


@needs_golden
def test_golden_files(golden):
    folder, out, back = golden
    assert sorted(os.listdir(str(folder))) == ["new", "tf"]
    assert os.listdir(str(folder / "new")) == ["hf"]
    for printed in (out, back):
        assert_compared(printed, GOLDEN_COMPONENTS)
    assert "activation: gelu_tanh" in out and "20 of 20 strings are tokenised alike" in out
    config = read_json(folder / "new" / "hf" / "config.json")
    assert config["model_type"] == "bert" and config["architectures"] == ["BertForPreTraining"]
    assert config["hidden_act"] == "gelu_new" and config["layer_norm_eps"] == 1e-12
    assert "id2label" not in config and config["pad_token_id"] == 0
    assert os.stat(str(folder / "new" / "hf" / "model.safetensors")).st_mode & 0o444 == 0o444 & ~(
        umask()
    )
    assert sorted(os.listdir(str(folder / "tf"))) == [
        ".quanci.json",
        "bert_config.json",
        "bert_model.ckpt.data-00000-of-00001",
        "bert_model.ckpt.index",
        "bert_model.ckpt.meta",
        "vocab.txt",
    ]


def restored_by_meta(prefix):
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(str(prefix) + ".meta")
        saver.restore(session, str(prefix))
        variables = tf.global_variables()
        return dict(zip([v.op.name for v in variables], session.run(variables)))


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@needs_golden
def test_golden_comes_back_unchanged(golden):
    original, back = golden_cases.path("bert"), golden[0] / "tf"
    assert_equal_bits(
        variables_of(checkpoint.resolve(original)), variables_of(back / "bert_model.ckpt")
    )
    with open(os.path.join(original, "vocab.txt"), "rb") as first:
        assert first.read() == (back / "vocab.txt").read_bytes()
    old, new = read_json(original, "bert_config.json"), read_json(back, "bert_config.json")
    assert set(new) == {key for key, _, _ in BertConfig.KEYS}
    assert {**old, **new} == {**old, "hidden_act": "gelu_new"}


@needs_golden
@pytest.mark.parametrize("name", ["AutoModel", "AutoModelForMaskedLM", "AutoTokenizer"])
def test_golden_loads_with_every_class(name, golden):
    folder = str(golden[0] / "new" / "hf")
    if name == "AutoTokenizer":
        with no_warnings():
            for use_fast in (True, False):
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=use_fast)
                assert tokenizer.is_fast and tokenizer.model_max_length == 64
                assert tokenizer("一，二", "三")["input_ids"] == ids_of("一，二", "三")
        return
    model, unexpected = load(name, folder)
    # what a class has no place for, and nothing else
    left = {"AutoModel": "cls.", "AutoModelForMaskedLM": ("bert.pooler.", "cls.seq_relationship.")}
    assert all(key.startswith(left[name]) for key in unexpected)
    if name == "AutoModelForMaskedLM":
        words = model.bert.embeddings.word_embeddings.weight
        assert model.cls.predictions.decoder.weight is words


def ids_of(*texts):
    with open(golden_cases.path("bert", "vocab.txt"), encoding="utf-8") as reader:
        tokens = reader.read().split("\n")
    pieces = ["[CLS]"] + [piece for text in texts for piece in list(text) + ["[SEP]"]]
    return [tokens.index(piece) for piece in pieces]


@needs_golden
def test_release_folder_is_read_by_transformers(tmp_path):
    """Its own loader takes lamb_m and lamb_v for weights."""
    loader = importlib.import_module("transformers.models.bert.modeling_bert")
    if not hasattr(loader, "load_tf_weights_in_bert"):
        pytest.skip("no TensorFlow loader")
    source = golden_cases.path("bert_lamb")
    with open(golden_cases.path("bert", "vocab.txt"), encoding="utf-8") as reader:
        (tmp_path / "vocab.txt").write_text("".join(reader.readlines()[:128]))
    out = converted(
        tf_checkpoint_path=source,
        config_file=os.path.join(source, "bert_config.json"),
        vocab_file=tmp_path / "vocab.txt",
        strip_optimizer=tmp_path / "release",
    )
    assert "93 optimizer slots and counters" in out
    assert sorted(os.listdir(str(tmp_path / "release"))) == [
        ".quanci.json",
        "bert_config.json",
        "bert_model.ckpt.data-00000-of-00001",
        "bert_model.ckpt.index",
        "bert_model.ckpt.meta",
        "vocab.txt",
    ]
    old = variables_of(checkpoint.resolve(source))
    new = variables_of(tmp_path / "release" / "bert_model.ckpt")
    assert_equal_bits(restored_by_meta(tmp_path / "release" / "bert_model.ckpt"), new)
    assert_equal_bits({n: v for n, v in old.items() if n in new}, new)
    assert all(n.endswith(("/lamb_m", "/lamb_v", "global_step")) for n in set(old) - set(new))
    sizes = read_json(tmp_path / "release" / "bert_config.json")
    assert sizes == read_json(source, "bert_config.json")
    model = models.make_model(**{name: sizes[name] for name in models.SIZES})
    loader.load_tf_weights_in_bert(
        model, model.config, str(tmp_path / "release" / "bert_model.ckpt")
    )
    model.tie_weights()
    inputs = models.random_inputs(sizes)
    ours, plan = models.our_outputs(sizes, checkpoint.resolve(source), inputs)
    assert not plan.new
    models.assert_same(ours, models.their_outputs(model, inputs))


@needs_golden
def test_lert_with_its_tag_heads_in_a_file_beside(tmp_path):
    folder = golden_cases.path("lert")
    out = converted(
        tf_checkpoint_path=folder,
        config_file=os.path.join(folder, "lert_config.json"),
        pytorch_dump_path=tmp_path,
    )
    assert "beside the model, in lert_heads.safetensors: LERT's tag heads" in out
    assert "output_pos_layer" not in out
    assert "no tokenizer files are written" in out
    files = [".quanci.json", "config.json", "lert_heads.safetensors", "model.safetensors"]
    assert sorted(os.listdir(str(tmp_path))) == files
    model, unexpected = load("AutoModelForMaskedLM", tmp_path)
    assert sorted(unexpected) == ["bert.pooler.dense.bias", "bert.pooler.dense.weight"]
    features = golden_cases.batch_features("lert")
    inputs = {name: features[name] for name in ("input_ids", "input_mask", "segment_ids")}
    expected = golden_cases.arrays("lert", "outputs.npz")["all_encoder_layers"]
    theirs = models.their_outputs(model, inputs)["hidden_states"]
    np.testing.assert_allclose(theirs, expected, rtol=0, atol=1e-5)
    assert_tag_logits(tmp_path, model, features)
    back = tmp_path / "back" / "lert_model.ckpt"
    converted(from_pytorch=tmp_path, tf_dump_path=back)
    before, after = (
        tf.train.NewCheckpointReader(p)
        for p in (os.path.join(folder, "lert_model.ckpt"), str(back))
    )
    names = after.get_variable_to_shape_map()
    assert sum("_layer/" in n and n.startswith("cls/predictions/output_") for n in names) == 6
    assert set(names) == set(before.get_variable_to_shape_map())
    for name in names:
        np.testing.assert_array_equal(after.get_tensor(name), before.get_tensor(name), err_msg=name)


def assert_tag_logits(folder, model, features):
    """The file beside, used with PyTorch as its documentation says, gives the original's logits."""
    import safetensors.torch
    import torch

    heads = safetensors.torch.load_file(str(folder / "lert_heads.safetensors"))
    with torch.no_grad():
        hidden = model.bert(
            input_ids=torch.tensor(features["input_ids"]).long(),
            attention_mask=torch.tensor(features["input_mask"]).long(),
            token_type_ids=torch.tensor(features["segment_ids"]).long(),
        ).last_hidden_state
        rows = torch.arange(len(hidden))[:, None]
        picked = hidden[rows, torch.tensor(features["masked_lm_positions"]).long()]
        transformed = model.cls.predictions.transform(picked).flatten(0, 1)
        for kind in ("pos", "ner", "dep"):
            name = "cls.predictions.output_{}_layer.".format(kind)
            logits = transformed @ heads[name + "weight"].T + heads[name + "bias"]
            expected = golden_cases.arrays("lert", "outputs.npz")[kind + "_logits"]
            np.testing.assert_allclose(logits.numpy(), expected, rtol=0, atol=1e-5)


# The components of a checkpoint -> the class that they make.
KINDS = {
    ("pooler", "masked_lm", "sentence_pair"): "BertForPreTraining",
    ("pooler", "masked_lm"): "BertForMaskedLM",
    ("masked_lm",): "BertForMaskedLM",
    ("pooler", "sentence_pair"): "BertForNextSentencePrediction",
    ("pooler", "classifier"): "BertForSequenceClassification",
    ("pooler",): "BertModel",
    (): "BertModel",
}


@settings(max_examples=6, deadline=None)
@given(
    components=st.sampled_from(sorted(KINDS)),
    heads=st.integers(1, 3),
    head_size=st.integers(2, 6),
    layers=st.integers(1, 3),
    types=st.integers(1, 3),
    vocabulary=st.integers(7, 60),
    positions=st.integers(10, 40),
    activation=st.sampled_from(["gelu", "gelu_new", "relu", "tanh", "linear"]),
    labels=st.integers(1, 4),
    binary=st.booleans(),
)
def test_round_trip_of_random_configs(
    components, heads, head_size, layers, types, vocabulary, positions, activation, labels, binary
):
    sizes = dict(
        models.SIZES,
        hidden_size=4 * heads * head_size,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        type_vocab_size=types,
        vocab_size=vocabulary,
        max_position_embeddings=positions,
        hidden_act=activation,
    )
    with tempfile.TemporaryDirectory() as folder:
        source = make_checkpoint(folder, components, labels, seed=vocabulary, **sizes)
        hf = os.path.join(folder, "hf")
        target = os.path.join(hf, "pytorch_model.bin") if binary else hf
        there = converted(pytorch_dump_path=target, **source)
        config = read_json(hf, "config.json")
        assert config["architectures"] == [KINDS[components]] and config["hidden_act"] == activation
        back = converted(from_pytorch=hf, tf_dump_path=os.path.join(folder, "back", "x"))
        for printed in (there, back):
            assert_compared(printed, components)
        original = checkpoint.resolve(folder)
        assert_equal_bits(variables_of(original), variables_of(os.path.join(folder, "back", "x")))
        assert read_json(folder, "back", "bert_config.json") == BertConfig(sizes).to_dict()


@pytest.mark.parametrize("components", [("masked_lm",), ("pooler", "classifier")])
def test_same_numbers_as_in_training(components, tmp_path):
    """Against the variables and the graph of training, not those of the conversion."""
    source = make_checkpoint(tmp_path, components)
    converted(pytorch_dump_path=tmp_path / "hf", **source)
    sizes = read_json(source["config_file"])
    inputs = models.random_inputs(sizes)
    ours, _ = models.our_outputs(sizes, checkpoint.resolve(str(tmp_path)), inputs, labels=3)
    bare, _ = load("BertModel", tmp_path / "hf", add_pooling_layer="pooler" in components)
    whole, _ = load(KINDS[components], tmp_path / "hf")
    outputs = dict(models.their_outputs(bare, inputs), **models.their_outputs(whole, inputs))
    wanted = {OUTPUTS[component][1] for component in components}
    assert set(outputs) == {"embeddings", "hidden_states"} | wanted
    models.assert_same(ours, outputs)
