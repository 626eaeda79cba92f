"""Soft labels of fine-tuned teachers against plain numpy, for all kinds of tasks and heads."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from task_models import CONFIGS, log_softmax, rows, run

from common.errors import UserError
from modeling.config import BertConfig
from modeling.distillation.distilled import Distilled, check_objective
from modeling.distillation.options import DistillationOptions
from modeling.distillation.teacher import NetworkTeacher
from modeling.kernels import PlainKernels
from modeling.layer_depths import layers_below_heads
from modeling.objectives.choices import MultipleChoice
from modeling.objectives.classification import Classification
from modeling.objectives.multi_label import MultiLabel
from modeling.objectives.questions import ANSWER_KINDS, Questions
from modeling.objectives.several import Several
from modeling.objectives.tagging import Tagging
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions
from optimization.layerwise_rates import rate_factor

tf.disable_v2_behavior()

T = 3.0
APART = QuestionOptions(joint_prediction=False, answerable_classifier=False)
DEEP = BertConfig(dict(CONFIGS["bert"].to_dict(), num_hidden_layers=2))
ELECTRA = CONFIGS["electra"]


class Still(PlainKernels):
    """Without the dropout that heads always have in training."""

    def dropout(self, x, rate):
        return x


def softened(scores):
    return log_softmax(np.float64(scores) / T)


def kl(own, others):
    """T^2 KL of the teacher's distribution from the student's, over the last axis."""
    own, others = softened(own), softened(others)
    return T**2 * np.sum(np.exp(others) * (others - own), axis=-1)


def of_decisions(own, others):
    pairs = [np.stack([np.zeros_like(x), x], axis=-1) for x in (own, others)]
    return np.mean(kl(*pairs), axis=-1)


def within(features, scores):
    """Scores without those of tokens that cannot be in an answer."""
    can_be = (features["segment_ids"] == 1) & (features["input_mask"] == 1)
    can_be[:, 0] = True
    return np.where(can_be, scores, -1e9)


def mean(values, weights=None):
    return np.average(values, weights=weights)


def of_answers(features, own, others):
    return {
        side + "_soft_label_loss": mean(
            kl(*(within(features, x[side + "_logits"]) for x in (own, others)))
        )
        for side in ("start", "end")
    }


def of_tags(features, own, others):
    """A sum over the tokens with tags, as the loss of hard ones."""
    has_tag = features["tag_ids"] >= 0
    return {"soft_label_loss": np.sum(kl(own["tag_logits"], others["tag_logits"]) * has_tag)}


def of_kinds(features, own, others):
    expected = of_answers(features, own, others)
    expected["kind_soft_label_loss"] = mean(kl(own["kind_scores"], others["kind_scores"]))
    return expected


def summed(function):
    """ELECTRA's losses are sums over rows."""
    return lambda features, *pair: {
        name: value * len(features["input_ids"])
        for name, value in function(features, *pair).items()
    }


def of_classes(features, own, others):
    del features
    return {"soft_label_loss": mean(kl(own["logits"], others["logits"]))}


def of_choices(features, own, others):
    del features
    return {"soft_label_loss": mean(kl(own["choice_scores"], others["choice_scores"]))}


def of_labels(features, own, others):
    del features
    return {"soft_label_loss": mean(of_decisions(own["logits"], others["logits"]))}


# name -> (student, its config, teacher's heads, its config, function (features, tensors of the
# student, of the teacher) -> the losses).
CASES = {
    "classes": (Classification("x", 3), CONFIGS["bert"], GoogleHeads(), DEEP, of_classes),
    "of electra": (
        Classification("x", 3),
        CONFIGS["bert"],
        ElectraHeads("y"),
        ELECTRA,
        of_classes,
    ),
    "for electra": (
        Classification("x", 3, ElectraHeads("x")),
        ELECTRA,
        GoogleHeads("x"),
        DEEP,
        summed(of_classes),
    ),
    "labels": (MultiLabel("x", 5), CONFIGS["albert"], GoogleHeads(), DEEP, of_labels),
    "tags": (Tagging("x", 3, GoogleHeads()), CONFIGS["bert"], ElectraHeads("x"), ELECTRA, of_tags),
    "choices": (MultipleChoice("x", 4), CONFIGS["bert"], GoogleHeads(), DEEP, of_choices),
    "answers": (
        Questions("x", GoogleHeads()),
        CONFIGS["bert"],
        ElectraHeads("x", APART),
        ELECTRA,
        of_answers,
    ),
    "kinds": (
        Questions("x", GoogleHeads(), ANSWER_KINDS),
        CONFIGS["bert"],
        GoogleHeads("y"),
        DEEP,
        of_kinds,
    ),
    "joint": (
        Questions("x", ElectraHeads("x")),
        ELECTRA,
        ElectraHeads("x"),
        ELECTRA,
        summed(of_kinds),
    ),
}


def features_of(name):
    if name != "choices":
        return rows()
    features = rows(batch=8)
    of_pieces = ("input_ids", "input_mask", "segment_ids")
    features.update((n, features[n].reshape(2, 4, 12)) for n in of_pieces)
    features["label_ids"] = features["label_ids"][:2]
    features["input_mask"][1, 3] = 0  # a choice that is not there
    return features


