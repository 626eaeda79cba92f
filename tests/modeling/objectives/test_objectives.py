"""Losses as numerators and denominators, by hand."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from record_files import TINY_CONFIG, learnable_records

from common.errors import UserError
from modeling import losses
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import OBJECTIVES, get_objective
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


def test_ratio_by_hand():
    logits = np.float32([[0, 0], [0, np.log(3)], [5, 0]])
    with tf.Graph().as_default(), tf.Session() as session:
        labels = tf.constant([0, 1, 1])
        nll = losses.cross_entropy(tf.constant(logits), labels)
        weights = tf.constant([1.0, 2.0, 0.0])
        ratio = losses.weighted_ratio(nll, weights, epsilon=1e-5)
        correct = losses.accuracy_ratio(tf.constant(logits), labels, weights)
        top, bottom, value, right = session.run(
            [ratio.numerator, ratio.denominator, ratio.value(), correct.value()]
        )
    assert top == pytest.approx(np.log(2) + 2 * np.log(4 / 3), rel=1e-6)
    assert bottom == 3.0
    assert value == pytest.approx(top / 3.00001, rel=1e-6)
    assert right == pytest.approx(1.0)  # argmax takes the first of equals


def sums_of(objective_name, records):
    objective = get_objective(objective_name)
    features = {
        name: tf.constant(
            np.stack([r[name] for r in records]),
            tf.float32 if name == "masked_lm_weights" else tf.int32,
        )
        for name in objective.feature_names
    }
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        store = ParameterStore()
        output = objective.build(
            BertConfig(TINY_CONFIG), store, PlainKernels(), features, is_training=False
        )
    return store, output


def test_sums_of_halves_add_up_to_the_whole():
    """What a mean of batch means would get wrong."""
    records = learnable_records(7)
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = [sums_of("bert", part)[1] for part in (records, records[:2], records[2:])]
        session.run(tf.global_variables_initializer())
        ratios = [dict(o.losses, **o.metrics) for o in outputs]
        pairs = [{n: (r.numerator, r.denominator) for n, r in part.items()} for part in ratios]
        whole, first, second = session.run(pairs)
    assert sorted(whole) == [
        "masked_lm_accuracy",
        "masked_lm_loss",
        "next_sentence_accuracy",
        "next_sentence_loss",
    ]
    for name in whole:
        np.testing.assert_allclose(
            whole[name], np.add(first[name], second[name]), rtol=1e-5, err_msg=name
        )
    weights = sum(float(np.sum(r["masked_lm_weights"])) for r in records)
    assert whole["masked_lm_loss"][1] == whole["masked_lm_accuracy"][1] == weights
    assert whole["next_sentence_loss"][1] == whole["next_sentence_accuracy"][1] == 7
    assert ratios[0]["masked_lm_loss"].epsilon == 1e-5
    assert ratios[0]["next_sentence_loss"].epsilon == 0.0


def test_roberta_trains_neither_pooler_nor_sentence_head_but_has_them():
    with tf.Graph().as_default():
        store, output = sums_of("roberta", learnable_records(2))
        assert list(output.losses) == ["masked_lm_loss"]
        assert list(output.metrics) == ["masked_lm_accuracy"]
        loss = output.losses["masked_lm_loss"].value()
        grads = tf.gradients(loss, [tensor for _, tensor in store.trainable()])
        unreached = [p.variable.op.name for p, g in zip(store.trainable(), grads) if g is None]
        assert unreached == [
            "bert/pooler/dense/kernel",
            "bert/pooler/dense/bias",
            "cls/seq_relationship/output_weights",
            "cls/seq_relationship/output_bias",
        ]


def test_registry():
    assert all(objective.name == name for name, objective in OBJECTIVES.items())
    assert "next_sentence_labels" in get_objective("bert").feature_names
    with pytest.raises(
        UserError, match="objective 'gpt' is not known; known are albert, bert, electra"
    ):
        get_objective("gpt")
