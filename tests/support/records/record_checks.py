"""Reads record shards with TensorFlow's own parser and checks them against their manifest."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from data.recipes import BERT_FEATURES
from data.records import manifest
from data.records.schema import FEATURES, feature_length
from data.text.characters import is_cjk


def read_shard(path, max_seq_length, max_predictions, names=BERT_FEATURES):
    """{feature: array [records, length]} of one shard, by tf.io.parse_example."""
    raw = list(tf.python_io.tf_record_iterator(path))
    spec = {
        name: tf.io.FixedLenFeature(
            [feature_length(name, max_seq_length, max_predictions)],
            tf.int64 if FEATURES[name].dtype == "int64" else tf.float32,
        )
        for name in names
    }
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(tf.io.parse_example(tf.constant(raw, tf.string), spec))


def check_shards(paths, vocabulary):
    """Asserts that every record obeys the schema and the manifest; returns all rows joined."""
    description = manifest.read_manifest(manifest.manifest_path(paths))
    length = description["max_seq_length"]
    predictions = description["max_predictions_per_seq"]
    parts = []
    for path in paths:
        rows = read_shard(path, length, predictions)
        entry = description["shards"][os.path.basename(path)]
        assert entry["bytes"] == os.path.getsize(path)
        assert entry["records"] == len(rows["input_ids"])
        assert entry["tokens"] == rows["input_mask"].sum()
        parts.append(rows)
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert description["records"] == len(rows["input_ids"])
    masked = rows["masked_lm_weights"].sum() / rows["input_mask"].sum()
    assert abs(masked - description["masked_share"]) < 1e-5
    assert abs((1 - rows["input_mask"]).mean() - description["padding_share"]) < 1e-5
    _check_rows(rows, vocabulary)
    return rows


def _check_rows(rows, vocabulary):
    mask, ids, segments = rows["input_mask"], rows["input_ids"], rows["segment_ids"]
    lengths = mask.sum(axis=1)
    columns = np.arange(mask.shape[1])[None, :]
    assert (mask == (columns < lengths[:, None])).all()
    assert (ids[mask == 0] == vocabulary.pad).all() and (segments[mask == 0] == 0).all()
    assert (np.diff(segments * mask, axis=1)[mask[:, 1:] == 1] >= 0).all()
    original = restored(rows)
    assert (original[:, 0] == vocabulary.cls).all()
    assert (original[np.arange(len(original)), lengths - 1] == vocabulary.sep).all()
    assert ((original == vocabulary.sep).sum(axis=1) == 2).all()
    assert set(np.unique(rows["next_sentence_labels"])) <= {0, 1}
    untrained = np.array([t.startswith("##") and is_cjk(ord(t[2])) for t in vocabulary.tokens])
    assert not untrained[ids].any() and not untrained[rows["masked_lm_ids"]].any()


def restored(rows):
    """input_ids with the masks undone by their labels, [records, seq]."""
    original = rows["input_ids"].copy()
    row, rank = np.nonzero(rows["masked_lm_weights"])
    original[row, rows["masked_lm_positions"][row, rank]] = rows["masked_lm_ids"][row, rank]
    return original
