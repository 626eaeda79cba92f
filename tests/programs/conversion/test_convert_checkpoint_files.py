"""convert_checkpoint.py: heads and labels, files beside the weights, other people's directories."""

import json
import os
import shutil

import huggingface_models as models
import pytest
import tensorflow.compat.v1 as tf

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

import torch
import transformers
from conversion_runs import (
    GOLDEN_COMPONENTS,
    assert_compared,
    assert_equal_bits,
    converted,
    load,
    make_checkpoint,
    no_warnings,
    read_json,
    refused,
    variables_of,
)
from task_files import save_labels

from common import separate_process
from finetuning import task_file

pytestmark = pytest.mark.tf2_15

tf.disable_v2_behavior()


def test_weights_file_of_any_name(tmp_path):
    source = make_checkpoint(tmp_path / "tf", GOLDEN_COMPONENTS)
    converted(pytorch_dump_path=tmp_path / "hf", **source)
    converted(pytorch_dump_path=tmp_path / "hf" / "weights.bin", **source)
    # transformers would read model.safetensors before it
    files = [".quanci.json", "config.json", "weights.bin"]
    assert sorted(os.listdir(str(tmp_path / "hf"))) == files
    state = torch.load(str(tmp_path / "hf" / "weights.bin"), weights_only=True)
    config = transformers.BertConfig.from_pretrained(str(tmp_path / "hf"))
    transformers.BertForPreTraining(config).load_state_dict(state, strict=True)
    # the tied table is stored once
    size = os.path.getsize(str(tmp_path / "hf" / "weights.bin"))
    arrays = sum(4 * v.size for v in variables_of(tmp_path / "tf" / "model.ckpt").values())
    assert size < arrays + 40000


def test_the_same_again_replaces_and_files_of_others_stay(tmp_path):
    back = {"from_pytorch": tmp_path / "hf", "tf_dump_path": tmp_path / "back" / "x"}
    for seed in range(2):
        source = make_checkpoint(tmp_path / "tf", ["pooler"], seed=seed)
        converted(pytorch_dump_path=tmp_path / "hf", **source)
        converted(**back)
        converted(strip_optimizer=tmp_path / "release", **source)
        for prefix in (tmp_path / "back" / "x", tmp_path / "release" / "bert_model.ckpt"):
            assert_equal_bits(variables_of(tmp_path / "tf" / "model.ckpt"), variables_of(prefix))
    targets = {"hf": "pytorch_dump_path", "release": "strip_optimizer"}
    for folder in ("hf", "back", "release"):
        (tmp_path / folder / "notes.txt").write_text("mine")
        before = sorted(os.walk(str(tmp_path)))
        flags = dict(source, **{targets[folder]: tmp_path / folder}) if folder in targets else back
        refused("{} holds notes.txt, which no conversion wrote".format(tmp_path / folder), **flags)
        assert sorted(os.walk(str(tmp_path))) == before
    converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "y" / "y")
    words = "holds the checkpoint y of an earlier conversion, not the checkpoint x"
    refused(words, from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "y" / "x")


@pytest.mark.parametrize("flag", ["pytorch_dump_path", "strip_optimizer"])
def test_the_folder_of_the_checkpoint_is_no_destination(flag, tmp_path):
    """Hugging Face's config has the name of many people's."""
    source = make_checkpoint(tmp_path / "tf", ["pooler"])
    config = tmp_path / "tf" / "config.json"
    os.rename(source["config_file"], str(config))
    content, source["config_file"] = config.read_text(), config
    refused("tf lies there and is converted", **dict(source, **{flag: tmp_path / "tf"}))
    os.rename(str(config), str(tmp_path / "config.json"))
    source.update(config_file=tmp_path / "config.json")
    words = "{} lies there and is converted".format(tmp_path / "config.json")
    refused(words, **dict(source, **{flag: tmp_path}))
    assert (tmp_path / "config.json").read_text() == content


