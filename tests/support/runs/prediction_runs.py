"""A tiny model, and run_prediction.py run on it, for tests."""

import json

import numpy as np
import script_driver
import tensorflow.compat.v1 as tf
from task_files import save_labels

from modeling.config import BertConfig
from modeling.conversion.huggingface import write_checkpoint
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.objectives.classification import Classification
from modeling.parameters import ParameterStore

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"]
WORDS = ["天", "气", "好", "今", "play", "##ing", "dog", "。"]
TOKENS = SPECIAL + WORDS
CONFIG = {
    "vocab_size": len(TOKENS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "initializer_range": 0.6,
}
LABELS = ["坏", "中", "好"]


def random_weights(objective, seed=5, config=CONFIG):
    """Random values of all variables of an objective: dict name -> array."""
    names = objective.feature_names
    with tf.Graph().as_default():
        store = ParameterStore(seed)
        inputs = {
            n: tf.zeros([1, 4], tf.float32 if n.endswith("_weights") else tf.int32) for n in names
        }
        for name in ("label_ids", "next_sentence_labels"):
            inputs[name] = tf.zeros([1, 1], tf.int32)
        objective.build(BertConfig(config), store, PlainKernels(), inputs, is_training=False)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return session.run({v.name.split(":")[0]: v for v in tf.global_variables()})


def write_model(folder):
    """vocab.txt, config.json and checkpoints under `folder`, whole and with parts missing."""
    write_text(folder / "vocab.txt", "\n".join(TOKENS) + "\n")
    write_text(folder / "config.json", json.dumps(CONFIG))
    weights = random_weights(get_objective("bert"))
    write_checkpoint(str(folder / "whole"), weights)
    for name, left_out in (
        ("headless", "cls/predictions/"),
        ("holes", "bert/encoder/layer_1/output/"),
        ("poolerless", "bert/pooler/"),
    ):
        kept = {k: v for k, v in weights.items() if not k.startswith(left_out)}
        write_checkpoint(str(folder / name), kept)
    broken = dict(weights, **{"cls/predictions/output_bias": np.full(len(TOKENS), np.nan, "f4")})
    write_checkpoint(str(folder / "nan"), broken)
    tuned = random_weights(Classification("tiny", len(LABELS)))
    write_checkpoint(str(folder / "tuned" / "model.ckpt-7"), tuned)
    save_labels(folder / "tuned", "tiny", LABELS, 24)


def write_text(path, text):
    with open(str(path), "w", encoding="utf-8") as writer:
        writer.write(text)
    return str(path)


def flags_of(folder, task, **changes):
    """The command line of a run in `folder`; None takes a flag out."""
    values = {
        "task": task,
        "bert_config_file": str(folder / "config.json"),
        "vocab_file": str(folder / "vocab.txt"),
        "init_checkpoint": str(folder / "whole"),
        "max_seq_length": 32,
    }
    if task == "classify":
        values.update(init_checkpoint=str(folder / "tuned"), max_seq_length=None)
    values.update(changes)
    return ["--{}={}".format(k, v) for k, v in sorted(values.items()) if v is not None]


def run_many(command_lines):
    """[exit code, stdout, stderr] of each (flags, standard input), all in one process."""
    return script_driver.run_many("run_prediction", *zip(*command_lines))


def results_of(done):
    """The JSON lines that a run has printed."""
    code, out, err = done
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def assert_same_results(ours, expected):
    """Equal but for the last digits of numbers."""
    (our_frame, our_numbers), (frame, numbers) = taken_apart(ours), taken_apart(expected)
    assert our_frame == frame
    np.testing.assert_allclose(our_numbers, numbers, rtol=0, atol=1e-5)


def taken_apart(value):
    """(`value` with a word for each float in it, list of those floats)."""
    if isinstance(value, float):
        return "number", [value]
    if not isinstance(value, (dict, list)):
        return value, []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    parts = [taken_apart(value[key]) for key in keys]
    return [(key, frame) for key, (frame, _) in zip(keys, parts)], [n for _, p in parts for n in p]
