"""--task=correct: which pieces would be written otherwise, against the scores of fill_mask."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden

from data.tokenizers.wordpiece import Vocabulary
from modeling.config import BertConfig
from prediction.correct import Correct
from prediction.fill_mask import FillMask
from prediction.lines import Line
from prediction.prediction_task import TaskSetup
from prediction.predictor import Predictor
from training.devices.numerics import Numerics

tf.disable_v2_behavior()
pytestmark = [needs_golden, pytest.mark.tf1]

TEXTS = ["今天天气真好，我们去公园。", "", "清晨的小镇下了一场雨，playing 石板路Ａ。", "雨" * 80]


@pytest.fixture(scope="module")
def setup():
    config = BertConfig.from_json_file(golden_cases.path("bert", "bert_config.json"), gelu="tanh")
    vocabulary = Vocabulary(golden_cases.path("bert", "vocab.txt"))
    return TaskSetup(config, vocabulary.make_tokenizer(True), 64, {})


def corrected(setup, texts, least, numerics=None):
    task = Correct(setup, min_probability=least)
    prefix = golden_cases.path("bert", "bert_model.ckpt")
    with Predictor(setup.config, task, prefix, 4, *([numerics] if numerics else [])) as predictor:
        task.start(predictor)
        lines = [Line(text, n, "lines") for n, text in enumerate(texts, 1)]
        return list(task.predict(lines)), task


@pytest.fixture(scope="module")
def scores(setup):
    """log_probs [tokens, vocabulary] of each of TEXTS, unmasked: fill_mask's network with all
    pieces as candidates; float32."""
    fill = FillMask(setup, top_k=len(setup.tokenizer.vocabulary))
    fill._candidates = np.arange(len(setup.tokenizer.vocabulary), dtype=np.int32)
    vocabulary, rows = setup.tokenizer.vocabulary, []
    for text in TEXTS:
        ids = setup.tokenizer.tokenize(text).ids.tolist()[:62]
        ids = [vocabulary.cls, *ids, vocabulary.sep]
        zeros, positions = [0] * len(ids), list(range(len(ids)))
        rows.append({"input_ids": ids, "segment_ids": zeros, "positions": positions})
    prefix, tables = golden_cases.path("bert", "bert_model.ckpt"), []
    with Predictor(setup.config, fill, prefix, 4) as predictor:
        for row, output in zip(rows, predictor.run(rows)):
            count = len(row["input_ids"])
            table = np.zeros((count, len(vocabulary)), np.float32)
            values = output["log_probs"][:count]
            np.put_along_axis(table, output["ids"][:count], values, axis=1)
            tables.append(table)
    return tables


def plain_changes(setup, text, log_probs, least):
    """The changes of a text by its scores, token by token."""
    tokens = setup.tokenizer.tokenize(text)
    vocabulary = setup.tokenizer.vocabulary
    allowed = vocabulary.random_replacements(True).tolist()
    for at, token in enumerate(tokens.ids.tolist()[:62]):
        inner = vocabulary.tokens[token].startswith("##")
        alike = [i for i in allowed if vocabulary.tokens[i].startswith("##") == inner]
        best = max(alike, key=lambda i: log_probs[at + 1, i])
        if best != token != vocabulary.unk and np.exp(log_probs[at + 1, best]) >= least:
            yield int(tokens.starts[at]), vocabulary.tokens[token], vocabulary.tokens[best]


def test_changes_are_the_most_probable_pieces(setup, scores):
    results, task = corrected(setup, TEXTS, 0.015)
    assert [result["text"] for result in results] == TEXTS
    count = 0
    for text, result, log_probs in zip(TEXTS, results, scores):
        expected = list(plain_changes(setup, text, log_probs, 0.015))
        found = [(c["position"], c["token"], c["by"]) for c in result["changes"]]
        assert found == [(p, a.replace("##", ""), b.replace("##", "")) for p, a, b in expected]
        tokens, ids, rebuilt = setup.tokenizer.tokenize(text), task.vocabulary.ids, list(text)
        for change, (begin, token, by) in zip(result["changes"], expected):
            row = 1 + tokens.starts.tolist().index(begin)
            np.testing.assert_allclose(
                [change["probability"], change["probability_of_token"]],
                np.exp(log_probs[row, [ids[by], ids[token]]]),
                rtol=1e-4,
            )
            rebuilt[begin] = change["by"]
            rebuilt[begin + 1 : begin + change["length"]] = [""] * (change["length"] - 1)
        assert result["corrected"] == "".join(rebuilt)
        count += len(expected)
    assert count > 20 and results[1]["changes"] == []
    assert not corrected(setup, TEXTS, 1.0)[0][0]["changes"]


@pytest.mark.skipif(tf.VERSION < "2", reason="fused kernels need TensorFlow 2")
def test_several_texts_in_a_row_are_as_each_alone(setup):
    plain, _ = corrected(setup, TEXTS, 0.015)
    fused, _ = corrected(setup, TEXTS, 0.015, Numerics("fused", "fp32"))
    for one, other in zip(plain, fused):
        assert one["corrected"] == other["corrected"]
        for a, b in zip(one["changes"], other["changes"]):
            assert b["probability"] == pytest.approx(a["probability"], rel=1e-3)
