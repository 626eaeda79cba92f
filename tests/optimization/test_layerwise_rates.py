"""Learning rates that differ from layer to layer."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from task_models import CONFIGS, SIZES, rows

from common.errors import UserError
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.layer_depths import layers_below_heads
from modeling.objectives import get_objective
from modeling.objectives.classification import Classification
from modeling.objectives.questions import Questions
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads
from optimization.config import OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op

tf.disable_v2_behavior()

DECAY = 0.5
RATE = 0.01
BERT = BertConfig(dict(SIZES, num_hidden_layers=12))


def settings(optimizer="adamw", decay=DECAY, **changes):
    return OptimizerConfig(
        RATE, 10**6, optimizer=optimizer, layerwise_lr_decay=decay, clip_norm=1e9, **changes
    )


@pytest.mark.parametrize(
    ("name", "power"),
    [
        ("bert/embeddings/word_embeddings", 14),
        ("bert/embeddings/LayerNorm/gamma", 14),
        ("bert/encoder/layer_0/attention/self/key/bias", 13),
        ("bert/encoder/layer_1/output/dense/kernel", 12),
        ("bert/encoder/layer_10/output/dense/kernel", 3),
        ("bert/encoder/layer_11/output/LayerNorm/beta", 2),
        ("bert/pooler/dense/kernel", 0),
        ("output_weights", 0),
        ("output_bias", 0),
        ("cls/squad/output_weights", 0),
        ("task_specific/cmrc2018/dense_1/kernel", 0),
    ],
)
def test_factors(name, power):
    factor = settings().rate_factor(layers_below_heads(BERT))
    assert factor(name) == DECAY**power


@pytest.mark.parametrize("network", ["bert", "electra"])
def test_every_variable_of_a_task_has_one(network):
    config, layers = CONFIGS[network], layers_below_heads(CONFIGS[network])
    factor, powers = settings().rate_factor(layers), set()
    for heads in (GoogleHeads(), ElectraHeads("t")):
        with tf.Graph().as_default():
            store, objective = ParameterStore(), Questions("t", heads, ("span", "unanswerable"))
            features = {name: tf.constant(rows()[name]) for name in objective.feature_names}
            objective.build(config, store, PlainKernels(), features, False)
        powers |= {factor(name) for name in store.shapes()}
    assert powers == {1.0, DECAY**2, DECAY**3}


@pytest.mark.parametrize("decay", [None, 1.0])
def test_no_decay_needs_no_layers(decay):
    assert settings(decay=decay).rate_factor(None) is None
    assert settings(decay=decay).rate_factor(layers_below_heads(BERT)) is None


def test_a_decay_needs_layers():
    with pytest.raises(ValueError, match="distances"):
        settings().make(RATE)


@pytest.mark.parametrize("network", ["albert", "albert_zh"])
def test_shared_layers_have_no_depth(network):
    with pytest.raises(UserError, match=r"--layerwise_lr_decay.*share their weights"):
        layers_below_heads(CONFIGS[network])


def test_a_config_of_json():
    saved = json.loads(json.dumps(dataclasses.asdict(settings())))
    assert OptimizerConfig(**saved) == settings()
    assert OptimizerConfig(RATE, 10).layerwise_lr_decay is None


def moved(config, optimizer_config, layers):
    """How far one update takes each variable: (dict before, dict after)."""
    objective, first = Classification("t", 3), ParameterStore(5)
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(rows()[name]) for name in objective.feature_names}

        def forward(features):
            output = objective.build(config, first, PlainKernels(), features, True)
            return Forward(output.losses, first.trainable())

        step = tf.train.get_or_create_global_step()
        train = build_train_op(
            forward, features, optimizer_config, step, OneReplica(), layers=layers
        )
        session.run(tf.global_variables_initializer())
        weights = {p.variable.op.name: p.variable for p in first.trainable()}
        before = session.run(weights)
        session.run(train.op)
        return before, session.run(weights)


@pytest.mark.parametrize("optimizer", ["adamw", "lamb", "lamb_albert"])
def test_an_update_is_the_plain_one_by_the_factor(optimizer):
    config = CONFIGS["bert"]
    layers = layers_below_heads(config)
    before, after = moved(config, settings(optimizer), layers)
    same_before, plain = moved(config, settings(optimizer, decay=None), None)
    factor = settings().rate_factor(layers)
    assert len(before) > 20
    for name, weight in before.items():
        np.testing.assert_array_equal(weight, same_before[name])
        if name.endswith("key/bias"):
            continue  # its gradient is 0 but for rounding
        difference = plain[name] - weight
        assert np.max(np.abs(difference)) > 1e-5, name
        np.testing.assert_allclose(
            after[name] - weight, difference * factor(name), rtol=0, atol=3e-7, err_msg=name
        )


def test_a_variable_of_no_layer_stops():
    """Rates of pre-training are not layer-wise."""
    config, objective = CONFIGS["bert"], get_objective("roberta")
    factor = settings().rate_factor(layers_below_heads(config))
    with pytest.raises(UserError, match="variable cls/predictions/output_bias is in none"):
        factor("cls/predictions/output_bias")
    with tf.Graph().as_default():
        store, features = ParameterStore(), rows(2)
        features = {name: tf.constant(features[name]) for name in features}
        features.update(
            masked_lm_positions=tf.ones([2, 1], tf.int32),
            masked_lm_ids=tf.ones([2, 1], tf.int32),
            masked_lm_weights=tf.ones([2, 1]),
        )

        def forward(features):
            output = objective.build(config, store, PlainKernels(), features, True)
            return Forward(output.losses, store.trainable())

        step = tf.train.get_or_create_global_step()
        with pytest.raises(UserError, match=r"--layerwise_lr_decay=0\.5: variable cls/predictions"):
            build_train_op(
                forward,
                features,
                settings(),
                step,
                OneReplica(),
                layers=layers_below_heads(config),
            )