def train(objective, config, heads, teacher_config, features, options):
    """(losses by name, their weights, weights of the student, of the teacher by its own names)."""
    teacher = NetworkTeacher(objective.of_teacher().with_heads(heads), teacher_config)
    distilled = Distilled(objective, options, teacher)
    distilled.check(config)
    with tf.Graph().as_default(), tf.Session() as session:
        fed = {name: tf.constant(features[name]) for name in objective.feature_names}
        kernels = Still()
        output = distilled.build(config, ParameterStore(1), kernels, fed, kernels)
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        losses = session.run({n: ratio.value() for n, ratio in output.losses.items()})
        weights = {n: ratio.weight for n, ratio in output.losses.items()}
        of_student = session.run({v.op.name: v for v in tf.global_variables()})
        of_teacher = session.run({v.op.name: v for v in tf.local_variables()})
    of_teacher = {name[len("teacher/") :]: value for name, value in of_teacher.items()}
    return losses, weights, of_student, of_teacher


@pytest.mark.tf1
@pytest.mark.parametrize("name", CASES)
def test_soft_labels_are_those_of_both_models(name):
    objective, config, heads, teacher_config, expect = CASES[name]
    features = features_of(name)
    options = DistillationOptions(distill_temperature=T, hard_label_weight=0.0)
    losses, weights, *values = train(objective, config, heads, teacher_config, features, options)
    of_teacher = objective.of_teacher().with_heads(heads)._objective
    # Heads of ELECTRA's questions compute another loss, and more, out of training.
    own = run(objective, features, config, values[0], is_training=False)
    others = run(of_teacher, features, teacher_config, values[1], is_training=False)
    assert set(own.variables) == set(values[0]) and set(others.variables) == set(values[1])
    expected = expect(features, own.tensors, others.tensors)
    assert set(losses) == set(expected)
    for loss, value in expected.items():
        assert value > 1e-4
        np.testing.assert_allclose(losses[loss], value, rtol=2e-4, err_msg=loss)
    if "start_soft_label_loss" in losses:
        assert weights["start_soft_label_loss"] == weights["end_soft_label_loss"] == 0.5
    if name == "joint":
        assert weights["kind_soft_label_loss"] == 0.5  # --answerable_weight


@pytest.mark.tf1
def test_soft_labels_of_answers_do_not_depend_on_padding():
    features, options = rows(), DistillationOptions(hard_label_weight=0.0)
    padded = dict(features)
    for name in ("input_ids", "input_mask", "segment_ids"):
        padded[name] = np.pad(features[name], ((0, 0), (0, 5)))
    objective, *others, _ = CASES["answers"]
    short, long = (train(objective, *others, fed, options)[0] for fed in (features, padded))
    for name, value in short.items():
        np.testing.assert_allclose(long[name], value, rtol=1e-5)


@pytest.mark.tf1
def test_layers_of_choices_are_compared():
    """Of all sequences of a row, through a layer of the student's own."""
    objective, config, heads, *_ = CASES["choices"]
    wide = dict(DEEP.to_dict(), hidden_size=48, num_attention_heads=4)
    options = DistillationOptions(
        hidden_weight=1.0, attention_weight=1.0, hard_label_weight=0.0, relation_heads=6
    )
    losses, _, of_student, _ = train(
        objective, config, heads, BertConfig(wide), features_of("choices"), options
    )
    assert losses["hidden_loss"] > 0 and losses["attention_loss"] > 0
    # Layer-wise rates know the layer.
    factor = rate_factor(0.5, layers_below_heads(config))
    own = [name for name in of_student if name.startswith("distillation/")]
    assert sorted(own) == ["distillation/hidden_1_to_2/" + n for n in ("bias", "kernel")]
    assert [factor(name) for name in own] == [1.0, 1.0]


def test_what_cannot_be_compared_is_refused():
    for objective, heads, said in (
        (
            Questions("cmrc2018", GoogleHeads()),
            ElectraHeads("cmrc2018"),
            "soft labels of cmrc2018 cannot be compared: the teacher predicts ends given their "
            "starts, the student without their starts; fine-tune both with one --joint_prediction, "
            "or compare layers alone: --soft_label_weight=0",
        ),
        (
            Questions("squad", ElectraHeads("squad", QuestionOptions(joint_prediction=False))),
            GoogleHeads(),
            "soft labels of squad cannot be compared: the teacher predicts kinds of answers "
            "(none), the student others (span, unanswerable); fine-tune both with one "
            "--answerable_classifier, or compare layers alone: --soft_label_weight=0",
        ),
    ):
        with pytest.raises(UserError) as error:
            objective.of_teacher().with_heads(heads)
        assert str(error.value) == said
    several = Several([Classification("a", 2, GoogleHeads("a")), MultiLabel("b", 2)])
    with pytest.raises(UserError) as error:
        check_objective(several, DistillationOptions())
    assert str(error.value) == (
        "--teacher_checkpoint cannot be combined with a,b: a teacher is of one task; train the "
        "tasks one by one"
    )
