"""Hugging Face directories imported and run by our network, against Hugging Face's own outputs."""

import json
import os
import subprocess
import sys
import tempfile

import huggingface_models as models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from record_files import write_json

from common.errors import UserError
from modeling import checkpoint
from modeling.conversion import huggingface

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("safetensors")

tf.disable_v2_behavior()

# save_pretrained arguments -> the file that must come of them
FORMS = {
    "safetensors": ({}, "model.safetensors"),
    "bin": ({"safe_serialization": False}, "pytorch_model.bin"),
    "sharded safetensors": ({"max_shard_size": "15KB"}, "model.safetensors.index.json"),
    "sharded bin": (
        {"max_shard_size": "15KB", "safe_serialization": False},
        "pytorch_model.bin.index.json",
    ),
}


def save(model, folder, form):
    arguments, expected = FORMS[form]
    model.save_pretrained(str(folder), **arguments)
    assert os.path.exists(os.path.join(str(folder), expected))
    assert huggingface.is_directory(str(folder))
    return str(folder)


def import_and_compare(model, folder, prefix, new=(), sizes=models.SIZES):
    """Imports `folder` and compares outputs; `new`: stems of the variables it must not have."""
    report = huggingface.import_checkpoint(str(folder), str(prefix))
    assert report.notes == []
    values = json.loads(tf.io.gfile.GFile(huggingface.config_file(str(folder)), "r").read())
    inputs = models.random_inputs(sizes)
    ours, plan = models.our_outputs(values, str(prefix), inputs)
    assert plan.loaded and not plan.unused and not plan.training_state
    assert all(name.startswith(tuple(new)) for name in plan.new), plan.new
    assert bool(plan.new) == bool(new)
    models.assert_same(ours, models.their_outputs(model, inputs))
    return report


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_gives_the_same_network(form, tmp_path):
    model = models.make_model()
    folder = save(model, tmp_path / "hf", form)
    report = import_and_compare(model, folder, tmp_path / "tf" / "bert_model.ckpt")
    assert report.unknown == [] and len(report.written) == 5 + 2 * 16 + 2 + 5 + 2
    # nothing but the checkpoint: no state file, no temporary folder
    assert sorted(os.listdir(str(tmp_path / "tf"))) == [
        "bert_model.ckpt.data-00000-of-00001",
        "bert_model.ckpt.index",
    ]
    checkpoint.verify(str(tmp_path / "tf" / "bert_model.ckpt"))


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize(
    "class_name, new",
    [
        ("BertModel", ["cls/"]),
        ("BertForMaskedLM", ["bert/pooler/", "cls/seq_relationship/"]),
    ],
)
def test_models_with_fewer_heads(class_name, new, form, tmp_path):
    model = models.make_model(class_name)
    folder = save(model, tmp_path / "hf", form)
    tensors = huggingface.read_tensors(folder)
    assert ("embeddings.word_embeddings.weight" in tensors) == (class_name == "BertModel")
    import_and_compare(model, folder, tmp_path / "x.ckpt", new)


def test_classifiers_are_imported_and_other_heads_skipped(tmp_path):
    model = models.make_model("BertForSequenceClassification", num_labels=3)
    folder = save(model, tmp_path / "classes", "safetensors")
    report = huggingface.import_checkpoint(folder, str(tmp_path / "x.ckpt"))
    assert report.unknown == []
    reader = tf.train.NewCheckpointReader(str(tmp_path / "x.ckpt"))
    for name, value in (("weights", model.classifier.weight), ("bias", model.classifier.bias)):
        np.testing.assert_array_equal(reader.get_tensor("output_" + name), value.detach().numpy())
    other = models.make_model("ElectraForSequenceClassification", embedding_size=10)
    folder = save(other, tmp_path / "other", "safetensors")
    report = huggingface.import_checkpoint(folder, str(tmp_path / "y.ckpt"))
    names = [
        "classifier.{}.{}".format(a, b) for a in ("dense", "out_proj") for b in ("bias", "weight")
    ]
    assert report.unknown == names and ", ".join(names[:3]) in report.lines()[1][1]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_other_precisions(dtype, form, tmp_path):
    model = models.make_model().to(getattr(torch, dtype))
    folder = save(model, tmp_path / "hf", form)
    tensors = huggingface.read_tensors(folder)
    assert {v.dtype for v in tensors.values() if v.ndim} == {np.dtype(np.float32)}
    for name, value in model.state_dict().items():
        if name in tensors:
            np.testing.assert_array_equal(tensors[name], value.float().numpy())
    import_and_compare(model.float(), folder, tmp_path / "x.ckpt")