def test_names_of_folders_and_prefixes(tmp_path):
    """Beside others that they match as patterns."""
    name = "a[1]*?{b} -%s'\"\\词\n"
    source = make_checkpoint(tmp_path / "tf", ["pooler"])
    for place in (tmp_path / name, tmp_path / ("n" * 240)):
        back = place / "back" / (name if place.name == name else "n" * 235)
        converted(pytorch_dump_path=place, **source)
        converted(from_pytorch=place, tf_dump_path=back)
        files = sorted(os.listdir(str(place / "back")))
        prefix = tmp_path / "x"  # TensorFlow's own reader takes the name for a pattern
        for ending in (".index", ".data-00000-of-00001"):
            assert back.name + ending in files
            shutil.copy(str(back) + ending, str(prefix) + ending)
        assert_equal_bits(variables_of(tmp_path / "tf" / "model.ckpt"), variables_of(prefix))
        shutil.rmtree(str(place / "back"))
        converted(strip_optimizer=place / "release", **source)


def test_a_prefix_that_is_too_long(tmp_path):
    models.make_model(num_hidden_layers=1).save_pretrained(str(tmp_path / "hf"))
    prefix = tmp_path / "tf" / ("n" * 236)
    words = "a name of 256 bytes is longer than the 255 that a file system takes"
    refused(words, from_pytorch=tmp_path / "hf", tf_dump_path=prefix)
    assert os.listdir(str(tmp_path)) == ["hf"]


def save_task(folder, labels):
    save_labels(folder, "t", labels, 32, do_lower_case=False)


@pytest.mark.parametrize("place", ["tf", "best"])
def test_labels_of_a_task(place, tmp_path):
    """A best checkpoint's task.json lies in the folder above."""
    source = make_checkpoint(tmp_path / place, ["pooler", "classifier"], labels=2)
    save_task(tmp_path if place == "best" else tmp_path / place, ["负面", "正面"])
    vocabulary = tmp_path / place / "vocab.txt"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(65 + i) for i in range(45)]
    vocabulary.write_text("\n".join(tokens) + "\n")
    with no_warnings():
        converted(pytorch_dump_path=tmp_path / "hf", **source)
        model, unexpected = load("AutoModelForSequenceClassification", tmp_path / "hf")
    assert not unexpected and model.config.num_labels == 2
    assert model.config.id2label == {0: "负面", 1: "正面"}
    assert model.config.label2id == {"负面": 0, "正面": 1}
    converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "back" / "x")
    converted(strip_optimizer=tmp_path / "release", **source)
    for folder in ("hf", "back", "release"):
        saved = task_file.find(str(tmp_path / folder / "x"), "classification", 2)
        assert saved["labels"] == ["负面", "正面"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "hf"))
    assert tokenizer.init_kwargs["do_lower_case"] is False
    assert tokenizer.tokenize("A a") == ["A", "a"]
    converted(pytorch_dump_path=tmp_path / "lower", do_lower_case=True, **source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "lower"))
    assert tokenizer.init_kwargs["do_lower_case"] is True
    assert tokenizer.tokenize("A a") == ["a", "a"]


def test_vocabulary_comes_back_unchanged(tmp_path):
    """Line separators are tokens of Google's vocabulary; byte order marks come of editors."""
    source = make_checkpoint(tmp_path / "tf", ["pooler"])
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2028", "##\u2028"]
    content = "\n".join(tokens + [chr(0x4E00 + i) for i in range(43)]).encode("utf-8")
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "tf" / "vocab.txt").write_bytes(mark + content)
        out = converted(pytorch_dump_path=tmp_path / "hf", **source)
        assert "20 of 20 strings" in out
        converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "back" / "x")
        assert (tmp_path / "back" / "vocab.txt").read_bytes() == content
        for use_fast in (True, False):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(tmp_path / "hf"), use_fast=use_fast
            )
            assert tokenizer("一丁")["input_ids"] == [2, 7, 8, 3] and len(tokenizer) == 50


def test_tokenizers_that_differ_are_reported(tmp_path, monkeypatch):
    source = make_checkpoint(tmp_path / "tf", ["pooler"])
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(97 + i) for i in range(45)]
    (tmp_path / "tf" / "vocab.txt").write_text("\n".join(tokens))
    real = separate_process.call

    def call(module, name, *arguments):
        return [[1]] * len(arguments[1]) if name == "encode" else real(module, name, *arguments)

    monkeypatch.setattr(separate_process, "call", call)
    out = converted(pytorch_dump_path=tmp_path / "hf", **source)
    assert ": 0 of 20 strings are tokenised alike" in out
    assert "WARNING: AutoTokenizer gives other tokens for '今天" in out


