"""Student and teacher in one graph: what is compared, what is trained, what is refused."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import TINY_CONFIG, learnable_records

from common.errors import UserError
from common.features import MASKED_LM, ROW
from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, ElectraConfig
from modeling.distillation.distilled import Distilled
from modeling.distillation.options import PretrainingDistillationOptions
from modeling.distillation.teacher import NetworkTeacher
from modeling.kernels import make_kernels
from modeling.losses import total
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

STUDENT = dict(TINY_CONFIG, hidden_size=24, num_hidden_layers=2, intermediate_size=48)
TEACHER = dict(TINY_CONFIG, num_hidden_layers=3, num_attention_heads=4, type_vocab_size=3)
ALL_LOSSES = {
    "hard_label_weight": 0.5,
    "soft_label_weight": 2.0,
    "hidden_weight": 3.0,
    "hidden_layers": "0:0,2:3",
    "attention_weight": 4.0,
}


def placeholders_and_feed():
    rows = learnable_records(6)
    feed, features = {}, {}
    for name in (*ROW, *MASKED_LM):
        values = np.stack([row[name] for row in rows])
        dtype = tf.float32 if values.dtype == np.float32 else tf.int32
        features[name] = tf.placeholder(dtype, [None, values.shape[1]])
        feed[features[name]] = values
    return features, feed


class Built:
    """A student with its teacher in the default graph."""

    def __init__(self, options, student=None, teacher=None, objective="roberta"):
        objective = get_objective(objective)
        self.config = BertConfig(student or STUDENT)
        teacher = NetworkTeacher(objective.of_teacher(), teacher or BertConfig(TEACHER))
        self.options = PretrainingDistillationOptions.of(options, "--teacher_checkpoint")
        distilled = Distilled(objective, self.options, teacher)
        distilled.check(self.config)
        self.features, self.feed = placeholders_and_feed()
        self.store = ParameterStore(seed=1)
        kernels = make_kernels(), make_kernels()
        self.output = distilled.build(
            self.config, self.store, kernels[0], self.features, kernels[1]
        )
        # What is compared, built once more of the same variables.
        again = self.store.again()
        positions = self.options.soft_positions()
        self.teacher = teacher.outputs(again, kernels[1], self.features, positions)
        built = objective.build(self.config, again, kernels[0], self.features, True)
        self.student_hidden = [built.tensors["encoder"].embedding_output]
        self.student_hidden += built.tensors["encoder"].all_encoder_layers
        self.student_logits = built.tensors.get("masked_lm_logits")
        self.own = built.losses

    def run(self, fetches):
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
            return session.run(fetches, self.feed)


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_the_losses_of_a_step_by_hand():
    """Weights, sums over layers, what is masked; the projection stands between the widths."""
    with tf.Graph().as_default():
        built = Built(ALL_LOSSES)
        losses = built.output.losses
        assert list(losses) == [
            "masked_lm_loss",
            "soft_label_loss",
            "hidden_loss",
            "attention_loss",
        ]
        assert [ratio.weight for ratio in losses.values()] == [0.5, 2.0, 3.0, 4.0]
        projections = [v for v in tf.trainable_variables() if v.name.startswith("distillation/")]
        fetched = built.run(
            {
                "values": {name: ratio.value() for name, ratio in losses.items()},
                "own": built.own["masked_lm_loss"].value(),
                "total": total(losses.values()),
                "student": built.student_hidden,
                "teacher": built.teacher.hidden,
                "logits": [built.student_logits, built.teacher.soft_labels[0].logits],
                "projections": {v.name[:-2]: v for v in projections},
                "features": built.features,
            }
        )
    values, features = fetched["values"], fetched["features"]
    assert values["masked_lm_loss"] == pytest.approx(fetched["own"], rel=1e-6)
    q, p = (softmax(x / 2.0) for x in fetched["logits"])
    divergence = 4.0 * np.sum(p * np.log(p / q), axis=-1)
    weights = features["masked_lm_weights"].ravel()
    assert values["soft_label_loss"] == pytest.approx(
        (divergence * weights).sum() / weights.sum(), rel=1e-4
    )
    mask, wanted = features["input_mask"], 0.0
    for own, other in ((0, 0), (2, 3)):
        name = "distillation/hidden_{}_to_{}/".format(own, other)
        states = fetched["student"][own] @ fetched["projections"][name + "kernel"]
        states = states + fetched["projections"][name + "bias"]
        teacher = fetched["teacher"][other]
        norms = np.linalg.norm(states, axis=-1) * np.linalg.norm(teacher, axis=-1)
        wanted += (mask * (1 - (states * teacher).sum(axis=-1) / norms)).sum() / mask.sum()
    assert values["hidden_loss"] == pytest.approx(wanted, rel=1e-4)
    parts = np.array(list(values.values())) * [0.5, 2.0, 3.0, 4.0]
    assert fetched["total"] == pytest.approx(parts.sum(), rel=1e-5)


def test_soft_labels_of_all_tokens():
    with tf.Graph().as_default():
        built = Built({"soft_label_positions": "all"})
        ratio = built.output.losses["soft_label_loss"]
        denominator, mask = built.run([ratio.denominator, built.features["input_mask"]])
    assert denominator == mask.sum()


def test_gradients_reach_the_student_only():
    with tf.Graph().as_default():
        built = Built(ALL_LOSSES)
        loss = total(built.output.losses.values())
        trainable = built.store.trainable()
        assert not [p.variable.name for p in trainable if p.variable.name.startswith("teacher/")]
        reached = tf.gradients(loss, [p.tensor for p in trainable])
        unreached = {
            p.variable.name.split("/")[1] for p, slope in zip(trainable, reached) if slope is None
        }
        assert unreached == {"pooler", "seq_relationship"}  # roberta has them and no loss of them
        of_teacher = [v for v in tf.local_variables() if v.name.startswith("teacher/")]
        assert len(of_teacher) > 40 and not set(of_teacher) & set(tf.global_variables())
        assert tf.gradients(loss, of_teacher) == [None] * len(of_teacher)


@pytest.mark.parametrize("options", [{}, {"hidden_weight": 1.0, "soft_label_weight": 0.0}])
@pytest.mark.parametrize("family", ["albert", "electra"])
def test_teachers_of_other_families(family, options):
    """ELECTRA's generator predicts words; where layers alone are compared, its discriminator is
    the teacher."""
    values = dict(TEACHER, embedding_size=16)
    config = {"albert": AlbertConfig, "electra": ElectraConfig}[family](values)
    of_teacher = get_objective("roberta").of_teacher()
    config = of_teacher.network_config(config, (), "x", not options)
    with tf.Graph().as_default():
        built = Built(options, teacher=config)
        names = [v.name for v in tf.local_variables()]
        assert np.isfinite(built.run(total(built.output.losses.values())))
    beginning = {"albert": "teacher/bert/", "electra": "teacher/generator/"}[family]
    if family == "electra" and options:
        beginning = "teacher/electra/encoder/layer_2/"
    assert [name for name in names if name.startswith(beginning)]
    has_head = bool([n for n in names if "predictions/" in n])
    assert has_head == (not options)


@pytest.mark.parametrize(
    ("objective", "changes", "message"),
    [
        ("electra", {}, "electra: the discriminator reads tokens that its generator draws anew"),
        ("pert", {}, "pert: it predicts no words; give --soft_label_weight=0"),
        (
            "roberta",
            {"attention_weight": 1.0, "attention_loss": "maps"},
            "the student has 2 (config), the teacher 4 (config); take --attention_loss=minilm",
        ),
        (
            "roberta",
            {"attention_weight": 1.0, "relation_heads": 5},
            "hidden_size 24 of the student (config) cannot be cut into 5 heads",
        ),
        (
            "roberta",
            {"hidden_weight": 1.0, "hidden_layers": "9:1"},
            "the student has layers 0 to 2",
        ),
    ],
)
def test_what_cannot_be_compared(objective, changes, message):
    with tf.Graph().as_default(), pytest.raises(UserError) as caught:
        Built(changes, objective=objective)
    assert message in str(caught.value)
