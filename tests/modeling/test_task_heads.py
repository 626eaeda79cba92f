"""Heads of fine-tuned models: names, numbers, losses, dropout and initial values."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from huggingface_models import torch_weights
from task_models import CONFIGS, SIZES, head_shapes, log_softmax, rows, run

from modeling import losses
from modeling.kernels import PlainKernels
from modeling.objectives.classification import Classification
from modeling.objectives.multi_label import MultiLabel
from modeling.objectives.questions import Questions
from modeling.objectives.tagging import Tagging
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions
from optimization.gradients import Forward, joint_gradients
from optimization.replicas import OneReplica

tf.disable_v2_behavior()

HIDDEN = SIZES["hidden_size"]


def hugging_face(class_name, **settings):
    """(model with random weights, its encoder's weights under our names)."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        layer_norm_eps=1e-12, attn_implementation="eager", **dict(SIZES, **settings)
    )
    model = getattr(transformers, class_name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model, torch_weights(model.bert)


def answer(model, features, **labels):
    """What the model gives for rows, as a dict of arrays."""
    import torch

    names = {"input_mask": "attention_mask", "segment_ids": "token_type_ids"}
    names["input_ids"] = "input_ids"
    fed = {theirs: torch.tensor(features[ours]).long() for ours, theirs in names.items()}
    fed.update((name, torch.tensor(value).long()) for name, value in labels.items())
    with torch.no_grad():
        return {name: value.numpy() for name, value in model(**fed).items()}


def test_classification_is_hugging_faces():
    model, weights = hugging_face("BertForSequenceClassification", num_labels=3)
    features = rows()
    theirs = answer(model, features, labels=features["label_ids"][:, 0])
    weights["output_weights"] = model.classifier.weight.detach().numpy()
    weights["output_bias"] = model.classifier.bias.detach().numpy()
    ours = run(Classification("x", 3), features, weights=weights)
    assert set(weights) == set(ours.variables)
    np.testing.assert_allclose(ours.tensors["logits"], theirs["logits"], atol=1e-5)
    np.testing.assert_allclose(ours.losses["classification_loss"], theirs["loss"], rtol=1e-5)
    correct = np.argmax(theirs["logits"], axis=-1) == features["label_ids"][:, 0]
    np.testing.assert_allclose(ours.metrics["classification_accuracy"], np.mean(correct))


def test_multi_label_is_hugging_faces():
    """BCEWithLogitsLoss over rows and labels; a sixth column is another task's."""
    import torch

    model, weights = hugging_face(
        "BertForSequenceClassification", num_labels=4, problem_type="multi_label_classification"
    )
    features = rows()
    indicators = features["label_indicators"][:, :4]
    assert 0 < indicators.sum(axis=1).min() < indicators.sum(axis=1).max()
    fed = {"attention_mask": "input_mask", "token_type_ids": "segment_ids"}
    fed = {theirs: torch.tensor(features[ours]).long() for theirs, ours in fed.items()}
    ids = torch.tensor(features["input_ids"]).long()
    with torch.no_grad():
        theirs = model(ids, labels=torch.tensor(indicators).float(), **fed)
    weights["output_weights"] = model.classifier.weight.detach().numpy()
    weights["output_bias"] = model.classifier.bias.detach().numpy()
    ours = run(MultiLabel("x", 4), features, weights=weights)
    assert set(weights) == set(ours.variables)
    np.testing.assert_allclose(ours.tensors["logits"], theirs.logits, atol=1e-5)
    np.testing.assert_allclose(ours.losses["multi_label_loss"], theirs.loss, rtol=1e-5)
    shares = torch.sigmoid(theirs.logits.double()).numpy()
    np.testing.assert_allclose(ours.tensors["probabilities"], shares, atol=1e-6)
    by_hand = -np.mean(indicators * np.log(shares) + (1 - indicators) * np.log1p(-shares), axis=1)
    np.testing.assert_allclose(ours.tensors["example_loss"], by_hand, rtol=1e-4)
    np.testing.assert_allclose(
        ours.metrics["exact_match"], np.mean(((shares >= 0.5) == indicators).all(axis=1))
    )


@pytest.mark.tf1
def test_multi_label_in_both_styles():
    """Google's mean over rows, ELECTRA's sum; labels that are not likely at all have no infinite
    loss."""
    features = rows()
    google = run(MultiLabel("t", 5), features, CONFIGS["electra"])
    electra = run(MultiLabel("t", 5, ElectraHeads("t")), features, CONFIGS["electra"])
    for result, reduce in ((google, np.mean), (electra, np.sum)):
        logits, right = result.tensors["logits"].astype(np.float64), features["label_indicators"]
        by_hand = np.mean(np.log1p(np.exp(logits)) - right * logits, axis=1)
        np.testing.assert_allclose(result.losses["multi_label_loss"], reduce(by_hand), rtol=1e-4)
    bias = {"output_bias": np.float32([1e4] * 5)}
    loss = run(MultiLabel("t", 5), features, weights=bias).losses["multi_label_loss"]
    np.testing.assert_allclose(loss, 1e4 * np.mean(1 - features["label_indicators"]), rtol=1e-3)


def test_tagging_is_hugging_faces():
    """But for the loss, which is theirs times the number of tagged tokens."""
    model, weights = hugging_face("BertForTokenClassification", num_labels=3)
    features = rows()
    has_tag = features["tag_ids"] >= 0
    theirs = answer(model, features, labels=np.where(has_tag, features["tag_ids"], -100))
    weights["output_weights"] = model.classifier.weight.detach().numpy()
    weights["output_bias"] = model.classifier.bias.detach().numpy()
    ours = run(Tagging("x", 3, GoogleHeads()), features, weights=weights)
    assert set(ours.variables) - set(weights) == {
        "bert/pooler/dense/kernel",
        "bert/pooler/dense/bias",
    }
    tensors, logits = ours.tensors, theirs["logits"]
    np.testing.assert_allclose(tensors["tag_logits"], logits, atol=1e-5)
    np.testing.assert_allclose(
        ours.losses["tagging_loss"], theirs["loss"] * np.sum(has_tag), rtol=1e-5
    )
    np.testing.assert_array_equal(tensors["tags"], np.argmax(logits, axis=-1))
    np.testing.assert_allclose(
        tensors["tag_probabilities"], np.exp(np.max(log_softmax(logits), axis=-1)), rtol=1e-4
    )
    assert tensors["tags"].dtype == np.int32 and tensors["tag_probabilities"].dtype == np.float32
    correct = np.argmax(logits, axis=-1)[has_tag] == features["tag_ids"][has_tag]
    np.testing.assert_allclose(ours.metrics["tagging_accuracy"], np.mean(correct))
    for row in range(len(has_tag)):
        places = np.flatnonzero(has_tag[row])
        of_row = -log_softmax(logits)[row, places, features["tag_ids"][row, places]]
        expected = np.mean(of_row) if len(places) else 0.0
        np.testing.assert_allclose(tensors["example_loss"][row], expected, rtol=1e-4)
    assert not has_tag[-1].any() and has_tag[0].any()


def test_questions_are_hugging_faces():
    model, weights = hugging_face("BertForQuestionAnswering")
    features = rows()
    labels = {name: features[name][:, 0] for name in ("start_positions", "end_positions")}
    theirs = answer(model, features, **labels)
    weights["cls/squad/output_weights"] = model.qa_outputs.weight.detach().numpy()
    weights["cls/squad/output_bias"] = model.qa_outputs.bias.detach().numpy()
    ours = run(Questions("x", GoogleHeads()), features, weights=weights)
    assert set(ours.variables) - set(weights) == {
        "bert/pooler/dense/kernel",
        "bert/pooler/dense/bias",
    }
    for name in ("start_logits", "end_logits"):
        np.testing.assert_allclose(ours.tensors[name], theirs[name], atol=1e-5)
    np.testing.assert_allclose(ours.losses["answer_loss"], theirs["loss"], rtol=1e-5)


# Objective -> shapes of its heads' variables, as released programs and models have them.
QA = {
    "dense": [HIDDEN, 1],
    "qa_hidden": [2 * HIDDEN, 512],
    "dense_1": [512, 1],
    "dense_2": [2 * HIDDEN, 512],
    "dense_3": [512, 1],
}
THREE = ("span", "yes", "no")
LAYERS = [
    (Classification("t", 5, ElectraHeads("t")), {"dense": [HIDDEN, 5]}),
    (MultiLabel("t", 5, ElectraHeads("t")), {"dense": [HIDDEN, 5]}),
    (Tagging("t", 7, ElectraHeads("t")), {"dense": [HIDDEN, 7]}),
    (Questions("t", ElectraHeads("t")), QA),
    (Questions("t", ElectraHeads("t"), ("span", "unanswerable")), QA),
    (
        Questions("t", ElectraHeads("t"), THREE),
        dict({k: QA[k] for k in ("dense", "qa_hidden", "dense_1")}, answer_kind=[HIDDEN, 3]),
    ),
    (
        Questions("t", ElectraHeads("t", QuestionOptions(answerable_uses_start_logits=False))),
        {**{k: QA[k] for k in ("dense", "qa_hidden", "dense_1")}, "dense_2": [HIDDEN, 1]},
    ),
    (
        Questions("t", ElectraHeads("t", QuestionOptions(False, False))),
        {"dense": [HIDDEN, 1], "dense_1": [HIDDEN, 1]},
    ),
    (
        Questions("t", ElectraHeads("t", QuestionOptions(joint_prediction=False))),
        {**QA, "dense_1": [HIDDEN, 1], "qa_hidden": None},
    ),
]


@pytest.mark.parametrize(("objective", "layers"), LAYERS)
def test_names_and_shapes_of_electra(objective, layers):
    expected = {}
    for name, shape in layers.items():
        if shape:
            expected["task_specific/t/{}/kernel".format(name)] = shape
            expected["task_specific/t/{}/bias".format(name)] = shape[1:]
    assert head_shapes(objective, CONFIGS["electra"]) == expected


def test_initial_values():
    """ELECTRA's kernels as Glorot and Bengio 2010 have it, uniform up to sqrt(6 / (in + out));
    Google's truncated normal, and all biases 0."""
    for heads, prefix in ((ElectraHeads("t"), "task_specific/"), (GoogleHeads(), "cls/squad/")):
        variables = run(Questions("t", heads), rows(), CONFIGS["electra"]).variables
        of_task = {k: v for k, v in variables.items() if k.startswith(prefix)}
        assert of_task
        for name, value in of_task.items():
            largest = np.max(np.abs(value))
            if name.endswith("bias"):
                assert largest == 0.0
            elif prefix == "cls/squad/":
                assert SIZES["initializer_range"] < largest < 2 * SIZES["initializer_range"]
            else:
                bound = np.sqrt(6.0 / sum(value.shape))
                assert 0.7 * bound < largest <= bound


@pytest.mark.parametrize(
    ("objective", "shapes"),
    [
        (Classification("t", 5), {"output_weights": [5, HIDDEN], "output_bias": [5]}),
        (MultiLabel("t", 5), {"output_weights": [5, HIDDEN], "output_bias": [5]}),
        (
            Tagging("t", 7, GoogleHeads()),
            {"output_weights": [7, HIDDEN], "output_bias": [7]},
        ),
        (
            Questions("t", GoogleHeads(), THREE),
            {
                "cls/squad/output_weights": [2, HIDDEN],
                "cls/squad/output_bias": [2],
                "output_weights": [3, HIDDEN],
                "output_bias": [3],
            },
        ),
        (
            Questions("t", GoogleHeads("t")),
            {
                "task_specific/t/cls/squad/output_weights": [2, HIDDEN],
                "task_specific/t/cls/squad/output_bias": [2],
            },
        ),
    ],
)
def test_names_and_shapes_of_google(objective, shapes):
    assert head_shapes(objective) == shapes


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        (Classification("t", 3), "classification_loss"),
        (Questions("t", GoogleHeads()), "answer_loss"),
        (Classification("t", 3, ElectraHeads("t")), "classification_loss"),
        (Questions("t", ElectraHeads("t")), "answer_loss"),
    ],
)
def test_a_mean_or_a_sum_over_rows(objective, loss):
    reduce = np.mean if isinstance(objective.heads, GoogleHeads) else np.sum
    result = run(objective, rows(), CONFIGS["electra"])
    expected = reduce(result.tensors["example_loss"])
    np.testing.assert_allclose(result.losses[loss], expected, rtol=1e-5)


