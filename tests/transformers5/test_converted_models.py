"""What convert_checkpoint.py writes, in transformers 5: classes and numbers as in version 4."""

import json
import os

import numpy as np
import pytest
import transformers
import transformers_readings as readings


def test_the_versions(cases):
    assert transformers.__version__.startswith("5.")
    assert cases.facts["versions"]["transformers"].startswith("4.")


def test_config(case, cases):
    config = transformers.AutoConfig.from_pretrained(cases.directory(case))
    assert config.architectures == [cases.of(case)["class"]]
    with open(os.path.join(cases.directory(case), "config.json"), encoding="utf-8") as reader:
        values = json.load(reader)
    assert config.model_type == values["model_type"] == case.split("_")[0].replace("lert", "bert")
    assert config.layer_norm_eps == 1e-12 and config.pad_token_id == 0
    for name in ("hidden_size", "vocab_size", "num_hidden_layers", "hidden_act"):
        assert getattr(config, name) == values[name]


def test_classes_and_outputs(case, cases):
    expected = cases.arrays(case + ".npz")
    class_name, outputs = readings.read_model(cases.directory(case), cases.of(case)["auto"])
    assert class_name == cases.of(case)["class"]
    assert set(outputs) == set(expected) and "hidden_states" in outputs
    for name, value in expected.items():
        assert np.abs(value).max() > 0.01  # random weights, not those of a fresh model
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=1e-5, err_msg=name)


def test_models_that_transformers_5_saves(case, cases, tmp_path):
    auto = getattr(transformers, cases.of(case)["auto"])
    auto.from_pretrained(cases.directory(case)).save_pretrained(str(tmp_path))
    class_name, outputs = readings.read_model(str(tmp_path), cases.of(case)["auto"])
    assert class_name == cases.of(case)["class"]
    for name, value in cases.arrays(case + ".npz").items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("head", ["lert_heads", "pooler"])
def test_side_files_do_not_disturb(head, cases):
    beside = [c for c in cases.facts["cases"] if head + ".safetensors" in names_in(cases, c)]
    assert beside
    for case in beside:
        auto = getattr(transformers, cases.of(case)["auto"])
        _, info = auto.from_pretrained(cases.directory(case), output_loading_info=True)
        assert not info["missing_keys"]


def names_in(cases, case):
    return os.listdir(cases.directory(case))
