"""TFRecords and manifests, as data.inspect and run_pretraining.py read them."""

import glob
import json
import os
import struct

from fuzzing.mutations import mutate_bytes, mutate_json, new_value
from fuzzing.surface import Surface, copy_tree, flags_of, get, get_json, put

INSPECT, TRAIN = "data.inspect", "run_pretraining"
_TEXTS = ["bert", "roberta", "dynamic", "static", "word", "ngram", "rjieba", "none"]


def prepare_training(seeds):
    """Records of both kinds of masking with manifests, a config, a vocabulary, a checkpoint."""
    import numpy as np
    import record_files

    from data.rows.corruptions.masking import MaskingSpec, Masks

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list("甲乙丙丁戊己庚辛壬癸")
    tokens += ["t{}".format(i) for i in range(record_files.VOCAB - len(tokens))]
    put(os.path.join(seeds, "vocab.txt"), "\n".join(tokens).encode("utf-8"))
    record_files.write_json(os.path.join(seeds, "config.json"), record_files.TINY_CONFIG)
    from data.tokenizers.wordpiece import Vocabulary

    sha256 = Vocabulary(os.path.join(seeds, "vocab.txt")).sha256
    for kind in ("static", "dynamic", "lert"):
        folder = os.path.join(seeds, kind)
        os.mkdir(folder)
        rows = record_files.learnable_records(24)
        if kind == "dynamic":
            groups = np.arange(record_files.SEQ)
            for row in rows:
                row["word_groups"] = groups * row["input_mask"]
                for name in ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"):
                    del row[name]
        for row in rows if kind == "lert" else []:
            for name in ("pos_labels", "ner_labels", "dep_labels"):
                row[name] = np.arange(record_files.PREDICTIONS) - 1
        path = record_files.write_records(os.path.join(folder, "t.tfrecord"), rows)
        manifest = {
            "format": 1,
            "objective": "lert" if kind == "lert" else "bert",
            "features": sorted(rows[0]),
            "masking": dict(
                Masks(MaskingSpec()).to_manifest(),
                kind="dynamic" if kind == "dynamic" else "static",
            ),
            "max_seq_length": record_files.SEQ,
            "max_predictions_per_seq": record_files.PREDICTIONS,
            "vocab_size": record_files.VOCAB,
            "vocab_sha256": sha256,
            "records": len(rows),
            "tokens": 300,
            "shards": {"t.tfrecord": {"bytes": os.path.getsize(path), "records": len(rows)}},
            "flags": {"segmenter": "none"},
            "fingerprint": "0",
        }
        record_files.write_json(os.path.join(folder, "_t.tfrecord.manifest.json"), manifest)


def training_flags(seeds, folder, **changes):
    """Flags of a tiny run that is checked, not trained."""
    values = {
        "input_file": os.path.join(seeds, "static", "t.tfrecord"),
        "bert_config_file": os.path.join(seeds, "config.json"),
        "output_dir": os.path.join(folder, "out"),
        "max_seq_length": 16,
        "max_predictions_per_seq": 3,
        "train_batch_size": 8,
        "num_train_steps": 4,
        "num_warmup_steps": 0,
        "do_train": True,
        "dry_run": True,
    }
    values.update(changes)
    return flags_of(**values)


def framed(record):
    """A record with right checksums, so that its content is read and not its frame refused."""
    from data.records.tfrecord import masked_crc

    length = struct.pack("<Q", len(record))
    parts = (length, struct.pack("<I", masked_crc(length)), record)
    return b"".join(parts) + struct.pack("<I", masked_crc(record))


def _mutate_example(rng, record):
    """A tf.train.Example with other values, lengths, kinds or features."""
    import tensorflow.compat.v1 as tf

    example = tf.train.Example.FromString(record)
    features = example.features.feature
    for _ in range(rng.choice([1, 1, 2])):
        feature = features[rng.choice(sorted(features))]
        kind = rng.randrange(10)
        numbers = feature.int64_list.value or feature.float_list.value
        if kind == 0:
            feature.Clear()
        elif kind == 1:
            feature.bytes_list.value.append(b"\xff")
        elif kind == 2 and numbers:
            del numbers[rng.randrange(len(numbers)) :]
        elif kind == 3:
            feature.int64_list.value.extend([rng.choice([0, -1, 3, 2**40])] * rng.choice([1, 500]))
        elif kind < 6 and feature.int64_list.value:
            value = rng.choice([-1, -(2**31) - 1, 2**31, 2**63 - 1, 39, 40, 16, 2, 5])
            numbers[rng.randrange(len(numbers))] = value
        elif numbers:  # what stays in bounds is read on
            value = 0 if feature.int64_list.value else rng.choice([0, -1, 1e30, float("nan")])
            numbers[rng.randrange(len(numbers))] = value
    return example.SerializeToString()


