"""Spans and kinds of answers against a plain reading of the formulas."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from task_models import CONFIGS, log_softmax, rows, run

from modeling.objectives.questions import ANSWER_KINDS, Questions
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions

tf.disable_v2_behavior()

CONFIG = CONFIGS["electra"]
BATCH, SEQ = 3, 11


def gelu(x):
    return 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def questions(seq=SEQ):
    return rows(BATCH, seq, seed=5)


def of_electra(kinds=(), features=None, **options):
    """(Result, function (name, x) -> x through the layer of that name)."""
    heads = ElectraHeads("t", QuestionOptions(**options))
    features = questions() if features is None else features
    result = run(Questions("t", heads, kinds), features, CONFIG)
    rng = np.random.RandomState(1)
    weights = {  # biases start at 0
        name: rng.normal(size=value.shape) * 0.3
        for name, value in result.variables.items()
        if name.startswith("task_specific/")
    }
    result = run(Questions("t", heads, kinds), features, CONFIG, weights)

    def layer(name, x):
        name = "task_specific/t/" + name
        return x @ weights[name + "/kernel"] + weights[name + "/bias"]

    return result, layer


def allowed(features):
    """Whether a token is the first or one of the second segment: bool [batch, seq]."""
    inside = (features["input_mask"] == 1) & (features["segment_ids"] == 1)
    inside[:, 0] = True
    return inside


def starts_of(result, layer, features):
    scores = layer("dense", result.tensors["sequence"])[:, :, 0]
    return log_softmax(np.where(allowed(features), scores, scores - 1000.0))


def ends_of(result, layer, features, row, start):
    """log p(end | start) of all ends of a row."""
    sequence = result.tensors["sequence"][row]
    both = np.concatenate([np.tile(sequence[start], (len(sequence), 1)), sequence], axis=1)
    scores = layer("dense_1", gelu(layer("qa_hidden", both)))[:, 0]
    return log_softmax(np.where(allowed(features)[row], scores, scores - 1000.0))


@pytest.mark.parametrize("beam", [3, pytest.param(20, marks=pytest.mark.tf1)])
def test_joint_beam(beam):
    features = questions()
    result, layer = of_electra(beam_size=beam)
    kept = min(beam, SEQ)
    tensors, log_starts = result.tensors, starts_of(result, layer, features)
    for name in ("span_starts", "span_ends", "span_scores"):
        assert tensors[name].shape == (BATCH, kept**2)
    assert tensors["span_starts"].dtype == tensors["span_ends"].dtype == np.int32
    for row in range(BATCH):
        expected = {}
        for start in np.argsort(-log_starts[row])[:kept]:
            log_ends = ends_of(result, layer, features, row, start)
            for end in np.argsort(-log_ends)[:kept]:
                expected[start, end] = log_starts[row, start] + log_ends[end]
        pairs = zip(tensors["span_starts"][row], tensors["span_ends"][row])
        got = dict(zip(pairs, tensors["span_scores"][row]))
        assert len(got) == kept**2 and set(got) == set(expected)
        for pair, score in expected.items():
            np.testing.assert_allclose(got[pair], score, rtol=1e-4, atol=1e-4)


def test_joint_loss():
    """(start + end given the true start) / 2 + 0.5 * whether there is an answer."""
    features = questions()
    features["answer_kinds"][1] = 3
    result, layer = of_electra(features=features)
    log_starts, sequence = starts_of(result, layer, features), result.tensors["sequence"]
    likely = np.einsum("bs,bsh->bh", np.exp(log_starts), sequence)
    both = np.concatenate([sequence[:, 0], likely], axis=1)
    impossible = layer("dense_3", gelu(layer("dense_2", both)))[:, 0]
    expected = []
    for row in range(BATCH):
        start, end = (features[name][row, 0] for name in ("start_positions", "end_positions"))
        probability = 1.0 / (1.0 + math.exp(-impossible[row]))
        of_kind = -math.log(probability if row == 1 else 1.0 - probability)
        log_end = ends_of(result, layer, features, row, start)[end]
        expected.append(-(log_starts[row, start] + log_end) / 2 + 0.5 * of_kind)
    np.testing.assert_allclose(result.tensors["example_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(result.losses["answer_loss"], sum(expected), rtol=1e-4)
    assert "kind_scores" not in Questions("t", ElectraHeads("t")).predicted
    plain = ElectraHeads("t", QuestionOptions(answerable_classifier=False))
    assert "kind_scores" not in run(Questions("t", plain), features, CONFIG).tensors
    trained = run(
        Questions("t", ElectraHeads("t")), features, CONFIG, result.variables, is_training=True
    )
    np.testing.assert_allclose(trained.tensors["example_loss"], expected, rtol=1e-4)


def test_answerable_from_the_first_token_alone():
    kinds = ("span", "unanswerable")
    result, layer = of_electra(kinds, answerable_uses_start_logits=False)
    impossible = layer("dense_2", result.tensors["sequence"][:, 0])[:, 0]
    expected = np.stack([-np.logaddexp(0, impossible), -np.logaddexp(0, -impossible)], axis=1)
    np.testing.assert_allclose(result.tensors["kind_scores"], expected, rtol=1e-4, atol=1e-5)
    assert Questions("t", ElectraHeads("t"), kinds).predicted[-1] == "kind_scores"
    swapped = ("unanswerable", "span")
    weights = {k: v for k, v in result.variables.items() if k.startswith("task_specific")}
    heads = ElectraHeads("t", QuestionOptions(answerable_uses_start_logits=False))
    other = run(Questions("t", heads, swapped), questions(), CONFIG, weights)
    np.testing.assert_allclose(
        other.tensors["kind_scores"], expected[:, ::-1], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("answerable", [True, False])
def test_all_kinds_of_answers_have_a_layer_of_their_own(answerable):
    features = questions()
    features["answer_kinds"][:, 0] = [3, 0, 1]
    kinds = ("span", "unanswerable", "yes")
    result, layer = of_electra(kinds, features, answerable_classifier=answerable)
    expected = log_softmax(layer("answer_kind", result.tensors["sequence"][:, 0]))
    np.testing.assert_allclose(result.tensors["kind_scores"], expected, rtol=1e-4, atol=1e-5)
    right = [kinds.index(ANSWER_KINDS[kind]) for kind in features["answer_kinds"][:, 0]]
    start = -starts_of(result, layer, features)[np.arange(BATCH), features["start_positions"][:, 0]]
    end = [
        -ends_of(result, layer, features, r, features["start_positions"][r, 0])[
            features["end_positions"][r, 0]
        ]
        for r in range(BATCH)
    ]
    np.testing.assert_allclose(
        result.tensors["example_loss"],
        (start + end) / 2 - 0.5 * expected[np.arange(BATCH), right],
        rtol=1e-4,
    )
    chosen = np.argmax(expected, axis=1) == right
    np.testing.assert_allclose(result.metrics["kind_accuracy"], np.mean(chosen))


def test_starts_and_ends_apart():
    """Without joint prediction a span's score is the sum of two logits."""
    features = questions()
    result, layer = of_electra(joint_prediction=False, beam_size=2)
    inside = allowed(features)
    logits = {}
    for side, name in (("start", "dense"), ("end", "dense_1")):
        scores = layer(name, result.tensors["sequence"])[:, :, 0]
        logits[side] = np.where(inside, scores, scores - 1000.0)
        np.testing.assert_allclose(result.tensors[side + "_logits"], logits[side], rtol=1e-4)
    check_pairs(result.tensors, logits["start"], logits["end"], 2)


