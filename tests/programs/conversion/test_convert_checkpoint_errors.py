"""convert_checkpoint.py's refusals: one line each, and nothing is written."""

import json
import os
import shutil
import subprocess
import sys

import golden_cases
import huggingface_models as models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT
from golden_cases import needs_golden

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

from conversion_runs import (
    GOLDEN_COMPONENTS,
    converted,
    make_checkpoint,
    refused,
    variables_of,
)

from modeling.conversion import huggingface, network

pytestmark = pytest.mark.tf2_15

tf.disable_v2_behavior()


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with a checkpoint (tf), a Hugging Face directory (hf) and a file (file)."""
    folder = tmp_path_factory.mktemp("errors")
    make_checkpoint(folder / "tf", GOLDEN_COMPONENTS)
    models.make_model(num_hidden_layers=1).save_pretrained(str(folder / "hf"))
    (folder / "file").write_text("a file")
    return folder


def forth(places, **changes):
    """Flags to Hugging Face; None takes one out."""
    values = {
        "tf_checkpoint_path": places / "tf",
        "config_file": places / "tf" / "bert_config.json",
        "pytorch_dump_path": places / "out",
    }
    values.update(changes)
    return {name: value for name, value in values.items() if value is not None}


def refused_and_clean(places, *words, **values):
    """The message of a refusal that leaves the folder as it was."""
    before = sorted(os.walk(str(places)))
    message = refused(*words, **values)
    assert sorted(os.walk(str(places))) == before
    return message


def test_missing_and_surplus_flags(places):
    refused("nothing to do; give --pytorch_dump_path, --from_pytorch or --strip_optimizer")
    refused("nothing to do", tf_checkpoint_path="x")
    release = {"pytorch_dump_path": None, "strip_optimizer": places / "out"}
    strip = forth(places, **release)
    alone = {"tf_checkpoint_path": places / "alone", "config_file": None}
    (places / "alone").mkdir()
    for path in (places / "tf").glob("*.*-*"):
        shutil.copy(str(path), str(places / "alone"))
    for path in (places / "tf").glob("*.index"):
        shutil.copy(str(path), str(places / "alone"))
    for target in ({}, release):
        missing = forth(places, **dict(target, tf_checkpoint_path=None))
        refused("--tf_checkpoint_path is required", **missing)
        message = "--config_file is required; none, or more than one, lies in {}"
        refused(message.format(places / "alone"), **forth(places, **dict(target, **alone)))
    refused("--tf_dump_path is required", from_pytorch=places / "hf")
    both = forth(places, from_pytorch=places / "hf", tf_dump_path="x")
    refused("--pytorch_dump_path and --from_pytorch exclude each other", **both)
    refused(
        "--tf_dump_path cannot be combined with --pytorch_dump", **forth(places, tf_dump_path="x")
    )
    back = {"from_pytorch": places / "hf", "tf_dump_path": places / "out" / "x"}
    for flag, value in (
        ("head", "none"),
        ("vocab_file", "v"),
        ("do_lower_case", True),
        ("gelu", "erf"),
        ("config_file", "c"),
        ("tf_checkpoint_path", "t"),
    ):
        refused(
            "--{} cannot be combined with --from_pytorch".format(flag),
            **dict(back, **{flag: value}),
        )
    refused("--gelu cannot be combined with --strip_optimizer", **dict(strip, gelu="tanh"))


def test_missing_files(places):
    for flag, what in (
        ("tf_checkpoint_path", "checkpoint {} does not exist"),
        ("config_file", "model config {} does not exist"),
        ("vocab_file", "vocabulary file {} does not exist"),
    ):
        name = str(places / "nothing")
        refused_and_clean(places, what.format(name), **forth(places, **{flag: name}))
    refused_and_clean(
        places,
        "Hugging Face directory nothing does not exist",
        from_pytorch="nothing",
        tf_dump_path=places / "out" / "x",
    )
    refused("holds no checkpoint", **forth(places, tf_checkpoint_path=places / "hf"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"problem_type": "x"}, "{}/config.json: problem_type 'x' is none of regression, "),
        ({"architectures": 3}, "transformers cannot compute the model in {}"),
        ({"pad_token_id": 999}, "transformers cannot compute the model in {}"),
    ],
)
def test_configs_that_transformers_refuses_are_reported(places, tmp_path, changes, said):
    folder = shutil.copytree(str(places / "hf"), str(tmp_path / "hf"))
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        values = json.load(f)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(dict(values, **changes), f)
    refused(said.format(folder), from_pytorch=folder, tf_dump_path=tmp_path / "out" / "x")
    assert not (tmp_path / "out").exists()


def test_heads(places, tmp_path):
    message = refused_and_clean(places, **forth(places, head="ner"))
    known = "auto, pretraining, qa, classification, tagging, multiple_choice, none"
    assert "--head=ner is not known; use one of " + known in message
    message = refused_and_clean(places, **forth(places, head="classification"))
    assert "has no such head; use --head=pretraining or --head=none" in message
    bare = make_checkpoint(tmp_path / "a", ["classifier"])
    words = "has a classification head, but not the pooler that it needs; use --head=none"
    refused(words, pytorch_dump_path=tmp_path / "hf", **bare)
    converted(pytorch_dump_path=tmp_path / "hf", head="none", **bare)
    none = make_checkpoint(tmp_path / "b", ["pooler"])
    refused("use --head=none", pytorch_dump_path=tmp_path / "x", head="pretraining", **none)


def test_targets_that_are_something_else(places):
    for name in ("file", "file/deep/er", "file/x.bin"):
        refused_and_clean(
            places,
            "--pytorch_dump_path={}: {} is a file".format(places / name, places / "file"),
            **forth(places, pytorch_dump_path=places / name),
        )
    message = "--pytorch_dump_path=gs://b/x must be a local path"
    refused(message, **forth(places, pytorch_dump_path="gs://b/x"))
    (places / "folder.bin").mkdir()
    refused_and_clean(
        places,
        "folder.bin is a directory, but names a weights file",
        **forth(places, pytorch_dump_path=places / "folder.bin"),
    )
    for name, words in (
        ("tf", "is a directory; give the checkpoint's prefix in it"),
        ("tf/", "is a directory; give"),
        ("file/x", "--tf_dump_path={}: {} is a file".format(places / "file/x", places / "file")),
        ("hf/x", "{}/hf lies there and is converted; name another".format(places)),
    ):
        refused_and_clean(
            places, words, from_pytorch=places / "hf", tf_dump_path="{}/{}".format(places, name)
        )


def test_release_folders_that_are_something_else(places, tmp_path):
    strip = forth(places, pytorch_dump_path=None)
    refused_and_clean(places, "is a file", strip_optimizer=places / "file", **strip)
    converted(strip_optimizer=tmp_path / "out", **strip)
    strip["tf_checkpoint_path"] = tmp_path / "out"
    refused_and_clean(
        tmp_path, "lies there and is converted", strip_optimizer=tmp_path / "out", **strip
    )


def test_damaged_checkpoint(places, tmp_path):
    shutil.copytree(str(places / "tf"), str(tmp_path / "tf"))
    data = tmp_path / "tf" / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-50])
    values = forth(places, tf_checkpoint_path=tmp_path / "tf")
    refused_and_clean(places, "checkpoint", str(tmp_path), "is damaged", **values)
    data.unlink()
    refused_and_clean(places, "is missing", **values)


def test_config_of_another_model(places, tmp_path):
    for changes, words in (
        ({"vocab_size": 51}, ["has 50 word vectors", "vocab_size 51"]),
        ({"num_hidden_layers": 2}, ["is not whole: it lacks bert/encoder/layer_1/", "13 more"]),
        ({"intermediate_size": 41}, ["shapes differ", "[24, 40]", "[24, 41]"]),
        ({"hidden_act": "swish"}, ["unknown hidden_act 'swish'"]),
        ({"vocab_size": None}, ["vocab_size must be a whole number"]),
    ):
        config = tmp_path / "config.json"
        config.write_text(
            json.dumps(
                dict(models.SIZES, num_hidden_layers=1, **changes)
                if "num_hidden_layers" not in changes
                else dict(models.SIZES, **changes)
            )
        )
        refused_and_clean(places, str(config), *words, **forth(places, config_file=config))
    two = make_checkpoint(tmp_path / "two", GOLDEN_COMPONENTS, num_hidden_layers=2)
    two["config_file"] = places / "tf" / "bert_config.json"
    message = refused(pytorch_dump_path=tmp_path / "hf", **two)
    assert "holds more than config" in message and "(num_hidden_layers 1)" in message


def test_half_a_head_and_other_numbers(tmp_path):
    source = make_checkpoint(tmp_path, GOLDEN_COMPONENTS)
    variables = variables_of(tmp_path / "model.ckpt")
    bias = variables.pop("cls/predictions/transform/dense/bias")
    huggingface.write_checkpoint(str(tmp_path / "model.ckpt"), variables)
    refused(
        "is not whole: it lacks cls/predictions/transform/dense/bias",
        pytorch_dump_path=tmp_path / "hf",
        **source,
    )
    variables["cls/predictions/transform/dense/bias"] = bias.astype(np.float16)
    huggingface.write_checkpoint(str(tmp_path / "model.ckpt"), variables)
    refused("holds float16 numbers", pytorch_dump_path=tmp_path / "hf", **source)
    assert not (tmp_path / "hf").exists()


def test_vocabulary_of_another_size(places, tmp_path):
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]
    (tmp_path / "v.txt").write_text("\n".join(tokens))
    config = places / "tf" / "bert_config.json"
    for values in (forth(places), forth(places, pytorch_dump_path=None, strip_optimizer="x")):
        refused_and_clean(
            places,
            "vocabulary {} has 6 tokens, but vocab_size in {} is 50".format(
                tmp_path / "v.txt", config
            ),
            vocab_file=tmp_path / "v.txt",
            **values,
        )


def test_vocabulary_of_another_model(tmp_path):
    """Of the same size; the release would hold it beside a task.json that names the model's."""
    source = make_checkpoint(tmp_path, ["pooler", "classifier"], labels=2)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(65 + i) for i in range(45)]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens) + "\n")
    task = {"kind": "classification", "task": "t", "labels": ["a", "b"], "vocabulary": "0"}
    task = dict(task, max_seq_length=8, do_lower_case=True)
    (tmp_path / "task.json").write_text(json.dumps(task))
    words = "{} is not the vocabulary that the model in".format(tmp_path / "vocab.txt")
    for target in ("pytorch_dump_path", "strip_optimizer"):
        refused_and_clean(tmp_path, words, **dict(source, **{target: tmp_path / "new"}))


