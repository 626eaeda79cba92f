"""Every file and key of a Hugging Face directory is used, checked or named."""

import json
import re

import pytest
from conftest import ROOT
from huggingface_models import make_model

from common.errors import UserError
from modeling.conversion import config_keys, directory_contents, huggingface

transformers = pytest.importorskip("transformers")
import directory_tables  # noqa: E402


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf") / "model"
    make_model("BertForPreTraining").save_pretrained(str(folder))
    return folder


def config_of(**changes):
    values = json.loads(transformers.BertConfig().to_json_string(use_diff=False))
    return dict(values, **changes)


@pytest.mark.parametrize("name", ["BertConfig", "AlbertConfig", "ElectraConfig"])
def test_transformers_has_no_key_without_a_decision(name):
    config = getattr(transformers, name)(num_labels=3, torch_dtype="float32")
    values = json.loads(config.to_json_string(use_diff=False))
    assert set(values) <= set(config_keys.KEYS)
    assert config_keys.check_keys(values, "c") == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"is_decoder": True}, "c: is_decoder True cannot be imported, only False"),
        ({"add_cross_attention": True}, "c: add_cross_attention True cannot be imported"),
        ({"is_encoder_decoder": True}, "c: is_encoder_decoder True cannot be imported"),
        (
            {"position_embedding_type": "relative_key"},
            "c: position_embedding_type 'relative_key' cannot be imported, only 'absolute'",
        ),
        ({"pruned_heads": {"0": [1]}}, "pruned_heads {'0': [1]} lists attention heads"),
        ({"quantization_config": {"bits": 4}}, "says that the weights are quantized"),
        ({"problem_type": "x"}, "problem_type 'x' is none of regression, single_label"),
        ({"auto_map": {"AutoModel": "m.Model"}}, "names code of its own for the network"),
        ({"num_labels": "x"}, "num_labels 'x' is no number of classes"),
        ({"num_labels": 1 << 40}, "is no number of classes"),
        (
            {"num_labels": 3, "id2label": {"0": "a", "1": "b"}, "label2id": None},
            "num_labels 3 contradicts id2label, which names 2 classes",
        ),
        (
            {"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}},
            "contradicts id2label: not every name has its number there",
        ),
    ],
)
def test_networks_that_are_refused(changes, refusal):
    with pytest.raises(UserError, match=re.escape(refusal)):
        config_keys.check_keys(config_of(**changes), "c")


@pytest.mark.parametrize(
    ("count", "labels", "meaning"),
    [(1, [7.0], "regression"), (2, [1], "single_label_classification")],
)
def test_one_output_without_a_word_is_a_regression(count, labels, meaning, tmp_path):
    """As in transformers, which writes into the config what it takes the outputs for."""
    torch = pytest.importorskip("torch")
    path = str(tmp_path / "hf")
    model = make_model("BertForSequenceClassification", num_labels=count)
    model.save_pretrained(path)
    assert huggingface.problem_type(path) == (meaning if count == 1 else None)
    # The encoder is read, whatever the outputs mean.
    assert "bert/embeddings/word_embeddings" in huggingface.read_directory(path).variables
    model(torch.tensor([[2, 5, 3]]), labels=torch.tensor(labels))
    assert model.config.problem_type == meaning


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05, but 1e-12 here: outputs differ"),
        ({"classifier_dropout": 0.3}, "classifier_dropout is 0.3, but a fine-tuned head has"),
        ({"architectures": ["RobertaForMaskedLM"]}, "no class of Bert's that is known"),
        ({"architectures": ["MyModel"]}, "no class of Bert's that is known"),
    ],
)
def test_settings_that_are_warned_of(changes, warning):
    (note,) = config_keys.check_keys(config_of(**changes), "c")
    assert note[0] and warning in note[1]


def test_keys_that_are_not_known_are_named():
    (note,) = config_keys.check_keys(config_of(of_another_year=1), "c")
    assert note == (False, "c: keys that are not known are ignored: of_another_year")


def test_files_of_a_directory(saved):
    extra = (
        "modules.json",
        "1_Pooling",
        "optimizer.pt",
        "training_args.bin",
        "generation_config.json",
    ) + ("README.md", "tf_model.h5", "of_another_year.xyz", "added_tokens.json")
    for name in extra:
        (saved / name).write_text("{}", encoding="utf-8")
    try:
        notes = huggingface.read_directory(str(saved)).notes
    finally:
        for name in extra:
            (saved / name).unlink()
    (warning,) = [line for warns, line in notes if warns]
    assert "sentence-transformers" in warning
    lines = [line for warns, line in notes if not warns]
    assert lines == [
        "files that are not used: README.md, generation_config.json, optimizer.pt, tf_model.h5, "
        "training_args.bin",
        "files that are not known and not used: of_another_year.xyz",
    ]


@pytest.mark.parametrize(
    ("names", "refusal"),
    [
        (("adapter_config.json", "adapter_model.safetensors"), "an adapter of another model"),
        (("config.json", "model.safetensors", "adapter_config.json"), "an adapter of another"),
        (("config.json", "tf_model.h5"), r"weights for other programs only \(tf_model.h5\)"),
        (("config.json",), "holds config.json, but no weights"),
        (
            ("README.md", "0_Transformer/config.json", "0_Transformer/pytorch_model.bin"),
            "does; name",
        ),
    ],
)
def test_directories_without_whole_weights(tmp_path, names, refusal):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(UserError, match=refusal):
        directory_contents.refuse_unreadable(str(tmp_path), "init_checkpoint")


def test_whole_directories_pass(saved):
    directory_contents.refuse_unreadable(str(saved), "init_checkpoint")
    directory_contents.refuse_unreadable(str(saved / "config.json"), "init_checkpoint")
    assert not [line for warns, line in huggingface.read_directory(str(saved)).notes if warns]


def test_the_documentation_has_the_decisions():
    with open(ROOT + "/docs/huggingface.md", encoding="utf-8") as reader:
        text = reader.read()
    for title, rows in directory_tables.tables().items():
        for row in rows:
            assert row in text, (title, row)
    decided = re.findall(r"^\| .* \| (?:used|checked|ignored) \| .*$", text, re.MULTILINE)
    assert len(decided) == sum(map(len, directory_tables.tables().values()))