def mutate_records(rng, path):
    """The bytes of a record file with damage in its frames or, checksums right, in its records."""
    from data.records import tfrecord

    if rng.random() < 0.3:
        return mutate_bytes(rng, get(path))
    records = list(tfrecord.read_records(path))
    for _ in range(rng.choice([1, 1, 3])):
        at = rng.choice([0, rng.randrange(len(records))])
        mutate = rng.choice([_mutate_example] * 4 + [mutate_bytes])
        try:
            records[at] = mutate(rng, records[at])
        except Exception:  # no Example any more, of a change before
            records[at] = mutate_bytes(rng, records[at])
    return b"".join(framed(record) for record in records)


def _inspect_flags(seeds, folder):
    return flags_of(
        input_file=os.path.join(folder, "o", "r-*"), vocab_file=os.path.join(seeds, "vocab.txt")
    )


def _inspected_records(rng, seeds, folder):
    kind = rng.choice(["whole", "whole", "tagged"])
    out = copy_tree(os.path.join(seeds, kind), os.path.join(folder, "o"))
    path = rng.choice(sorted(glob.glob(os.path.join(out, "r-*"))))
    put(path, mutate_records(rng, path))
    return _inspect_flags(seeds, folder)


def _inspected_manifest(rng, seeds, folder):
    kind = rng.choice(["whole", "whole", "tagged"])
    out = copy_tree(os.path.join(seeds, kind), os.path.join(folder, "o"))
    path = glob.glob(os.path.join(out, "_*.manifest.json"))[0]
    put(path, mutate_json(rng, get_json(path), _TEXTS))
    return _inspect_flags(seeds, folder)


def _trained_manifest(rng, seeds, folder):
    kind = rng.choice(["static", "dynamic", "lert"])
    out = copy_tree(os.path.join(seeds, kind), os.path.join(folder, "o"))
    path = os.path.join(out, "_t.tfrecord.manifest.json")
    put(path, mutate_json(rng, get_json(path), _TEXTS))
    return training_flags(
        seeds,
        folder,
        input_file=os.path.join(out, "t.tfrecord"),
        vocab_file=os.path.join(seeds, "vocab.txt"),
    )


def _trained_records(rng, seeds, folder):
    kind = rng.choice(["static", "static", "dynamic", "lert"])
    path = os.path.join(seeds, kind, "t.tfrecord")
    changed = put(os.path.join(folder, "t.tfrecord"), mutate_records(rng, path))
    if kind == "dynamic" or rng.random() < 0.5:
        name = "_t.tfrecord.manifest.json"
        manifest = get_json(os.path.join(seeds, kind, name))
        manifest["shards"]["t.tfrecord"]["bytes"] = os.path.getsize(changed)
        put(os.path.join(folder, name), json.dumps(manifest).encode("utf-8"))
    # After the checks the records themselves are read.
    is_read = rng.random() < 0.4
    return training_flags(
        seeds,
        folder,
        input_file=changed,
        vocab_file=os.path.join(seeds, "vocab.txt"),
        do_train=not is_read,
        do_eval=is_read,
        dry_run=not is_read,
        init_checkpoint=os.path.join(seeds, "model.ckpt-0") if is_read else None,
    )


def _preset(rng, seeds, folder):
    values = {
        "source": "s",
        "note": "n",
        "flags": {
            "train_batch_size": 8,
            "learning_rate": 1e-4,
            "optimizer": "lamb",
            "bert_config_file": os.path.join(seeds, "config.json"),
            "num_train_steps": 4,
            "init_layers": "0",
            "shuffle_buffer_size": 10,
        },
    }
    values["flags"] = dict(rng.sample(sorted(values["flags"].items()), 5))
    if rng.random() < 0.3:
        names = ["keep_checkpoint_max", "eval_batch_size", "seed", "gelu", "stop_step", "preset"]
        values["flags"][rng.choice(names)] = new_value(rng, 1)
    path = put(os.path.join(folder, "p.json"), mutate_json(rng, values, ["adamw", "1", "tanh"]))
    return training_flags(
        seeds,
        folder,
        preset=path,
        train_batch_size=None,
        num_train_steps=None,
        init_checkpoint=os.path.join(seeds, "model.ckpt-0"),
    )


INSPECTED = [
    Surface("records (inspect)", INSPECT, 6, _inspected_records),
    Surface("manifest (inspect)", INSPECT, 6, _inspected_manifest),
]
TRAINED = [
    Surface("records (train)", TRAIN, 4, _trained_records),
    Surface("manifest (train)", TRAIN, 4, _trained_manifest),
    Surface("preset", TRAIN, 4, _preset),
]