def test_labels_without_a_task(tmp_path):
    source = make_checkpoint(tmp_path, ["pooler", "classifier"], labels=3)
    converted(pytorch_dump_path=tmp_path / "hf", **source)
    config = read_json(tmp_path / "hf" / "config.json")
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    assert config["num_labels"] == 3 and config["label2id"]["LABEL_2"] == 2


def test_chosen_heads(tmp_path):
    components = GOLDEN_COMPONENTS + ["classifier", "answers"]
    source = make_checkpoint(tmp_path / "tf", components)
    for head, name in (
        ("auto", "BertForPreTraining"),
        ("pretraining", "BertForPreTraining"),
        ("classification", "BertForSequenceClassification"),
        ("qa", "BertForQuestionAnswering"),
        ("none", "BertModel"),
    ):
        out = converted(pytorch_dump_path=tmp_path / head, head=head, **source)
        assert read_json(tmp_path / head / "config.json")["architectures"] == [name]
        with no_warnings():
            assert not load(name, tmp_path / head)[1]
        line = out.split("skipped: ")[-1].split("\n")[0]
        assert ("cls/squad/output_bias" in line) == (head != "qa")
        assert ("output_weights" in line.split(", ")) == (head not in ("classification", "qa"))
        assert ("cls/predictions/output_bias" in line) == (head not in ("auto", "pretraining"))
        assert ("(they tell kinds of answers apart" in out) == (head == "qa")


def test_a_pair_head_without_pooler_is_skipped(tmp_path):
    source = make_checkpoint(tmp_path, ["masked_lm", "sentence_pair"])
    out = converted(pytorch_dump_path=tmp_path / "hf", **source)
    assert "skipped: cls/seq_relationship/output_bias" in out
    assert read_json(tmp_path / "hf" / "config.json")["architectures"] == ["BertForMaskedLM"]


@pytest.mark.parametrize(
    "hidden_act, gelu, expected",
    [
        ("gelu", "auto", "gelu"),
        ("gelu", "tanh", "gelu_new"),
        ("gelu", "erf", "gelu"),
        ("gelu_tanh", "auto", "gelu_new"),
        ("gelu_new", "erf", "gelu"),
        ("gelu_erf", "auto", "gelu"),
    ],
)
def test_hidden_act_says_what_was_computed(hidden_act, gelu, expected, tmp_path):
    source = make_checkpoint(tmp_path, [], hidden_act=hidden_act)
    converted(pytorch_dump_path=tmp_path / "hf", gelu=gelu, **source)
    assert read_json(tmp_path / "hf" / "config.json")["hidden_act"] == expected


def test_parts_of_half_precision(tmp_path):
    """Several files of bfloat16, which both sides read as float32; and no bars are drawn."""
    model = models.make_model(num_hidden_layers=1).to(torch.bfloat16)
    model.save_pretrained(str(tmp_path / "hf"), max_shard_size="15KB")
    assert (tmp_path / "hf" / "model.safetensors.index.json").exists()
    out = converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "tf" / "x")
    assert_compared(out, GOLDEN_COMPONENTS)


def test_directories_of_before_2019(tmp_path):
    """bert_config.json without model_type, LayerNorm.gamma, and transformers' defaults."""
    model = models.make_model()
    state = models.state_of_before_2019(model)
    (tmp_path / "hf").mkdir()
    torch.save(state, str(tmp_path / "hf" / "pytorch_model.bin"))
    sizes = {k: v for k, v in models.SIZES.items() if k not in ("type_vocab_size", "hidden_act")}
    (tmp_path / "hf" / "bert_config.json").write_text(json.dumps(sizes))
    out = converted(from_pytorch=tmp_path / "hf", tf_dump_path=tmp_path / "tf" / "x")
    assert "no vocabulary was found" in out
    back = read_json(tmp_path / "tf" / "bert_config.json")
    assert back["type_vocab_size"] == 2 and back["hidden_act"] == "gelu"
