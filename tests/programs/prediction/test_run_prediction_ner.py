"""run_prediction.py --task=ner on tiny fine-tuned models, against the network computed by hand."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from prediction_runs import (
    CONFIG,
    TOKENS,
    assert_same_results,
    flags_of,
    results_of,
    run_many,
    write_text,
)

from finetuning.kinds.spans import spans_of_tags
from modeling.config_families import read_config
from modeling.conversion.huggingface import write_checkpoint
from modeling.kernels import PlainKernels
from modeling.objectives.tagging import Tagging
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
LENGTH = 24  # of task.json
LONG = "今天天气好。" * 9
LINES = ["今天天气好", "", " 好\u3000play 天\U0001f600", LONG, "猫", "天 "]
HEADS = {
    "google": GoogleHeads(),
    "electra": ElectraHeads("weibo_ner"),
    "several": GoogleHeads("weibo_ner"),
}
TASK = {
    "task": "weibo_ner",
    "kind": "tagging",
    "labels": LABELS,
    "max_seq_length": LENGTH,
    "do_lower_case": True,
}
# What stands in task.json where another task was trained at the same time.
SEVERAL = {
    "tasks": [
        dict(TASK, task="tsv", kind="classification", is_one_of_several=True),
        dict(TASK, is_one_of_several=True),
    ]
}


class Network:
    """Fresh weights of a tagger, and what they say of rows; a checkpoint with its task.json."""

    def __init__(self, folder, name):
        values = dict(CONFIG, model_type="electra", embedding_size=8)
        self.folder = folder / name
        self.folder.mkdir()
        config = values if name == "electra" else CONFIG
        write_text(self.folder / "config.json", json.dumps(config))
        config = read_config(str(self.folder / "config.json"))
        with tf.Graph().as_default():
            self._ids = tf.placeholder(tf.int32, [None, None])
            padded = tf.pad(self._ids, [[0, 0], [0, 40 - tf.shape(self._ids)[1]]])
            padded.set_shape([None, 40])
            inputs = {
                "input_ids": padded,
                "input_mask": tf.sequence_mask([tf.shape(self._ids)[1]], 40, tf.int32),
                "segment_ids": tf.zeros_like(padded),
                "tag_ids": tf.zeros_like(padded),
            }
            objective = Tagging("x", len(LABELS), HEADS[name])
            store = ParameterStore(6)
            output = objective.build(config, store, PlainKernels(), inputs, is_training=False)
            self._logits = output.tensors["tag_logits"]
            self._session = tf.Session()
            self._session.run(tf.global_variables_initializer())
            variables = {v.name.split(":")[0]: v for v in tf.global_variables()}
            self.weights = self._session.run(variables)
        write_checkpoint(str(self.folder / "model.ckpt"), self.weights)
        write_text(self.folder / "task.json", json.dumps(SEVERAL if name == "several" else TASK))

    def tags(self, ids):
        """(best tag, its probability) of each of a row's ids."""
        logits = self._session.run(self._logits, {self._ids: [ids]})[0, : len(ids)]
        shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        return logits.argmax(-1), shares.max(-1)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ner")
    write_text(folder / "vocab.txt", "\n".join(TOKENS) + "\n")
    return {name: Network(folder, name) for name in HEADS}


def broken(network, name, weights=None, **changes):
    """A copy of a network's files with changes; a folder beside it."""
    folder = network.folder.parent / name
    write_checkpoint(str(folder / "model.ckpt"), network.weights if weights is None else weights)
    values = {k: v for k, v in dict(TASK, **changes).items() if v is not None}
    write_text(folder / "task.json", json.dumps(values))
    return folder


REFUSED = {
    "no task": "other/model.ckpt has no task.json beside it",
    "kind": "says that the checkpoint was fine-tuned for 'classification', not for tagging",
    "tag": "tag/task.json: 'X-PER' is no tag; O, or B, I, E, S and a type (B-PER) are expected",
    "fewer": "names 4 labels, but the checkpoint has 5 classes; it belongs to another one",
    "fewer electra": "names 4 labels, but the checkpoint has 5 classes; it belongs to another one",
    "name": "name/task.json: task must be a name",
    "bare": "has no tagging head (it lacks output_",
    "other task": "has no tagging head (it lacks task_specific/cluener/dense/",
    "top_k": "--top_k is for --task=",
    "short": "--max_seq_length=2 leaves no room",
}


