"""--task=positions: the order of a text's tokens, against all orders tried one by one."""

import itertools
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from prediction_runs import CONFIG, flags_of, random_weights, run_many, write_model, write_text
from script_driver import error_of

from data.tokenizers.wordpiece import Vocabulary
from modeling import checkpoint
from modeling.config import BertConfig
from modeling.conversion.huggingface import write_checkpoint
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore
from prediction.lines import Line
from prediction.positions import Positions, best_order
from prediction.prediction_task import TaskSetup
from prediction.predictor import Predictor

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

TEXTS = ["气今天好。", "", "dog 今  天气好", "好", "playing天"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("positions")
    write_model(path)
    weights = random_weights(get_objective("pert"))
    weights["cls/position_predictions/transform/LayerNorm/gamma"] += 2  # decided, though at random
    write_checkpoint(str(path / "pert"), weights)
    write_text(path / "lines.txt", "\n".join(TEXTS) + "\n")
    return path


def predicted(folder, moved_share, texts=TEXTS):
    tokenizer = Vocabulary(str(folder / "vocab.txt")).make_tokenizer(True)
    config = BertConfig(CONFIG)
    task = Positions(TaskSetup(config, tokenizer, 24, {}), moved_share)
    with Predictor(config, task, str(folder / "pert"), 2) as predictor:
        task.start(predictor)
        return list(task.predict([Line(text, n, "lines") for n, text in enumerate(texts, 1)]))


@pytest.fixture(scope="module")
def scores(folder):
    """float64 [tokens, tokens] for each of TEXTS: PERT's logits in training, for all tokens."""
    objective, found = get_objective("pert"), []
    tokenizer = Vocabulary(str(folder / "vocab.txt")).make_tokenizer(True)
    with tf.Graph().as_default(), tf.Session() as session:
        ids, store = tf.placeholder(tf.int32, [1, None]), ParameterStore()
        zeros, places = tf.zeros_like(ids), tf.range(tf.shape(ids)[1])[tf.newaxis, :]
        values = (ids, zeros + 1, zeros, places, zeros, tf.cast(zeros, tf.float32))
        fed = dict(zip(objective.feature_names, values))
        output = objective.build(BertConfig(CONFIG), store, PlainKernels(), fed, False)
        prefix = str(folder / "pert")
        plan = checkpoint.plan_loading(prefix, store.shapes(), "config")
        checkpoint.initialize(prefix, plan.loaded)
        session.run(tf.global_variables_initializer())
        for text in TEXTS:
            row = [2, *tokenizer.tokenize(text).ids.tolist(), 3]
            logits = session.run(output.tensors["position_logits"], {ids: [row]})
            found.append(logits[1:-1, 1:-1].astype(np.float64))
    return found


def test_the_order_is_the_most_probable_of_all(folder, scores):
    tokenizer = Vocabulary(str(folder / "vocab.txt")).make_tokenizer(True)
    moved, moved_share = 0, 0.9
    for text, result, of_text in zip(TEXTS, predicted(folder, moved_share), scores):
        pieces = tokenizer.tokenize(text)
        ids, count = pieces.ids.tolist(), len(pieces.ids)
        assert result["text"] == text
        if not count:
            assert result == {"text": "", "restored": "", "moves": []}
            continue
        # Bayes' rule, by hand: 15 % stayed in training, 1 - moved_share of a text are right.
        bonus = np.log((1 - moved_share) / moved_share * 0.85 / 0.15)
        log_probs = of_text + bonus * np.eye(count)
        log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
        best = max(
            itertools.permutations(range(count)),
            key=lambda order: sum(log_probs[n, source] for n, source in enumerate(order)),
        )
        words = [text[a:b] for a, b in zip(pieces.starts, pieces.ends)]
        expected = []
        for place, source in enumerate(best):
            if place != source:
                at = int(pieces.starts[place])
                expected.append((at, words[place], words[source], int(pieces.starts[source])))
        found = [(m["position"], m["token"], m["by"], m["from"]) for m in result["moves"]]
        assert found == expected
        for move, place in zip(result["moves"], (p for p, s in enumerate(best) if p != s)):
            np.testing.assert_allclose(
                [move["probability"], move["probability_of_token"]],
                np.exp(log_probs[place, [best[place], place]]),
                rtol=1e-4,
            )
        assert sorted(result["restored"]) == sorted(text)
        restored = tokenizer.tokenize(result["restored"]).ids.tolist()
        assert "playing" in text or restored == [ids[source] for source in best]
        moved += len(expected)
    assert moved > 2


def test_fewer_tokens_move_where_few_are_out_of_place(folder):
    counts = [
        sum(len(result["moves"]) for result in predicted(folder, share))
        for share in (1e-99, 0.12, 0.9999999)
    ]
    assert counts[0] == 0 <= counts[1] < counts[2]


def test_an_order_uses_every_token_once():
    assert best_order(np.array([[0.9, 0.1], [0.8, 0.2]])).tolist() == [0, 1]
    assert best_order(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist() == [1, 0]
    assert best_order(np.zeros((0, 0))).tolist() == []


def test_the_program(folder):
    output = str(folder / "order.jsonl")
    given = {"input_file": str(folder / "lines.txt"), "output_file": output}
    runs = [
        flags_of(folder, "positions", init_checkpoint=str(folder / "pert"), **given),
        flags_of(folder, "positions", **given),
        flags_of(folder, "positions", moved_share=0, **given),
        flags_of(folder, "fill_mask", moved_share=0.5, **given),
    ]
    right, headless, share, other = run_many([(words, "") for words in runs])
    assert right[0] == 0, right
    with open(output, encoding="utf-8") as reader:
        assert [json.loads(line) for line in reader] == predicted(folder, 0.12)
    assert "whole has no position head (it lacks cls/position_predictions/" in error_of(
        {"run": headless}, "run"
    )
    assert "--moved_share=0.0 must lie between 0 and 1" in error_of({"run": share}, "run")
    message = error_of({"run": other}, "run")
    assert "--moved_share is for --task=positions and has no meaning for --task=fill" in message
