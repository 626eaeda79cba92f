"""convert_checkpoint.py on ALBERT: the original program's numbers, random configs both ways;
Hugging Face's own models of further families; release folders."""

import os
import shutil
import tempfile

import golden_cases
import huggingface_models as models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

import sentencepiece_models
import torch
import transformers
from conversion_cases import (
    SIZES,
    assert_close,
    assert_compared,
    at_positions,
    inputs_of,
    random_variables,
    write,
)
from conversion_runs import (
    assert_equal_bits,
    converted,
    load,
    no_warnings,
    read_json,
    refused,
    variables_of,
)

from data.tokenizers.vocabularies import read_vocabulary
from data.tokenizers.wordpiece import SPECIAL_TOKENS
from modeling import checkpoint
from modeling.config_families import AlbertConfig
from modeling.conversion import families

pytestmark = pytest.mark.tf2_15

tf.disable_v2_behavior()


@needs_golden
def test_golden_albert(tmp_path):
    """The original's numbers from Hugging Face's class, its bits and its config back."""
    folder = golden_cases.path("albert_google")
    config = os.path.join(folder, "albert_config.json")
    hf, back = tmp_path / "hf", tmp_path / "tf" / "albert_model.ckpt"
    out = converted(tf_checkpoint_path=folder, config_file=config, pytorch_dump_path=hf)
    names = ("pooled output", "masked-LM logits", "sentence-pair logits")
    assert_compared(out, *names)
    assert "activation: gelu_tanh (hidden_act 'gelu'" in out and "converted:" not in out
    with no_warnings():
        model, unexpected = load("AutoModelForPreTraining", hf)
    assert type(model).__name__ == "AlbertForPreTraining" and not unexpected
    values = read_json(hf, "config.json")
    assert (values["model_type"], values["hidden_act"]) == ("albert", "gelu_new")
    features = golden_cases.batch_features("albert_google")
    theirs = models.their_outputs(model, inputs_of(features))
    got = {
        "all_encoder_layers": theirs["hidden_states"],
        "pooled_output": theirs["pooled"],
        "masked_lm_log_probs": at_positions(theirs["mlm"], features["masked_lm_positions"]),
        "sentence_order_logits": theirs["nsp"],
    }
    assert_close(got, golden_cases.arrays("albert_google", "outputs.npz"))
    out = converted(from_pytorch=hf, tf_dump_path=back)
    assert_compared(out, *names)
    assert_equal_bits(variables_of(checkpoint.resolve(folder)), variables_of(back))
    old, new = read_json(config), read_json(back.parent, "albert_config.json")
    assert {key: old.get(key) for key in new} == new and "num_hidden_groups" in new
    # Heads one by one
    converted(tf_checkpoint_path=folder, config_file=config, pytorch_dump_path=hf, head="none")
    assert not load("AutoModel", hf)[1]


@settings(max_examples=5, deadline=None)
@given(
    heads=st.integers(1, 3),
    head_size=st.integers(2, 6),
    blocks=st.sampled_from([(1, 1, 1), (3, 1, 1), (3, 2, 1), (4, 2, 2), (2, 1, 2), (3, 3, 1)]),
    narrow=st.sampled_from([None, 4, 12]),
    vocabulary=st.integers(7, 60),
    activation=st.sampled_from(["gelu", "gelu_erf", "relu"]),
    without=st.sampled_from([None, "cls/seq_relationship", "cls/"]),
)
def test_random_albert(heads, head_size, blocks, narrow, vocabulary, activation, without):
    layers, groups, inner = blocks
    hidden = 4 * heads * head_size
    sizes = dict(
        SIZES,
        hidden_size=hidden,
        embedding_size=narrow or hidden,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        num_hidden_groups=groups,
        inner_group_num=inner,
        vocab_size=vocabulary,
        hidden_act=activation,
    )
    variables = random_variables(AlbertConfig(sizes), families.ALBERT, seed=vocabulary)
    if without:
        variables = {n: v for n, v in variables.items() if not n.startswith(without)}
    with tempfile.TemporaryDirectory() as folder:
        hf, back = os.path.join(folder, "hf"), os.path.join(folder, "back", "x")
        there = converted(pytorch_dump_path=hf, **write(folder, variables, sizes))
        class_name = {None: "AlbertForPreTraining", "cls/": "AlbertModel"}
        expected = class_name.get(without, "AlbertForMaskedLM")
        assert read_json(hf, "config.json")["architectures"] == [expected]
        assert_compared_of_heads(there, without)
        assert_compared_of_heads(converted(from_pytorch=hf, tf_dump_path=back), without)
        assert_equal_bits(variables, variables_of(back))
        assert read_json(folder, "back", "albert_config.json") == AlbertConfig(sizes).to_dict()
        mapping = load(expected, hf)[0].base_model.encoder.embedding_hidden_mapping_in
        if narrow is None:
            np.testing.assert_array_equal(mapping.weight.detach().numpy(), np.eye(hidden))
            assert not mapping.bias.detach().numpy().any()