def check_pairs(tensors, starts, ends, beam):
    for row in range(BATCH):
        expected = {
            (start, end): starts[row, start] + ends[row, end]
            for start in np.argsort(-starts[row])[:beam]
            for end in np.argsort(-ends[row])[:beam]
        }
        pairs = zip(tensors["span_starts"][row], tensors["span_ends"][row])
        got = dict(zip(pairs, tensors["span_scores"][row]))
        assert set(got) == set(expected)
        for pair, score in expected.items():
            np.testing.assert_allclose(got[pair], score, rtol=1e-4, atol=1e-4)


@pytest.mark.tf1
def test_google_kinds_and_spans():
    """The loss is over all tokens; spans lie in the text or on the first token."""
    features = questions()
    features["answer_kinds"][:, 0] = [2, 0, 1]
    objective = Questions("t", GoogleHeads(beam_size=4), ANSWER_KINDS)
    result = run(objective, features)
    tensors, weights = result.tensors, result.variables
    expected = log_softmax(tensors["pooled"] @ weights["output_weights"].T)
    np.testing.assert_allclose(tensors["kind_scores"], expected, rtol=1e-4, atol=1e-5)
    places = np.arange(BATCH)
    row_losses = -expected[places, features["answer_kinds"][:, 0]]
    scores = {}
    for number, side in enumerate(("start", "end")):
        logits = tensors["sequence"] @ weights["cls/squad/output_weights"][number]
        right = features[side + "_positions"][:, 0]
        row_losses -= log_softmax(logits)[places, right] / 2
        scores[side] = np.where(allowed(features), logits, logits - 1000.0)
        correct = np.argmax(logits, axis=1) == right
        np.testing.assert_allclose(result.metrics[side + "_accuracy"], np.mean(correct))
    np.testing.assert_allclose(tensors["example_loss"], row_losses, rtol=1e-4)
    np.testing.assert_allclose(result.losses["answer_loss"], np.mean(row_losses), rtol=1e-4)
    check_pairs(tensors, scores["start"], scores["end"], 4)
    assert objective.predicted[-1] == "kind_scores"


def test_a_kind_that_the_task_lacks_stops():
    features = questions()
    features["answer_kinds"][0] = 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="-1"):
        run(Questions("t", GoogleHeads(), ("span", "unanswerable")), features)
