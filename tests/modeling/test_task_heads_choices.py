"""Scores of choices: those of transformers' classes, and choices that a question does not have."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from huggingface_models import torch_weights
from task_models import CONFIGS, SIZES, head_shapes, log_softmax, rows, run

from modeling.objectives.choices import MultipleChoice
from modeling.objectives.classification import Classification
from modeling.objectives.several import Several
from modeling.task_heads import ElectraHeads, GoogleHeads

tf.disable_v2_behavior()
CHOICES = 3


def choice_rows(batch=4, seed=0):
    """Rows of CHOICES texts each, and the right choices."""
    flat = rows(batch * CHOICES, seed=seed)
    features = {
        name: flat[name].reshape(batch, CHOICES, -1)
        for name in ("input_ids", "input_mask", "segment_ids")
    }
    return dict(features, label_ids=flat["label_ids"][:batch])


def test_scores_are_hugging_faces():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(layer_norm_eps=1e-12, attn_implementation="eager", **SIZES)
    model = transformers.BertForMultipleChoice(config).eval()
    features = choice_rows()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        theirs = model(
            input_ids=torch.tensor(features["input_ids"]).long(),
            attention_mask=torch.tensor(features["input_mask"]).long(),
            token_type_ids=torch.tensor(features["segment_ids"]).long(),
            labels=torch.tensor(features["label_ids"][:, 0]).long(),
        )
    weights = torch_weights(model.bert)
    weights["output_weights"] = model.classifier.weight.detach().numpy()
    weights["output_bias"] = model.classifier.bias.detach().numpy()
    ours = run(MultipleChoice("x", CHOICES), features, weights=weights)
    assert set(weights) == set(ours.variables)
    scores = theirs.logits.numpy()
    np.testing.assert_allclose(ours.tensors["choice_scores"], scores, atol=1e-5)
    np.testing.assert_allclose(ours.losses["choice_loss"], theirs.loss.numpy(), rtol=1e-5)
    right = np.mean(scores.argmax(axis=-1) == features["label_ids"][:, 0])
    np.testing.assert_allclose(ours.metrics["choice_accuracy"], right)


@pytest.mark.parametrize("network", sorted(CONFIGS))
def test_each_choice_is_a_row_of_its_own(network):
    """The score of a choice is that of its text alone, by a layer of one output, in every network
    and both styles of heads."""
    config, features = CONFIGS[network], choice_rows()
    heads = ElectraHeads("x") if network == "electra" else GoogleHeads()
    result = run(MultipleChoice("x", CHOICES, heads), features, config)
    flat = {
        name: values.reshape(-1, values.shape[-1])
        for name, values in features.items()
        if name != "label_ids"
    }
    flat["label_ids"] = np.zeros((4 * CHOICES, 1), np.int32)
    single = run(Classification("x", 1, heads), flat, config, weights=result.variables)
    expected = single.tensors["logits"].reshape(4, CHOICES)
    np.testing.assert_allclose(result.tensors["choice_scores"], expected, atol=1e-5)
    losses = -log_softmax(expected)[np.arange(4), features["label_ids"][:, 0]]
    np.testing.assert_allclose(result.tensors["example_loss"], losses, rtol=1e-4)


def test_a_choice_without_a_token_does_not_exist():
    features = choice_rows()
    features["label_ids"][:] = 0
    for name in ("input_ids", "input_mask", "segment_ids"):
        features[name][:, -1] = 0
    whole = run(MultipleChoice("x", CHOICES), features)
    fewer = {n: v if n == "label_ids" else v[:, :-1] for n, v in features.items()}
    without = run(MultipleChoice("x", CHOICES - 1), fewer, weights=whole.variables)
    np.testing.assert_allclose(
        whole.tensors["choice_scores"][:, :-1], without.tensors["choice_scores"], atol=1e-5
    )
    assert (whole.tensors["choice_scores"][:, -1] < -5000).all()
    np.testing.assert_allclose(
        whole.losses["choice_loss"], without.losses["choice_loss"], rtol=1e-5
    )


def test_names_and_mixtures():
    features = choice_rows()
    variables = run(MultipleChoice("x", CHOICES), features).variables
    shapes = {n: list(v.shape) for n, v in variables.items() if not n.startswith("bert/")}
    assert shapes == {"output_weights": [1, SIZES["hidden_size"]], "output_bias": [1]}
    assert head_shapes(Classification("x", 1)) == shapes
    with pytest.raises(ValueError, match="several texts cannot be mixed"):
        Several(
            [MultipleChoice("x", 2, GoogleHeads("x")), Classification("y", 2, GoogleHeads("y"))]
        )