def assert_compared_of_heads(printed, without):
    names = ["pooled output", "masked-LM logits", "sentence-pair logits"]
    count = {None: 3, "cls/seq_relationship": 2, "cls/": 1}[without]
    assert_compared(printed, *names[:count])


def test_a_mapping_that_is_no_identity(tmp_path):
    model = models.make_model("AlbertModel", embedding_size=24)
    model.save_pretrained(str(tmp_path / "hf"))
    target = tmp_path / "tf" / "x"
    refused(
        "albert.encoder.embedding_hidden_mapping_in.weight in",
        "is a layer of its own, but TensorFlow's network has none where embedding_size and",
        from_pytorch=tmp_path / "hf",
        tf_dump_path=target,
    )
    with torch.no_grad():
        model.encoder.embedding_hidden_mapping_in.weight.copy_(torch.eye(24))
    model.save_pretrained(str(tmp_path / "hf"))
    refused("is a layer of its own", from_pytorch=tmp_path / "hf", tf_dump_path=target)
    with torch.no_grad():
        model.encoder.embedding_hidden_mapping_in.bias.zero_()
    model.save_pretrained(str(tmp_path / "hf"))
    converted(from_pytorch=tmp_path / "hf", tf_dump_path=target)
    assert not [n for n in variables_of(target) if "mapping" in n]


def assert_same_model(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


MODELS = {
    "AlbertForPreTraining": {"embedding_size": 10, "num_hidden_groups": 2},
    "AlbertForSequenceClassification": {"embedding_size": 10, "num_labels": 3},
    "ElectraForPreTraining": {"embedding_size": 10},
    "ElectraForMaskedLM": {"embedding_size": 10},
    "ElectraModel": {"embedding_size": 24},
}


@pytest.mark.parametrize("class_name", sorted(MODELS))
def test_round_trip_of_hugging_faces_own_models(class_name, tmp_path):
    model = models.make_model(class_name, **MODELS[class_name])
    model.save_pretrained(str(tmp_path / "hf"))
    converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "tf" / "x")
    (config,) = [n for n in os.listdir(str(tmp_path / "tf")) if n[0] != "." and n.endswith(".json")]
    converted(
        tf_checkpoint_path=tmp_path / "tf",
        config_file=tmp_path / "tf" / config,
        pytorch_dump_path=tmp_path / "again",
        **({"discriminator_or_generator": "generator"} if config == "generator.json" else {}),
    )
    assert_same_model(model, load(class_name, tmp_path / "again")[0])
    # gelu is the error function there
    assert read_json(tmp_path / "again", "config.json")["hidden_act"] == "gelu"


@pytest.mark.parametrize("name", ["spiece.model", "vocab.txt"])
def test_albert_with_either_kind_of_vocabulary(name, tmp_path):
    """Beside the checkpoint; AutoTokenizer reads what is written of either."""
    (tmp_path / "tf").mkdir()
    if name == "spiece.model":
        pytest.importorskip("sentencepiece")
        tiny = sentencepiece_models.write_tiny_model(tmp_path)
        shutil.copy(tiny, str(tmp_path / "tf" / name))
    else:
        tokens = [*SPECIAL_TOKENS, *"今天气好abc", "##b"]
        (tmp_path / "tf" / name).write_text("\n".join(tokens) + "\n", encoding="utf-8")
    vocabulary = read_vocabulary(str(tmp_path / "tf" / name))
    sizes = dict(SIZES, vocab_size=len(vocabulary), num_hidden_groups=1)
    source = write(tmp_path / "tf", random_variables(AlbertConfig(sizes), families.ALBERT), sizes)
    out = converted(pytorch_dump_path=tmp_path / "hf", **source)
    assert " strings are tokenised alike" in out and "WARNING" not in out
    with no_warnings():
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "hf"))
    assert tokenizer.unk_token == ("<unk>" if "spiece" in name else "[UNK]")
    ids = vocabulary.make_tokenizer(True).tokenize("今天天气好").ids.tolist()
    assert tokenizer("今天天气好", add_special_tokens=False)["input_ids"] == ids
    assert read_json(tmp_path / "hf", "config.json")["pad_token_id"] == vocabulary.pad
    converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "back" / "x")
    assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "tf" / name).read_bytes()


@needs_golden
@pytest.mark.parametrize(
    "case, config, files",
    [
        ("albert_zh", "albert_config.json", ("albert_model.ckpt", "albert_config.json")),
        (
            "electra_pretrain_adam",
            "discriminator_config.json",
            ("electra_model.ckpt", "discriminator.json"),
        ),
    ],
)
def test_release_folders(case, config, files, tmp_path):
    """Without slots, everything else as it was, albert_zh's own network too."""
    converted(
        tf_checkpoint_path=golden_cases.path(case),
        config_file=golden_cases.path(case, config),
        strip_optimizer=tmp_path / "release",
    )
    old = variables_of(checkpoint.resolve(golden_cases.path(case)))
    kept = {n: v for n, v in old.items() if not n.endswith(("/adam_m", "/adam_v", "global_step"))}
    assert_equal_bits(kept, variables_of(tmp_path / "release" / files[0]))
    assert files[1] in os.listdir(str(tmp_path / "release"))
