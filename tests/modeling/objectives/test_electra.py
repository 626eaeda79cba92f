"""ELECTRA's networks, losses and updates against the numbers of the original program."""

import re

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from kernel_kinds import EXACT_KERNELS

from data.rows.corruptions.graph_sampling import mask_drawn
from modeling import checkpoint, losses
from modeling.config_families import read_config
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore
from optimization.config import OptimizerConfig
from optimization.gradients import Forward
from optimization.replicas import OneReplica
from optimization.train_op import build_train_op

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

MASK_PROB, KEPT = 0.25, 0.85  # of the golden cases


def pinned(kind, draws):
    """Kernels of the class `kind` whose draws are given."""
    kernels = kind()
    kernels.uniform = lambda shape: tf.reshape(draws, shape)
    return kernels


def discriminator(case):
    return read_config(golden_cases.path(case, "discriminator_config.json"))


def objective_for(case):
    """The objective with the generator of the case's JSON file."""
    generator = read_config(golden_cases.path(case, "generator_config.json"))
    return get_objective("electra").for_run(10, generator_config_file=generator)


def masked(case):
    """The inputs of a case as the sampler makes them of the pinned draws; and those draws."""
    draws = golden_cases.arrays(case, "inputs.npz")
    features = {n: tf.constant(draws[n]) for n in ("input_ids", "input_mask", "segment_ids")}
    lengths = draws["input_mask"].sum(axis=1)
    wanted = np.clip(np.round(lengths * MASK_PROB), 1, draws["mask_position_draws"].shape[1])
    predictions, ids = mask_drawn(
        features["input_ids"],
        tf.constant(draws["mask_position_draws"]),
        tf.constant(draws["mask_replace_uniform"] < KEPT),
        tf.constant(wanted.astype(np.int32)),
        4,
    )
    features.update(predictions, masked_input_ids=ids)
    return features, draws["sample_uniform"]


@needs_golden
@pytest.mark.parametrize("kernels", EXACT_KERNELS)
def test_the_golden_case(kernels):
    expected = golden_cases.arrays("electra", "outputs.npz")
    config = discriminator("electra")
    with tf.Graph().as_default(), tf.Session() as session:
        features, draws = masked("electra")
        store = ParameterStore()
        output = objective_for("electra").build(
            config, store, pinned(kernels, draws), features, is_training=False
        )
        variables = golden_cases.settings("electra", "variables.json")
        assert [(v["name"], v["shape"]) for v in variables] == list(store.shapes().items())
        prefix = checkpoint.resolve(golden_cases.path("electra"))
        plan = checkpoint.plan_loading(prefix, store.shapes(), config.source)
        assert not plan.new and not plan.unused and not any(warns for warns, _ in plan.lines())
        checkpoint.initialize(prefix, plan.loaded)
        session.run(tf.global_variables_initializer())
        found = session.run(fetches(output, features))
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value.dtype.kind == "i":
            np.testing.assert_array_equal(found[name].reshape(value.shape), value, err_msg=name)
        else:
            found[name] = found[name].reshape(value.shape)
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5, err_msg=name)


@needs_golden
def test_layers_are_chosen_for_the_discriminator_alone():
    prefix = checkpoint.resolve(golden_cases.path("electra"))
    shapes = checkpoint.read_shapes(prefix)
    loaded = checkpoint.plan_loading(prefix, shapes, "config", init_layers=[1, 0]).loaded
    name = "/encoder/layer_0/output/dense/bias"
    assert loaded["electra" + name] == "electra" + name.replace("_0", "_1")
    assert loaded["generator" + name] == "generator" + name


@needs_golden
def test_what_of_a_checkpoint_is_missing_is_told_apart():
    prefix = checkpoint.resolve(golden_cases.path("electra"))
    plan = checkpoint.plan_loading(prefix, checkpoint.read_shapes(prefix), "config")

    def warnings(pattern):
        new = [name for name in plan.loaded if re.match(pattern, name)]
        kept = {name: name for name in plan.loaded if name not in new}
        return [text for warns, text in plan._replace(loaded=kept, new=new).lines() if warns]

    (whole,) = warnings("generator")
    assert whole.startswith("the generator is not in ") and "alone was released" in whole
    (head,) = warnings("generator_predictions/")
    assert head.startswith("the masked-LM head is not in ")
    (head,) = warnings("discriminator_predictions/")
    assert head.startswith("the discriminator's head is not in ")
    for part in ("generator/encoder/layer_1/", "electra/embeddings_project/"):
        (body,) = warnings(part)
        assert "is not whole, by config config: " + part in body


