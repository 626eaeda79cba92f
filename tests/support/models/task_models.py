"""Small models with heads of tasks, and rows for them, for tests."""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, AlbertZhConfig, ElectraConfig
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore

SIZES = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 20,
    "type_vocab_size": 2,
    "initializer_range": 0.3,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
# Network -> config; all networks there are.
CONFIGS = {
    "bert": BertConfig(SIZES),
    "albert": AlbertConfig(dict(SIZES, embedding_size=12)),
    "albert_zh": AlbertZhConfig(dict(SIZES, embedding_size=12, ln_type="preln")),
    "electra": ElectraConfig(dict(SIZES, embedding_size=12)),
}
# loss, metrics: dict name -> value; tensors: dict of arrays; variables: dict of arrays.
Result = collections.namedtuple("Result", ["losses", "metrics", "tensors", "variables"])


def rows(batch=4, seq=12, seed=0):
    """Questions with texts, of several lengths, and all labels that a task may read."""
    rng = np.random.RandomState(seed)
    lengths = rng.randint(8, seq + 1, size=batch)
    lengths[0] = seq
    places = np.arange(seq)
    mask = (places < lengths[:, None]).astype(np.int32)
    segments = mask * (places >= 4)
    tags = rng.randint(0, 3, (batch, seq)) * mask - (1 - mask)
    tags[:, 0], tags[-1, 1:] = -1, -1
    starts = rng.randint(4, 6, batch)
    features = {
        "input_ids": rng.randint(5, SIZES["vocab_size"], (batch, seq)) * mask,
        "input_mask": mask,
        "segment_ids": segments,
        "label_ids": rng.randint(0, 3, (batch, 1)),
        "tag_ids": tags,
        "start_positions": starts[:, None],
        "end_positions": (starts + rng.randint(0, 2, batch))[:, None],
        "answer_kinds": np.zeros((batch, 1)),
        "task_numbers": np.arange(batch)[:, None] % 3,
        "label_indicators": rng.randint(0, 2, (batch, 5)),
    }
    return {name: value.astype(np.int32) for name, value in features.items()}


def head_shapes(objective, config=CONFIGS["bert"]):
    """Variables of the heads, those outside of the encoder's scope: dict name -> list of ints."""
    with tf.Graph().as_default():
        store, features = ParameterStore(), rows()
        fed = {name: tf.constant(features[name]) for name in objective.feature_names}
        objective.build(config, store, PlainKernels(), fed, is_training=False)
    shapes = store.shapes().items()
    return {name: shape for name, shape in shapes if not name.startswith(config.scope + "/")}


def run(objective, features, config=CONFIGS["bert"], weights=None, is_training=False, seed=1):
    """A pass through the model.

    Args:
      objective: a TaskObjective or Several.
      features: dict of arrays.
      config: model config.
      weights: dict of arrays by variable name, for those that are not initial values.
      is_training: as in build.
      seed: of the initial values.

    Returns:
      Result; where the objective gives nothing for prediction in training, none of it.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        store = ParameterStore(seed)
        fed = {k: tf.constant(features[k]) for k in objective.feature_names}
        output = objective.build(config, store, PlainKernels(3), fed, is_training)
        variables = {v.op.name: v for v in tf.global_variables()}
        assert set(variables) == set(store.shapes())
        session.run(tf.global_variables_initializer())
        for name, value in (weights or {}).items():
            variables[name].load(value, session)
        tensors = {k: v for k, v in output.tensors.items() if k != "encoder"}
        encoder = output.tensors["encoder"]
        tensors.update(sequence=encoder.sequence_output, pooled=encoder.pooled_output)
        losses = {k: v.value() for k, v in output.losses.items()}
        metrics = {k: v.value() for k, v in output.metrics.items()}
        return Result(*session.run([losses, metrics, tensors, variables]))


def log_softmax(scores):
    """Over the last axis."""
    shifted = scores - np.max(scores, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
