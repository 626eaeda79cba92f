"""Checkpoints that our training writes, read by Hugging Face's own TensorFlow loader."""

import huggingface_models as models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from modeling import checkpoint
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore
from optimization.adamw import AdamWeightDecayOptimizer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
# transformers 5 has no such loader any more
load_tf_weights_in_bert = pytest.importorskip(
    "transformers.models.bert.modeling_bert"
).__dict__.get("load_tf_weights_in_bert")

tf.disable_v2_behavior()
pytestmark = [
    pytest.mark.skipif(load_tf_weights_in_bert is None, reason="no TensorFlow loader"),
    pytest.mark.tf2_15,
]

PREDICTIONS = 3


def training_features():
    rng = np.random.RandomState(4)
    features = models.random_inputs(seed=4)
    rows = len(features["input_ids"])
    features.update(
        masked_lm_positions=rng.randint(0, 4, (rows, PREDICTIONS)).astype(np.int32),
        masked_lm_ids=rng.randint(0, 50, (rows, PREDICTIONS)).astype(np.int32),
        masked_lm_weights=np.ones((rows, PREDICTIONS), np.float32),
        next_sentence_labels=rng.randint(0, 2, (rows, 1)).astype(np.int32),
    )
    return features


def train_and_save(prefix):
    """Trains objective `bert` for a step from random weights and saves it as training does."""
    with tf.Graph().as_default():
        store = ParameterStore(seed=3)
        config = BertConfig(dict(models.SIZES, initializer_range=0.2))
        inputs = {k: tf.constant(v) for k, v in training_features().items()}
        output = get_objective("bert").build(config, store, PlainKernels(), inputs, True)
        loss = tf.add_n([ratio.value() for ratio in output.losses.values()])
        parameters = store.trainable()
        gradients = tf.gradients(loss, [p.tensor for p in parameters])
        step = tf.train.get_or_create_global_step()
        update = AdamWeightDecayOptimizer(0.05).apply_gradients(
            list(zip(gradients, [p.variable for p in parameters])), global_step=step
        )
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(update)
            return tf.train.Saver(tf.global_variables()).save(session, prefix)


def test_their_loader_reads_our_checkpoint(tmp_path):
    prefix = train_and_save(str(tmp_path / "model.ckpt"))
    inputs = models.random_inputs(seed=8)
    assert not inputs["input_mask"].all()
    ours, plan = models.our_outputs(models.SIZES, prefix, inputs)
    assert not plan.new and not plan.unused
    assert "bert/pooler/dense/kernel/adam_m" in plan.training_state
    assert "cls/predictions/output_bias/adam_v" in plan.training_state
    assert checkpoint.saved_step(prefix) == 1
    model = models.make_model()  # its own weights are all replaced
    load_tf_weights_in_bert(model, model.config, prefix)
    model.tie_weights()
    theirs = models.their_outputs(model, inputs)
    assert set(theirs) == set(ours)
    assert theirs["hidden_states"].shape[0] == models.SIZES["num_hidden_layers"]
    models.assert_same(ours, theirs)
