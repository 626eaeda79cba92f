"""What counts as a Hugging Face directory, what is refused and how, and writing checkpoints."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT

from common.errors import UserError
from modeling import checkpoint
from modeling.conversion import huggingface, tensor_files

tf.disable_v2_behavior()

WORDS = "bert.embeddings.word_embeddings.weight"
CONFIG = {"model_type": "bert", "vocab_size": 4}


def make(folder, config=CONFIG, files=("model.safetensors",), config_name="config.json"):
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        (folder / config_name).write_text(json.dumps(config))
    for name in files:
        (folder / name).write_bytes(b"")
    return str(folder)


def refused(function, *args):
    """The message of the UserError; one sentence without line breaks."""
    with pytest.raises(UserError) as caught:
        function(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def import_refused(folder):
    """The message of a refused import, which leaves nothing behind."""
    target = folder + ".out"
    message = refused(huggingface.import_checkpoint, folder, os.path.join(target, "x.ckpt"))
    assert not os.path.exists(target)
    return message


def weights(**changes):
    return dict({WORDS: np.ones([4, 2], np.float32)}, **changes)


def with_weights(monkeypatch, tensors):
    """Makes every file hold these tensors."""
    monkeypatch.setattr(tensor_files, "read_file", lambda path: dict(tensors))


@pytest.mark.tf1
def test_is_directory(tmp_path):
    for i, name in enumerate(huggingface.WEIGHTS):
        for j, config_name in enumerate(huggingface.CONFIGS):
            path = make(tmp_path / "{}{}".format(i, j), files=[name], config_name=config_name)
            assert huggingface.is_directory(path) and huggingface.is_directory(path + "/")
            assert huggingface.config_file(path) == os.path.join(path, config_name)
    assert not huggingface.is_directory(make(tmp_path / "a", files=[]))
    assert not huggingface.is_directory(make(tmp_path / "b", config=None))
    with_checkpoint = ["pytorch_model.bin", "bert_model.ckpt.index"]
    assert not huggingface.is_directory(make(tmp_path / "c", files=with_checkpoint))
    assert not huggingface.is_directory(str(tmp_path / "00" / "config.json"))
    assert not huggingface.is_directory(str(tmp_path / "nothing"))
    both = make(tmp_path / "d")
    make(tmp_path / "d", config_name="bert_config.json")
    assert huggingface.config_file(both).endswith("/config.json")


@pytest.mark.tf1
def test_missing_parts(tmp_path):
    message = import_refused(make(tmp_path / "a", files=["tf_model.h5"]))
    assert "a holds weights for other programs only (tf_model.h5)" in message
    message = import_refused(make(tmp_path / "e", files=[]))
    assert "e holds config.json, but no weights (model.safetensors or pytorch_model.bin)" in message
    message = import_refused(make(tmp_path / "b", config=None))
    assert "b holds no config" in message and "config.json, bert_config.json" in message
    message = import_refused(str(tmp_path / "nothing"))
    assert "nothing does not exist or is a file" in message
    folder = make(tmp_path / "c")
    (tmp_path / "c" / "config.json").write_text("{")
    assert "config.json, line 1: not valid JSON" in import_refused(folder)


@pytest.mark.tf1
@pytest.mark.parametrize("model_type", ["roberta", "gpt2", 3, ["bert"]])
def test_other_families_by_model_type(model_type, tmp_path):
    message = import_refused(make(tmp_path / "a", {"model_type": model_type}))
    assert "config.json: model_type {!r} cannot be imported".format(model_type) in message
    assert (
        "only bert (BERT, RoBERTa-wwm, MacBERT, LERT, PERT), albert and electra (classes" in message
    )
    assert ("RoBERTa-wwm is a BERT network" in message) == (model_type == "roberta")


@pytest.mark.tf1
def test_other_families_by_tensor_names(tmp_path, monkeypatch):
    with_weights(monkeypatch, {"roberta." + WORDS[5:]: np.ones([4, 2], np.float32)})
    message = import_refused(make(tmp_path / "a", {}))
    assert "not named as in a supported model: " + WORDS + " is missing" in message
    assert "there are roberta.embeddings.word_embeddings.weight; supported is bert" in message
    with_weights(monkeypatch, {})
    assert "there are none" in import_refused(make(tmp_path / "a"))


@pytest.mark.tf1
def test_other_networks(tmp_path, monkeypatch):
    config = dict(CONFIG, position_embedding_type="relative_key")
    message = import_refused(make(tmp_path / "a", config))
    assert "config.json: position_embedding_type 'relative_key' cannot be imported" in message
    quantized = {"bert.pooler.dense.weight": np.ones([2, 2], np.int8)}
    with_weights(monkeypatch, weights(**quantized))
    message = import_refused(make(tmp_path / "a"))
    assert "bert.pooler.dense.weight in" in message and "int8" in message
    with_weights(monkeypatch, weights(**{"cls.predictions.decoder.weight": np.zeros([4, 2])}))
    untied = dict(CONFIG, tie_word_embeddings=False)
    message = import_refused(make(tmp_path / "a", untied))
    assert "cls.predictions.decoder.weight in" in message and "is not the word table" in message
    # where the config ties them the stored one is not looked at, as Hugging Face does
    huggingface.import_checkpoint(make(tmp_path / "a"), str(tmp_path / "x.ckpt"))


@pytest.mark.tf1
def test_report(tmp_path, monkeypatch):
    with_weights(monkeypatch, weights(**{"other.bias": np.ones(2, np.float32)}))
    folder = make(tmp_path / "a", dict(CONFIG, layer_norm_eps=1e-5))
    prefix = str(tmp_path / "x.ckpt")
    report = huggingface.import_checkpoint(folder, prefix)
    assert report.written == ["bert/embeddings/word_embeddings"]
    assert report.unknown == ["other.bias"]
    lines = report.lines()
    assert [warning for warning, _ in lines] == [False, False, True]
    assert lines[0][1] == "Hugging Face directory {}: 1 variables written to {}".format(
        folder, prefix
    )
    assert "config.json: layer_norm_eps is 1e-05, but 1e-12 here" in lines[2][1]
    folder = make(tmp_path / "a", dict(CONFIG, layer_norm_eps=1e-12))
    assert huggingface.import_checkpoint(folder, prefix).notes == []


@pytest.mark.tf1
def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    message = import_refused(make(tmp_path / "a", files=["pytorch_model.bin"]))
    assert "pytorch_model.bin needs the Python package torch" in message
    assert "on another machine" in message


@pytest.mark.tf1
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_git_lfs_pointer(name, tmp_path):
    folder = make(tmp_path / "a")
    os.remove(os.path.join(folder, "model.safetensors"))
    (tmp_path / "a" / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1")
    assert name + " is git-lfs' pointer to the file" in import_refused(folder)


def test_state_dicts_of_other_names(tmp_path):
    torch = pytest.importorskip("torch")
    folder = make(tmp_path / "a", files=[])
    torch.save({1: torch.zeros(2)}, os.path.join(folder, "pytorch_model.bin"))
    assert "is no table of tensors (a model's state_dict)" in import_refused(folder)


def test_numbers_of_labels_that_no_memory_holds(tmp_path):
    """transformers makes a table of them."""
    for number in (10**10, -1, "3"):
        message = import_refused(make(tmp_path / "a", dict(CONFIG, num_labels=number)))
        assert "config.json: num_labels {!r} is no number of classes".format(number) in message


@pytest.mark.tf1
def test_sharded_index(tmp_path, monkeypatch):
    folder = make(tmp_path / "a", files=[])
    index = tmp_path / "a" / "model.safetensors.index.json"
    for bad in (
        {},
        {"weight_map": []},
        {"weight_map": {}},
        {"weight_map": {WORDS: 3}},
        {"weight_map": {WORDS: "../secret.safetensors"}},
        {"weight_map": {WORDS: ""}},
        {"weight_map": {WORDS: ".."}},
    ):
        index.write_text(json.dumps(bad))
        assert "model.safetensors.index.json has no usable weight_map" in import_refused(folder)
    index.write_text("{\n?")
    assert "model.safetensors.index.json, line 2: not valid JSON" in import_refused(folder)
    shard = "model-00001-of-00001.safetensors"
    index.write_text(json.dumps({"weight_map": {WORDS: shard, "x": shard}}))
    message = import_refused(folder)
    assert shard + " is missing, but" in message and "index.json names it" in message
    make(tmp_path / "a", files=[shard])
    with_weights(monkeypatch, weights())
    message = import_refused(folder)
    assert "x is not in" in message and shard in message


def damaged_forms(good):
    for size in (0, 7, 100, len(good) // 2, len(good) - 5):
        yield good[:size]
    yield b"\xff" * 300
    yield b"<!DOCTYPE html>" + b" " * 200


def test_damaged_safetensors(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    folder = make(tmp_path / "a")
    for content in damaged_forms(numpy.save(weights())):
        (tmp_path / "a" / "model.safetensors").write_bytes(content)
        expected = "model.safetensors is damaged or cut short; take another copy of it"
        if content.startswith(b"<"):
            expected = "is a web page (HTML), not a model's weights; download the file itself"
        assert import_refused(folder).endswith(expected)
    header = b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}"
    content = len(header).to_bytes(8, "little") + header
    (tmp_path / "a" / "model.safetensors").write_bytes(content)
    assert "header of" in import_refused(folder)
    torch = pytest.importorskip("torch")
    small = {WORDS: torch.zeros([4, 2]).to(torch.float8_e4m3fn)}
    pytest.importorskip("safetensors.torch").save_file(
        small, os.path.join(folder, "model.safetensors")
    )
    message = import_refused(folder)
    assert WORDS in message and "number format F8_E4M3" in message


def test_damaged_bin(tmp_path):
    torch = pytest.importorskip("torch")
    folder = make(tmp_path / "a", files=[])
    path = tmp_path / "a" / "pytorch_model.bin"
    tensors = {WORDS: torch.zeros([40, 2])}
    for zipped in (True, False):
        torch.save(tensors, str(path), _use_new_zipfile_serialization=zipped)
        huggingface.read_tensors(folder)
        for content in damaged_forms(path.read_bytes()):
            path.write_bytes(content)
            what = "a web page (HTML)" if content.startswith(b"<") else "damaged, or"
            assert "pytorch_model.bin is " + what in import_refused(folder)


class Program:
    """A pickle that runs a program when it is read."""

    def __init__(self, command):
        self._command = command

    def __reduce__(self):
        return os.system, (self._command,)


def test_a_pickle_is_never_run(tmp_path):
    torch = pytest.importorskip("torch")
    folder = make(tmp_path / "a", files=[])
    trace = tmp_path / "trace"
    for zipped in (True, False):
        torch.save(
            {WORDS: Program("touch {}".format(trace))},
            str(tmp_path / "a" / "pytorch_model.bin"),
            _use_new_zipfile_serialization=zipped,
        )
        assert "holds more than tensors and is not opened" in import_refused(folder)
        assert not trace.exists()


def test_bins_of_something_else(tmp_path):
    torch = pytest.importorskip("torch")
    folder = make(tmp_path / "a", files=[])
    path = str(tmp_path / "a" / "pytorch_model.bin")
    for content in ({"state_dict": {WORDS: torch.zeros(3)}}, [torch.zeros(3)], {"step": 3}):
        torch.save(content, path)
        assert "is no table of tensors" in import_refused(folder)
    torch.save({WORDS: torch.zeros([4, 2]).to_sparse()}, path)
    assert "are not plain arrays" in import_refused(folder)


@pytest.mark.tf1
def test_writing(tmp_path):
    prefix = str(tmp_path / "new" / "deep" / "model.ckpt")
    first = {
        "a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.float32(7).reshape(()),
    }
    huggingface.write_checkpoint(prefix, first)
    reader = tf.train.NewCheckpointReader(prefix)
    np.testing.assert_array_equal(reader.get_tensor("a/kernel"), first["a/kernel"])
    assert reader.get_tensor("b") == 7 and len(reader.get_variable_to_shape_map()) == 2
    folder = tmp_path / "new" / "deep"
    (folder / "model.ckpt-2.index").write_bytes(b"another one's")
    huggingface.write_checkpoint(prefix, {"c": np.ones(2, np.float32)})
    assert list(checkpoint.read_shapes(prefix)) == ["c"]
    assert sorted(os.listdir(str(folder))) == [
        "model.ckpt-2.index",
        "model.ckpt.data-00000-of-00001",
        "model.ckpt.index",
    ]


@pytest.mark.tf1
def test_writing_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    for _ in range(2):
        huggingface.write_checkpoint("x.ckpt", {"c": np.ones(2, np.float32)})
    assert sorted(os.listdir(".")) == ["x.ckpt.data-00000-of-00001", "x.ckpt.index"]


@pytest.mark.tf1
def test_writing_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    prefix = str(tmp_path / "file" / "x.ckpt")
    message = refused(huggingface.write_checkpoint, prefix, {"c": np.ones(2, np.float32)})
    assert message.startswith("checkpoint {} cannot be written: ".format(prefix))


@pytest.mark.tf1
def test_a_full_disk_is_reported_in_a_line(tmp_path):
    """A limit on the size of files fails in the same place."""
    prefix = str(tmp_path / "x.ckpt")
    program = (
        "import resource, sys, numpy\n"
        "from common.errors import UserError\n"
        "from modeling.conversion import huggingface\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
        "try:\n"
        "    huggingface.write_checkpoint(sys.argv[1], {'c': numpy.ones(9999, numpy.float32)})\n"
        "except UserError as error:\n"
        "    sys.exit(str(error))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, prefix],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    message = run.stderr.splitlines()[-1]
    assert message.startswith("checkpoint {} cannot be written: ".format(prefix))
    assert message.endswith("File too large")
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.tf1
def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    prefix = str(tmp_path / "x.ckpt")
    huggingface.write_checkpoint(prefix, {"c": np.ones(2, np.float32)})

    def full(prefix, tensors):
        with open(prefix + ".data-00000-of-00001", "wb") as writer:
            writer.write(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(huggingface, "_save", full)
    message = refused(huggingface.write_checkpoint, prefix, {"d": np.ones(2, np.float32)})
    assert message.endswith("cannot be written: No space left on device")
    assert list(checkpoint.read_shapes(prefix)) == ["c"]
    assert len(os.listdir(str(tmp_path))) == 2