def test_a_sum_is_divided_by_the_replicas():
    """Two replicas with the same rows: what is trained on is the sum over the rows of one."""

    class Two(OneReplica):
        def sum(self, tensors):
            return [2 * tensor for tensor in tensors]

    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("w", initializer=3.0, use_resource=True)
        tensor = tf.convert_to_tensor(weight)

        def forward(features):
            row_losses = tensor * features["x"]
            return Forward(
                {"loss": losses.summed(row_losses, tf.ones_like(row_losses))}, [(weight, tensor)]
            )

        joint = joint_gradients(forward, {"x": tf.constant([1.0, 4.0])}, 1, Two())
        session.run(tf.global_variables_initializer())
        assert session.run([joint.loss, joint.gradients[0]]) == [15.0, 5.0]
        # What the log shows is the mean of the rows, four on the two replicas.
        assert session.run(joint.shown) == {"loss": 7.5}


def test_the_loss_of_tags_is_shown_for_each_token():
    """Trained on is the sum over the batch, in micro-batches too; an evaluation has means."""
    features, objective = rows(), Tagging("x", 3, GoogleHeads())
    of_rows = np.sum(features["tag_ids"] >= 0, axis=1)
    by_hand = np.average(run(objective, features).tensors["example_loss"], weights=of_rows)
    for micro_batches in (1, 2):
        with tf.Graph().as_default(), tf.Session() as session:
            first, passes = ParameterStore(seed=1), []

            def forward(batch, first=first, passes=passes):
                passes.append(first.again() if passes else first)
                output = objective.build(CONFIGS["bert"], passes[-1], PlainKernels(3), batch, False)
                return Forward(output.losses, passes[-1].trainable())

            batch = {name: tf.constant(features[name]) for name in objective.feature_names}
            joint = joint_gradients(forward, batch, micro_batches, OneReplica())
            session.run(tf.global_variables_initializer())
            shown, total = session.run([joint.shown, joint.loss])
        assert list(shown) == ["loss", "tagging_loss"]
        np.testing.assert_allclose(list(shown.values()), by_hand, rtol=1e-5)
        np.testing.assert_allclose(total, by_hand * np.sum(of_rows), rtol=1e-5)