def test_files_of_before_2019(tmp_path):
    """bert_config.json, LayerNorm.gamma and .beta, buffers, the tied output stored twice."""
    model = models.make_model()
    state = models.state_of_before_2019(model)
    state["bert.embeddings.position_ids"] = torch.arange(20)[None]
    assert "cls.predictions.decoder.weight" in state and "cls.predictions.decoder.bias" in state
    folder = tmp_path / "hf"
    folder.mkdir()
    torch.save(state, str(folder / "pytorch_model.bin"), _use_new_zipfile_serialization=False)
    (folder / "bert_config.json").write_text(json.dumps(models.SIZES))
    report = import_and_compare(model, folder, tmp_path / "x.ckpt")
    assert report.unknown == []
    del state["cls.predictions.bias"]  # only its other name is left
    torch.save(state, str(folder / "pytorch_model.bin"))
    import_and_compare(model, folder, tmp_path / "x.ckpt")


@settings(max_examples=6, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 12),
    st.integers(1, 3),
    st.integers(10, 60),
    st.sampled_from(["gelu", "relu", "gelu_new"]),
    st.sampled_from(sorted(FORMS)),
)
def test_random_configs(heads, head_size, layers, types, vocabulary, activation, form):
    sizes = dict(
        models.SIZES,
        hidden_size=heads * head_size,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        type_vocab_size=types,
        vocab_size=vocabulary,
        hidden_act=activation,
    )
    # a norm over two numbers is the sign of their difference, which rounding turns over
    sizes["hidden_size"] *= 4
    model = models.make_model(**sizes)
    with tempfile.TemporaryDirectory() as folder:
        arguments = FORMS[form][0]
        model.save_pretrained(folder, **arguments)
        import_and_compare(model, folder, os.path.join(folder, "x.ckpt"), sizes=sizes)


def test_untied_output_is_refused(tmp_path):
    model = models.make_model(tie_word_embeddings=False)
    folder = save(model, tmp_path / "hf", "safetensors")
    with pytest.raises(UserError, match="is not the word table"):
        huggingface.import_checkpoint(folder, str(tmp_path / "x.ckpt"))


def test_works_with_version_2_behaviour(tmp_path):
    model = models.make_model()
    folder = save(model, tmp_path / "hf", "safetensors")
    prefix = str(tmp_path / "x.ckpt")
    program = (
        "import sys, tensorflow as tf\n"
        "from modeling.conversion import huggingface\n"
        "huggingface.import_checkpoint(sys.argv[1], sys.argv[2])\n"
        "assert tf.executing_eagerly()\n"
    )
    subprocess.run([sys.executable, "-c", program, folder, prefix], cwd=ROOT, check=True)
    assert "bert/pooler/dense/kernel" in checkpoint.read_shapes(prefix)


def test_names_of_classes(tmp_path):
    """Those that transformers makes up say nothing."""
    config = tmp_path / "config.json"
    for values, names in (
        ({}, None),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, None),
        ({"id2label": {"1": "O", "0": "B-PER"}}, ["B-PER", "O"]),
    ):
        write_json(config, values)
        assert huggingface.class_names(str(tmp_path)) == names
    for wrong in (["O"], {"a": "O"}, {"0": "O", "2": "P"}, {"0": "O", "1": "O"}, {"0": 1}):
        write_json(config, {"id2label": wrong})
        with pytest.raises(UserError, match=r"config.json: id2label must name the classes 0, 1"):
            huggingface.class_names(str(tmp_path))