def fetches(output, features):
    """What outputs.npz holds, by its names."""
    tensors, ratios = output.tensors, output.losses
    logits, disc = tensors["masked_lm_logits"], tensors["disc_logits"]
    weights = tf.cast(features["input_mask"], tf.float32)
    found = {
        "masked/input_ids": features["masked_input_ids"],
        "generator/mlm_logits": logits,
        "generator/mlm_log_probs": tf.nn.log_softmax(logits),
        "generator/mlm_preds": tf.argmax(logits, axis=-1, output_type=tf.int32),
        "generator/mlm_per_example_loss": tensors["masked_lm_example_loss"],
        "generator/mlm_loss": ratios["masked_lm_loss"].value(),
        "sampled_ids": tensors["sampled_ids"],
        "fake/input_ids": tensors["fake_ids"],
        "fake/is_fake_tokens": tensors["is_fake"],
        "discriminator/logits": disc,
        "discriminator/probs": tf.sigmoid(disc),
        "discriminator/preds": tf.cast(disc > 0, tf.int32),
        "discriminator/per_example_loss": tf.reduce_sum(tensors["disc_token_loss"], axis=1)
        / (1e-6 + tf.reduce_sum(weights, axis=1)),
        "discriminator/loss": ratios["disc_loss"].value(),
        "discriminator/pooled_output": tensors["encoder"].pooled_output,
        "total_loss": losses.total(ratios.values()),
    }
    for name in ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"):
        found["masked/" + name] = features[name]
    for name, encoded in (
        ("generator", tensors["generator"]),
        ("discriminator", tensors["encoder"]),
    ):
        found[name + "/embedding_output"] = encoded.embedding_output
        found[name + "/all_encoder_layers"] = tf.stack(encoded.all_encoder_layers)
        found[name + "/sequence_output"] = encoded.sequence_output
    return found


@needs_golden
@pytest.mark.parametrize("kernels", EXACT_KERNELS)
@pytest.mark.parametrize("parts", [1, 3])
def test_three_updates(parts, kernels):
    case = "electra_pretrain_adam"
    meta = golden_cases.settings(case, "meta.json")
    trace = golden_cases.arrays(case, "train_trace.npz")
    config, objective = discriminator(case), objective_for(case)
    with tf.Graph().as_default(), tf.Session() as session:
        features, draws = masked(case)
        first = ParameterStore()
        # Every part has its rows' draws.
        features["draws"] = tf.constant(draws)

        def forward(rows):
            store = first.again() if first.shapes() else first
            chosen = pinned(kernels, rows["draws"])
            output = objective.build(config, store, chosen, rows, is_training=True)
            return Forward(output.losses, store.trainable())

        step = tf.train.get_or_create_global_step()
        settings = OptimizerConfig(
            learning_rate=meta["init_lr"],
            num_train_steps=meta["num_train_steps"],
            num_warmup_steps=meta["num_warmup_steps"],
            warmup="multiply",
            lr_decay_power=meta["lr_decay_power"],
            gradient_accumulation_steps=parts,
        )
        train = build_train_op(forward, features, settings, step, OneReplica())
        variables = {v.op.name: v for v in tf.global_variables()}
        assert set(variables) == {v["name"] for v in golden_cases.settings(case, "variables.json")}
        session.run(tf.global_variables_initializer())
        for name, value in golden_cases.arrays(case, "vars_before_step1.npz").items():
            variables[name].load(value, session)
        traced = {
            "loss": train.loss,
            "mlm_loss": train.losses["masked_lm_loss"],
            "disc_loss": train.losses["disc_loss"],
            "learning_rate": train.learning_rate,
            "grad_global_norm": train.global_norm,
        }
        for row in range(3):
            found = session.run(dict(traced, op=train.op))
            for name in traced:
                np.testing.assert_allclose(
                    found[name], trace[name][row], rtol=1e-5, atol=1e-9, err_msg=name
                )
        after = session.run(variables)
    reader = tf.train.NewCheckpointReader(checkpoint.resolve(golden_cases.path(case)))
    assert after["global_step"] == reader.get_tensor("global_step") == 3
    differences = {n: np.max(np.abs(v - reader.get_tensor(n))) for n, v in after.items()}
    assert max(differences.values()) < 1e-5, max(differences, key=differences.get)
