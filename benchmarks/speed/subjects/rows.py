"""Rows of random pieces without padding, as arrays and as records."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from data.records.encoding import RecordLayout
from data.records.schema import FEATURES, feature_length

# Ids below are special tokens.
FIRST_WORD = 106
# Batches in a file: every step reads other rows.
BATCHES = 8


def random_features(names, shape, vocab_size, rows, labels=None, seed=1):
    """dict feature -> array [rows, length] of random values within the features' limits.

    Args:
      names: features of data.records.schema.
      shape: Shape.
      vocab_size: of the config.
      rows: how many.
      labels: see Objective.label_counts.
      seed: of the values.
    """
    rng, features = np.random.RandomState(seed), {}
    for name in names:
        feature = FEATURES[name]
        size = (rows, feature_length(name, shape.seq, shape.predictions, labels))
        if name == "input_mask" or feature.dtype == "float32":
            features[name] = np.ones(size, np.float32 if feature.dtype == "float32" else np.int64)
        elif feature.limit == "V":
            features[name] = rng.randint(FIRST_WORD, vocab_size, size=size)
        elif name == "masked_lm_positions":
            places = [1 + rng.permutation(shape.seq - 2)[: size[1]] for _ in range(rows)]
            features[name] = np.sort(places, axis=1)
        elif name == "segment_ids":
            features[name] = np.tile(np.arange(shape.seq) >= shape.seq // 2, (rows, 1)).astype(int)
        else:
            limit = shape.seq if feature.limit == "S" else feature.limit
            features[name] = rng.randint((labels or {}).get(name, limit), size=size)
    return features


def write_records(folder, names, shape, vocab_size, labels=None):
    """Writes a record file of BATCHES batches; returns its path."""
    path = os.path.join(folder, "records")
    features = random_features(names, shape, vocab_size, shape.batch * BATCHES, labels)
    layout = RecordLayout(names, shape.seq, shape.predictions, vocab_size, labels)
    with tf.io.TFRecordWriter(path) as writer:
        for record in layout.encode(features):
            writer.write(record.tobytes())
    return path