def test_electra_tags_are_summed_too():
    result = run(Tagging("t", 3, ElectraHeads("t")), rows(), CONFIGS["electra"])
    count = np.sum(rows()["tag_ids"] >= 0, axis=1)
    np.testing.assert_allclose(
        result.losses["tagging_loss"], np.sum(result.tensors["example_loss"] * count), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("objective", "logits", "dropped"),
    [
        (Classification("t", 3), "logits", True),
        (Tagging("t", 3, GoogleHeads()), "tag_logits", True),
        (Questions("t", GoogleHeads()), "start_logits", False),
        (Questions("t", GoogleHeads(), THREE), "kind_scores", True),
        (Classification("t", 3, ElectraHeads("t")), "logits", True),
        (Tagging("t", 3, ElectraHeads("t")), "tag_logits", False),
        (Questions("t", ElectraHeads("t")), "end_logits", False),
        (Questions("t", ElectraHeads("t"), THREE), "kind_scores", False),
    ],
)
def test_dropout_where_the_originals_have_it(objective, logits, dropped):
    """The encoder of these models drops nothing."""
    trained = run(objective, rows(), CONFIGS["electra"], is_training=True)
    still = run(objective, rows(), CONFIGS["electra"])
    difference = np.max(np.abs(trained.tensors[logits] - still.tensors[logits]))
    assert difference > 1e-3 if dropped else difference == 0.0
    np.testing.assert_array_equal(trained.tensors["sequence"], still.tensors["sequence"])
    assert not any(name.startswith("span_") for name in trained.tensors)


def test_kinds_without_spans_are_refused():
    with pytest.raises(ValueError, match="kinds of answers"):
        Questions("t", GoogleHeads(), ("yes", "no"))
    with pytest.raises(ValueError, match="kinds of answers"):
        Questions("t", GoogleHeads(), ("span", "maybe"))
