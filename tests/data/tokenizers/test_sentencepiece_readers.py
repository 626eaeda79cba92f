"""What reads a SentencePiece model beside data creation: fine-tuning and prediction, on either
TensorFlow."""

import json
import sys

import prediction_runs
import pytest
import script_driver
import sentencepiece_models
import tensorflow.compat.v1 as tf

from common.errors import UserError
from data.records.checks import record_contents
from data.tokenizers.vocabularies import read_vocabulary
from finetuning.examples import Example
from finetuning.features import write_features
from finetuning.kinds.classification import ClassificationTask
from modeling.conversion.huggingface import write_checkpoint
from modeling.objectives import get_objective
from training.records import masking_choice

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model that knows few words."""
    return sentencepiece_models.write_tiny_model(tmp_path_factory.mktemp("tiny"))


def test_pieces_and_their_places(tiny):
    tokenizer = read_vocabulary(tiny).make_tokenizer(True)
    text = "今天天气 ＨＥＬＬＯ\n图书馆!"
    pieces = tokenizer.tokenize(text)
    found = [
        (tokenizer.vocabulary.tokens[i], text[s:e])
        for i, s, e in zip(pieces.ids, pieces.starts, pieces.ends)
    ]
    assert found == [
        *(("▁今天", "今天"), ("天气", "天气"), ("▁hello", "ＨＥＬＬＯ")),
        *(("▁", "图"), ("图书馆", "图书馆"), ("<unk>", "!")),
    ]


def test_features_of_finetuning(tiny, tmp_path):
    tokenizer = read_vocabulary(tiny).make_tokenizer(True)
    examples = [Example("今天天气", "Books", "0", "x")]
    task = ClassificationTask("t", labels=["0", "1"])
    write_features(str(tmp_path / "f"), task, examples, tokenizer, 10)
    (record,) = record_contents.read_features(str(tmp_path / "f"))
    tokens = [tokenizer.vocabulary.tokens[i] for i in record["input_ids"]]
    assert tokens == [
        *("[CLS]", "▁今天", "天气", "[SEP]", "▁book", "s", "[SEP]"),
        *["<pad>"] * 3,
    ]
    assert list(record["segment_ids"]) == [0, 0, 0, 0, 1, 1, 1, 0, 0, 0]


@pytest.fixture(scope="module")
def predictions(tiny, tmp_path_factory):
    """What run_prediction.py says with the tiny model and random weights: {task: results}."""
    folder = tmp_path_factory.mktemp("predictions")
    config = dict(prediction_runs.CONFIG, vocab_size=len(read_vocabulary(tiny)))
    prediction_runs.write_text(folder / "config.json", json.dumps(config))
    weights = prediction_runs.random_weights(get_objective("bert"), config=config)
    write_checkpoint(str(folder / "whole"), weights)
    texts = {"fill_mask": "今天[MASK][MASK]很好\n[MASK] books\n", "features": "今天 Books\n"}
    lines = [
        (prediction_runs.flags_of(folder, task, vocab_file=tiny), text)
        for task, text in texts.items()
    ]
    done = script_driver.run_many("run_prediction", *zip(*lines))
    return dict(zip(texts, map(prediction_runs.results_of, done)))


def test_masks(predictions, tiny):
    tokens = set(read_vocabulary(tiny).tokens) - {"[MASK]", "<pad>", "<unk>", "▁1,", "1,"}
    first, second = predictions["fill_mask"]
    assert {top["token"] for mask in first["masks"] for top in mask["top"]} <= tokens
    (word,) = first["words"]
    assert word["length"] == 2 and all("▁" not in top["word"] for top in word["top"])
    assert (
        first["filled"].replace(" ", "")
        == "今天" + word["top"][0]["word"].replace(" ", "") + "很好"
    )
    assert second["filled"].endswith("books")


def test_tokens_of_features(predictions):
    (result,) = predictions["features"]
    assert result["tokens"] == ["[CLS]", "▁今天", "▁book", "s", "[SEP]"]


def test_training_draws_masks_with_the_records_own_model(tiny, tmp_path):
    vocabulary = read_vocabulary(tiny)
    masking = {"kind": "dynamic", "probability": 0.15, "unit": "word", "ngram_probs": [1.0]}
    masking["replacement"] = [0.8, 0.1, 0.1]
    manifest = {"masking": masking, "vocab_sha256": vocabulary.sha256}
    stated = masking_choice.stated_by_manifests({"m": manifest}, tiny)
    assert stated.vocabulary.mask == vocabulary.mask
    other = sentencepiece_models.hand_made(tmp_path / "other.model", {"▁今天": -1.0})
    with pytest.raises(UserError, match=r"other.model is not the vocabulary of the records \(m\)"):
        masking_choice.stated_by_manifests({"m": manifest}, other)


def test_without_the_library(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(UserError, match="the package sentencepiece is not installed"):
        read_vocabulary(tiny)