def test_task_of_another_checkpoint(tmp_path):
    source = make_checkpoint(tmp_path, ["pooler", "classifier"], labels=3)
    task = tmp_path / "task.json"
    for content, words in (
        ({"labels": ["a", "b"]}, "names 2 labels, but the checkpoint has 3 classes"),
        ({"labels": ["a", "b", "b"]}, "names no label, or one twice"),
        ({"labels": "abc"}, "labels must be a list of names"),
        ({"kind": "other"}, "was fine-tuned for 'other', not for classification"),
        ([], "must hold one JSON object"),
    ):
        if content:
            whole = {"kind": "classification", "max_seq_length": 8, "do_lower_case": True}
            content = dict(whole, **content)
        task.write_text(json.dumps(content))
        refused_and_clean(tmp_path, task, words, pytorch_dump_path=tmp_path / "hf", **source)


@needs_golden
@pytest.mark.parametrize(
    "case, what",
    [
        ("albert_zh", "is albert_zh's own network, which Hugging Face does not have"),
        ("albert_zh_preln", "is albert_zh's own network, which Hugging Face does not have"),
    ],
)
def test_other_families(case, what, tmp_path):
    values = {"tf_checkpoint_path": golden_cases.path(case), "config_file": "any"}
    values["pytorch_dump_path"] = tmp_path / "out"
    words = "only BERT, RoBERTa-wwm, MacBERT, LERT, PERT, ALBERT and ELECTRA can"
    refused_and_clean(tmp_path, what, words, **values)


