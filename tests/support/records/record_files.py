"""Small record files and model configs for tests."""

import json

import numpy as np
import tensorflow.compat.v1 as tf

from common.features import MASKED_LM, ROW, SENTENCE_LABEL
from common.tags import TAGS

SEQ, PREDICTIONS, VOCAB = 16, 3, 40
# Features of learnable_records.
NAMES = [*ROW, *MASKED_LM, SENTENCE_LABEL]

TINY_CONFIG = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": SEQ,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def learnable_records(count, seed=0):
    """Rows of a run of ids, three of them masked: what is masked follows from its neighbours."""
    rng = np.random.RandomState(seed)
    records = []
    for _ in range(count):
        label = rng.randint(2)
        length = rng.randint(10, SEQ + 1)
        ids = np.zeros(SEQ, np.int64)
        ids[:length] = 5 + (rng.randint(30) + np.arange(length)) % 30
        ids[0] = 2 + label
        positions = np.sort(rng.choice(np.arange(1, length), PREDICTIONS, replace=False))
        targets = ids[positions].copy()
        ids[positions] = 4
        weights = np.ones(PREDICTIONS, np.float32)
        if rng.randint(2):
            positions[-1], targets[-1], weights[-1] = 0, 0, 0.0
        records.append(
            {
                "input_ids": ids,
                "input_mask": (np.arange(SEQ) < length).astype(np.int64),
                "segment_ids": np.zeros(SEQ, np.int64),
                "masked_lm_positions": positions,
                "masked_lm_ids": targets,
                "masked_lm_weights": weights,
                "next_sentence_labels": np.array([label]),
            }
        )
    return records


def shortened(records, shortest=3, longest=9, seed=0):
    """Records cut to few pieces; what is predicted lies in these."""
    rng = np.random.RandomState(seed)
    for record in records:
        length = rng.randint(shortest, longest)
        is_text = np.arange(SEQ) < length
        record["input_ids"] = record["input_ids"] * is_text
        record["input_mask"] = is_text.astype(np.int64)
        real = record["masked_lm_positions"] < length
        record["masked_lm_weights"] = record["masked_lm_weights"] * real.astype(np.float32)
    return records


def write_numbered(folder, counts):
    """Record files r-0.tfrecord, ... with so many learnable_records each; the first of
    masked_lm_ids is the number of the record in all of them. Returns their names."""
    names, number = [], 0
    for index, count in enumerate(counts):
        records = learnable_records(count, seed=index)
        for record in records:
            record["masked_lm_ids"][0] = number
            number += 1
        names.append(write_records(folder / "r-{}.tfrecord".format(index), records))
    return names


def tagged_records(count, seed=0):
    """learnable_records whose tags follow from the masked ids; some are unknown."""
    records = learnable_records(count, seed)
    for record in records:
        record.pop("next_sentence_labels")
        ids, real = record["masked_lm_ids"], record["masked_lm_weights"] > 0
        for kind, tags in TAGS.items():
            labels = np.where(real & (ids % 7 > 0), ids % min(len(tags), 5), -1)
            record[kind + "_labels"] = labels.astype(np.int64)
    return records


def permuted_records(count, seed=0):
    """Rows of a run of ids, three of them in other places: where follows from their neighbours."""
    rng = np.random.RandomState(seed)
    records = []
    for record in learnable_records(count, seed):
        real = record["masked_lm_weights"] > 0
        slots, ids = record.pop("masked_lm_positions"), record["input_ids"]
        ids[slots[real]] = record.pop("masked_lm_ids")[real]
        places = np.append(rng.permutation(slots[real]), slots[~real])
        ids[places[real]] = ids[slots[real]]
        del record["next_sentence_labels"]
        record["permuted_positions"], record["permuted_labels"] = slots, places
        record["permuted_weights"] = record.pop("masked_lm_weights")
        records.append(record)
    return records


def write_records(path, records):
    """Writes dicts name -> array (integers, or floats for float features) as a TFRecord file."""
    with tf.python_io.TFRecordWriter(str(path)) as writer:
        for record in records:
            example = tf.train.Example()
            for name, values in record.items():
                feature = example.features.feature[name]
                if np.asarray(values).dtype.kind == "f":
                    feature.float_list.value.extend(values)
                else:
                    feature.int64_list.value.extend(values)
            writer.write(example.SerializeToString())
    return str(path)


def write_json(path, values):
    """Writes a JSON file; returns its name."""
    with open(str(path), "w", encoding="utf-8") as writer:
        json.dump(values, writer)
    return str(path)


def copy_without(source, target, *beginnings):
    """Writes a checkpoint without the variables whose names begin so; returns its prefix."""
    reader = tf.train.NewCheckpointReader(source)
    with tf.Graph().as_default(), tf.Session() as session:
        kept = [
            tf.get_variable(name, initializer=reader.get_tensor(name))
            for name in reader.get_variable_to_shape_map()
            if not name.startswith(beginnings)
        ]
        session.run(tf.global_variables_initializer())
        return tf.train.Saver(kept).save(session, target, write_state=False, write_meta_graph=False)
