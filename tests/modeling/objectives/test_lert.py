"""LERT's network and losses against the numbers of the original program."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from kernel_kinds import EXACT_KERNELS

from common.errors import UserError
from common.tags import TAGS
from modeling import checkpoint, losses
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.objectives.lert import lip_weight
from modeling.parameters import ParameterStore
from optimization.config import OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

PAPER_STEPS = 2000000


def build(features, objective, config, kernels=PlainKernels):
    store = ParameterStore()
    inputs = {name: tf.constant(features[name]) for name in objective.feature_names}
    return store, objective.build(config, store, kernels(), inputs, is_training=False)


@needs_golden
@pytest.mark.parametrize("kernels", EXACT_KERNELS)
def test_the_golden_case(kernels):
    config = BertConfig.from_json_file(golden_cases.path("lert", "lert_config.json"))
    assert config.activation == "gelu_erf"
    prefix = checkpoint.resolve(golden_cases.path("lert"))
    expected = golden_cases.arrays("lert", "outputs.npz")
    objective = get_objective("lert").for_run(PAPER_STEPS)
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.create_global_step()
        store, output = build(golden_cases.batch_features("lert"), objective, config, kernels)
        plan = checkpoint.plan_loading(prefix, store.shapes(), config.source)
        assert not plan.new and not plan.unused
        checkpoint.initialize(prefix, plan.loaded)
        session.run(tf.global_variables_initializer())
        fetches = {name: ratio.value() for name, ratio in output.losses.items()}
        fetches.update({kind + "_logits": output.tensors[kind + "_logits"] for kind in TAGS})
        fetches["mlm_example_loss"] = output.tensors["masked_lm_example_loss"]
        found = session.run(fetches)
        found["mlm_loss"] = found.pop("masked_lm_loss")
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)
        weights = {name: ratio.weight for name, ratio in output.losses.items() if name[:3] in TAGS}
        total = losses.total(output.losses.values())
        for index, at in enumerate(expected["global_steps"]):
            step.load(at, session)
            value, shares = session.run([total, weights])
            np.testing.assert_allclose(value, expected["at_steps/total_loss"][index], rtol=1e-5)
            for kind in TAGS:
                np.testing.assert_allclose(
                    shares[kind + "_loss"],
                    expected["at_steps/{}_weight".format(kind)][index],
                    rtol=1e-5,
                )


@needs_golden
def test_names_of_a_training_checkpoint():
    config = BertConfig.from_json_file(golden_cases.path("lert", "lert_config.json"))
    names = golden_cases.settings("lert", "training_checkpoint_names.json")
    features = golden_cases.batch_features("lert")
    objective = get_objective("lert").for_run(10)
    with tf.Graph().as_default():
        step = tf.train.create_global_step()

        def forward(inputs):
            store = ParameterStore()
            output = objective.build(config, store, PlainKernels(), inputs, is_training=True)
            return Forward(output.losses, store.trainable())

        inputs = {name: tf.constant(features[name]) for name in objective.feature_names}
        settings = OptimizerConfig(learning_rate=1e-4, num_train_steps=10, num_warmup_steps=0)
        build_train_op(forward, inputs, settings, step, OneReplica())
        made = {variable.name.split(":")[0] for variable in tf.global_variables()}
    assert made == set(names["all"])


def tiny_features(labels):
    rows = len(labels)
    values = {
        "input_ids": np.full([rows, 8], 5),
        "input_mask": np.ones([rows, 8]),
        "segment_ids": np.zeros([rows, 8]),
        "masked_lm_positions": np.tile([1, 2, 0], [rows, 1]),
        "masked_lm_ids": np.tile([6, 7, 0], [rows, 1]),
    }
    values = {name: value.astype(np.int32) for name, value in values.items()}
    values["masked_lm_weights"] = np.tile([1.0, 1.0, 0.0], [rows, 1]).astype(np.float32)
    for kind in TAGS:
        values[kind + "_labels"] = np.array(labels, np.int32)
    return values


CONFIG = BertConfig(
    {
        "vocab_size": 40,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": 8,
    }
)


def test_an_unknown_tag_counts_nowhere():
    """Rows with labels (3, -1) and (-1, -1): one label counts, and only its own numbers."""
    objective = get_objective("lert").for_run(10, lip_steps=(0, 0, 0))
    with tf.Graph().as_default(), tf.Session() as session:
        features = tiny_features([[3, -1, -1], [-1, -1, -1]])
        _, output = build(features, objective, CONFIG)
        session.run(tf.global_variables_initializer())
        ratio, accuracy = output.losses["pos_loss"], output.metrics["pos_accuracy"]
        top, bottom, logits, asked = session.run(
            [ratio.numerator, ratio.denominator, output.tensors["pos_logits"], accuracy.denominator]
        )
        gradient = session.run(tf.gradients(ratio.value(), output.tensors["pos_logits"])[0])
    assert bottom == 1.0 and asked == 1.0
    expected = -logits[0][3] + np.log(np.sum(np.exp(logits[0])))
    np.testing.assert_allclose(top, expected, rtol=1e-5)
    assert np.any(gradient[0]) and not np.any(gradient[1:])
    assert np.all(np.isfinite(gradient))


def test_weights_of_short_and_continued_runs():
    short = get_objective("lert").for_run(2000)
    np.testing.assert_allclose(short.lip_steps, [333, 666, 1000])
    assert get_objective("lert").lip_steps == (0, 0, 0), "the registry's object was changed"
    with tf.Session() as session:
        steps = [0.0, 333.0, 5000.0]
        values = [session.run(lip_weight(tf.constant(s), 666)) for s in steps]
        np.testing.assert_allclose(values, [0.0, 0.5, 1.0])
        assert lip_weight(tf.constant(0.0), 0) == 1.0
    with pytest.raises(UserError, match="--lip_steps cannot be combined with the objective bert"):
        get_objective("bert").for_run(10, lip_steps=[1, 2, 3])