def test_something_else_than_a_model(tmp_path):
    huggingface.write_checkpoint(str(tmp_path / "x"), {"v": np.zeros(2, np.float32)})
    refused(
        "is no model that can be converted: it holds no bert/embeddings/word_embeddings",
        tf_checkpoint_path=tmp_path,
        config_file="any",
        pytorch_dump_path=tmp_path / "hf",
    )


def test_hugging_face_directories_that_cannot_be_read(places, tmp_path):
    target = {"tf_dump_path": places / "out" / "x"}

    def folder(name, **changes):
        shutil.copytree(str(places / "hf"), str(tmp_path / name))
        config = tmp_path / name / "config.json"
        config.write_text(json.dumps(dict(json.loads(config.read_text()), **changes)))
        return tmp_path / name

    for name, changes, words in (
        ("a", {"model_type": "gpt2"}, "model_type 'gpt2' cannot be imported"),
        ("b", {"hidden_act": "silu"}, "hidden_act 'silu' cannot be converted; known are gelu, "),
        ("c", {"hidden_size": 48}, "shapes differ"),
        ("d", {"num_hidden_layers": 2}, "is not whole"),
        ("e", {"layer_norm_eps": 0.5}, "TensorFlow and PyTorch differ by"),
    ):
        path = folder(name, **changes)
        refused_and_clean(places, words, path, from_pytorch=path, **target)
    damaged = folder("f")
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    refused_and_clean(places, weights, "is damaged", from_pytorch=damaged, **target)
    weights.unlink()
    refused_and_clean(places, damaged, "but no weights", from_pytorch=damaged, **target)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_packages_that_are_missing(package, places, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    words = "needs the Python package {}, which is not installed".format(package)
    refused_and_clean(places, words, **forth(places))
    back = {"from_pytorch": places / "hf", "tf_dump_path": places / "out" / "x"}
    refused_and_clean(places, words, **back)


@pytest.mark.parametrize("error", [0.01, np.nan])
def test_other_numbers_are_refused(error, places, monkeypatch):
    outputs = network.outputs

    def wrong(*args):
        values = outputs(*args)
        values["masked_lm"] = values["masked_lm"].copy()
        values["masked_lm"][-1, -1, -1] += error
        return values

    monkeypatch.setattr(network, "outputs", wrong)
    words = ["in masked-LM logits, where 0.0001 is allowed; nothing was written"]
    words += ["nan" if np.isnan(error) else "differ by 0.01 "]
    refused_and_clean(places, *words, **forth(places))
    if np.isnan(error):
        return
    # a directory that was there before stays
    (places / "old").mkdir()
    refused_and_clean(places, *words, **forth(places, pytorch_dump_path=places / "old"))
    back = {"from_pytorch": places / "hf", "tf_dump_path": places / "old" / "x.ckpt"}
    refused_and_clean(places, *words, **back)


def test_places_that_cannot_be_written(places, monkeypatch, tmp_path):
    import safetensors
    import safetensors.numpy

    def full(*args, **kwargs):
        raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    message = refused_and_clean(tmp_path, **forth(places, pytorch_dump_path="/proc/new/hf"))
    assert "/proc/new/hf cannot be written: " in message
    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    message = refused_and_clean(places, **forth(places))
    assert "model.safetensors cannot be written: I/O error: No space left" in message


def test_as_a_program():
    """With its own start of TensorFlow, and nothing else on standard error."""
    command = [sys.executable, os.path.join(ROOT, "convert_checkpoint.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and done.stderr.startswith("error: nothing to do; give --pytorch")
    assert done.stderr.count("\n") == 1 and not done.stdout