def broken_models(networks):
    """Name in REFUSED -> changed flags."""
    google, electra = networks["google"], networks["electra"]
    other = google.folder.parent / "other"
    write_checkpoint(str(other / "model.ckpt"), google.weights)
    bare = {k: v for k, v in google.weights.items() if not k.startswith("output_")}
    folders = {
        "no task": other,
        "kind": broken(google, "kind", kind="classification"),
        "tag": broken(google, "tag", labels=[*LABELS[:4], "X-PER"]),
        "fewer": broken(google, "fewer", labels=LABELS[:4]),
        "name": broken(google, "name", task=None),
        "bare": broken(google, "bare", bare),
    }
    changes = {name: {"init_checkpoint": str(path)} for name, path in folders.items()}
    config = str(electra.folder / "config.json")
    for name, values in (
        ("fewer electra", {"labels": LABELS[:4]}),
        ("other task", {"task": "cluener"}),
    ):
        folder = broken(electra, name.replace(" ", "_"), electra.weights, **values)
        changes[name] = {"init_checkpoint": str(folder), "bert_config_file": config}
    return dict(changes, top_k={"top_k": 3}, short={"max_seq_length": 2})


@pytest.fixture(scope="module")
def done(networks):
    """name -> [exit code, stdout, stderr] of all runs, in one process."""
    commands = {}

    def add(name, lines, network="google", **changes):
        folder = networks[network].folder
        values = {
            "bert_config_file": str(folder / "config.json"),
            "init_checkpoint": str(folder),
            "max_seq_length": None,
        }
        flags = flags_of(folder.parent, "ner", **dict(values, **changes))
        commands[name] = (flags, "".join(line + "\n" for line in lines))

    for network in HEADS:
        add(network, LINES, network)
        add(network + " 1", LINES[::-1], network, batch_size=1)
    add("longer", LINES, max_seq_length=40)
    for name, changes in broken_models(networks).items():
        add(name, ["天"], **changes)
    return dict(zip(commands, run_many(list(commands.values()))))


def expected_entities(network, line, length):
    """Every character by itself, in rows of `length` that overlap by half, each read where it has
    most context."""
    known = {token: i for i, token in enumerate(TOKENS)}
    ids = [known.get(character, known["[UNK]"]) for character in line]
    room, windows = length - 2, [0]
    while windows[-1] + room < len(ids):
        windows.append(windows[-1] + room // 2)
    tags, shares, best = [None] * len(ids), np.zeros(len(ids)), [-1] * len(ids)
    for start in windows:
        inner = ids[start : start + room]
        tagged = network.tags([known["[CLS]"], *inner, known["[SEP]"]])
        for i in range(len(inner)):
            context = min(i, len(inner) - 1 - i) + 0.01 * len(inner)
            if context > best[start + i]:
                best[start + i] = context
                tags[start + i], shares[start + i] = LABELS[tagged[0][i + 1]], tagged[1][i + 1]
    return [
        {
            "text": line[start:end],
            "type": kind,
            "start": start,
            "end": end,
            "probability": float(shares[start:end].mean()),
        }
        for start, end, kind in spans_of_tags(tags)[0]
    ]


@pytest.mark.parametrize(
    ("run", "network", "length"),
    [(name, name, LENGTH) for name in HEADS] + [("longer", "google", 40)],
)
def test_entities_are_those_of_the_network(networks, done, run, network, length):
    results = results_of(done[run])
    expected = [
        {"text": line, "entities": expected_entities(networks[network], line, length)}
        for line in LINES
    ]
    assert_same_results(results, expected)
    assert sum(len(result["entities"]) for result in results) > 5
    types = {e["type"] for result in results for e in result["entities"]}
    assert types == {"PER", "LOC"} or network == "several"
    assert "rows of up to {} tokens, lower case".format(length) in done[run][2]


@pytest.mark.parametrize("network", sorted(HEADS))
def test_neighbours_and_padding_change_nothing(done, network):
    assert_same_results(results_of(done[network + " 1"]), results_of(done[network])[::-1])


def test_notes(done):
    log = done["google"][2]
    assert "1 of 6 lines are empty (first: standard input line 2)" in log
    assert "1 of 6 lines hold nothing that --vocab_file knows (all is unknown)" in log
    assert "cut" not in log


def test_refusals(done):
    for name, message in REFUSED.items():
        code, out, err = done[name]
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert (code, out, len(errors)) == (1, "", 1) and "Traceback" not in err, (name, err)
        assert message in errors[0], (name, errors)
