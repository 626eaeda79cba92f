"""A small ELECTRA and rows for it, for tests."""

import numpy as np
import tensorflow.compat.v1 as tf

from modeling.config_families import ElectraConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

TINY = {
    "vocab_size": 40,
    "embedding_size": 12,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 10,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def tiny_features(rows=3, seq=10, seed=0):
    """Rows with two masked places; the last row has padding."""
    rng = np.random.RandomState(seed)
    ids = rng.randint(5, 40, size=(rows, seq)).astype(np.int32)
    ids[:, 0], ids[:, -1] = 2, 3
    mask = np.ones_like(ids)
    mask[-1, 7:], ids[-1, 7:] = 0, 0
    positions = np.tile(np.array([[2, 5, 0]], np.int32), (rows, 1))
    labels = np.take_along_axis(ids, positions, axis=1)
    labels[:, 2] = 0
    hidden = ids.copy()
    hidden[:, [2, 5]] = 4
    return {
        "input_ids": ids,
        "masked_input_ids": hidden,
        "input_mask": mask,
        "segment_ids": np.zeros_like(ids),
        "masked_lm_positions": positions,
        "masked_lm_ids": labels,
        "masked_lm_weights": (positions > 0).astype(np.float32),
    }


def built(options, features=None, config=None, step_seed=0):
    """(store, output, function that runs tensors with fresh weights) in the default graph."""
    objective = get_objective("electra").for_run(10, **options)
    features = tiny_features() if features is None else features
    store = ParameterStore(3)
    output = objective.build(
        config or ElectraConfig(TINY),
        store,
        PlainKernels(7, step_seed),
        {name: tf.constant(value) for name, value in features.items()},
        is_training=True,
    )

    def run(tensors):
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return session.run(tensors)

    return store, output, run
