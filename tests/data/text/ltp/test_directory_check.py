"""LTP directories that LTP itself would run, hang or guess with are refused in one line."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from ltp_models import RAW_SENTENCES

from common.errors import UserError
from data.annotation import AnnotationProcessor, AnnotationSettings
from data.text.corpus import Range, Unit
from data.text.ltp.annotator import LtpAnnotator
from data.text.ltp.directory_check import check_directory
from data.text.ltp.loading import load_ltp
from data.text.segmentation import make_segmenter


@pytest.fixture
def model(models, tmp_path):
    """A neural model that may be changed."""
    return str(shutil.copytree(models["neural"], str(tmp_path / "model")))


def change_config(model, change):
    path = os.path.join(model, "config.json")
    with open(path, encoding="utf-8") as f:
        config = json.load(f)
    change(config)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f)


def change_weights(model, change):
    path = os.path.join(model, "pytorch_model.bin")
    weights = torch.load(path, weights_only=True)
    change(weights)
    torch.save(weights, path)


def error_of(model):
    with pytest.raises(UserError) as caught:
        make_segmenter("ltp", model)
    message = str(caught.value)
    assert message.startswith("LTP model {} cannot be loaded: ".format(model))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "target",
    [
        "os.mkdir",
        "ltp_core.models.ltp_model.torch.os.mkdir",
        "ltp_core.models.utils.instantiate.find_callable",
        "ltp_core.models.utils.instantiate",
        "ltp_core.models.processor.nn.Linear",
        "ltp_core.models.components.token.MLP.mro",
        ".mkdir",
        "mkdir",
        None,
        [1],
    ],
)
def test_a_config_calls_nothing_but_ltps_networks(model, tmp_path, target):
    called = {"_ltp_target_": target, "path": str(tmp_path / "ran")}
    change_config(model, lambda c: c["model"]["backbone"]["config"].update(inner={"a": called}))
    assert "no part of LTP" in error_of(model)
    assert not (tmp_path / "ran").exists()


def test_ltp_itself_would_call_it(tmp_path):
    from ltp_core.models.utils import instantiate

    path = str(tmp_path / "ran")
    instantiate({"a": {"_ltp_target_": "ltp_core.models.ltp_model.torch.os.mkdir", "path": path}})
    assert os.path.isdir(path)


WEIGHT = "task_heads.pos.classifier.0.weight"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda weights: weights.pop(WEIGHT), "does not fit its config.json at " + WEIGHT),
        (lambda weights: weights.update({WEIGHT: torch.zeros(3, 2)}), "does not fit"),
        (lambda weights: weights.update({WEIGHT: 5}), "does not fit"),
        (lambda weights: weights.update({WEIGHT: weights[WEIGHT].long()}), "does not fit"),
        (lambda weights: weights[WEIGHT][0].fill_(float("nan")), "is damaged at " + WEIGHT),
        (lambda weights: weights[WEIGHT][0].fill_(-1e30), "is damaged at"),
        (lambda weights: weights.clear(), "its pytorch_model.bin holds no weights"),
    ],
)
def test_weights(model, change, message):
    """LTP would draw what is missing at random; its search for a tree does not end at NaN."""
    change_weights(model, change)
    assert message in error_of(model)


def test_what_is_no_table_of_weights(model):
    torch.save([1, 2], os.path.join(model, "pytorch_model.bin"))
    assert "its pytorch_model.bin holds no weights" in error_of(model)


def test_weights_that_are_not_used_may_be_more_or_less(model):
    def change(weights):
        del weights["backbone.pooler.dense.bias"]
        weights["backbone.embeddings.position_ids"] = torch.arange(512)[None]

    change_weights(model, change)
    check_directory(model)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c["model"]["backbone"]["config"].update(num_hidden_layers=10**6), "too many l"),
        (lambda c: c["model"]["backbone"]["config"].update(vocab_size=2**31), "does not fit"),
        (lambda c: c["model"]["backbone"]["config"].update(hidden_size=128), "does not fit"),
        (lambda c: c.pop("model"), "its config.json has no model"),
        (lambda c: c.update(vocabs=[]), "its config.json has no vocabs"),
        (lambda c: c["vocabs"].update(pos="n"), "no lists of labels"),
        (lambda c: c["vocabs"].update(pos=["n", 1]), "no lists of labels"),
    ],
)
def test_configs(model, change, message):
    change_config(model, change)
    assert message in error_of(model)


def test_a_vocabulary_of_another_model(model):
    """What is asked for a piece beyond the weights, or for none, is told with the text."""
    path = os.path.join(model, "vocab.txt")
    with open(path, encoding="utf-8") as f:
        tokens = f.read().split("\n")
    for changed in (["x{}".format(i) for i in range(500)] + tokens, tokens[2:50]):
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(changed))
        load_ltp.cache_clear()
        text = RAW_SENTENCES[0]
        annotator = LtpAnnotator(model, tagged=True)
        with pytest.raises(UserError, match="fails on '" + text[:3]):
            annotator.annotate(text, np.array([0]), np.array([len(text)]), lambda share: None)


def test_a_tag_that_makes_a_column(model, tmp_path):
    change_config(model, lambda c: c["vocabs"].update(pos=["a\tb"] * len(c["vocabs"]["pos"])))
    source = tmp_path / "in.txt"
    source.write_text(RAW_SENTENCES[0], encoding="utf-8")
    unit = Unit(0, (Range(str(source), 0, source.stat().st_size),))
    load_ltp.cache_clear()
    processor = AnnotationProcessor(AnnotationSettings(model))
    with pytest.raises(UserError, match=r"has the tag 'a\\tb', which CoNLL-U cannot hold"):
        processor.run(unit, str(tmp_path / "out"), lambda share: None)
    assert sorted(os.listdir(str(tmp_path))) == ["in.txt", "model"]
