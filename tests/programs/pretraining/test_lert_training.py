"""LERT from records to tags, through the scripts."""

import json
import re

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import (
    TINY_CONFIG,
    learnable_records,
    tagged_records,
    write_json,
    write_records,
)
from script_driver import error_of, out_of

from common.tags import KINDS, TAGS
from modeling.objectives import lert

# What of the runs TensorFlow 1.15 makes, too.
TF1_RUNS = ("straight", "straight evaluated", "straight predicted")

TAG_HEADS = "cls/predictions/output_{}_layer/kernel"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("lert")
    for shard in range(2):
        name = "tf_examples.tfrecord.{:05d}".format(shard)
        write_records(path / name, tagged_records(40, shard))
    write_records(path / "dev.tfrecord", tagged_records(24, 7))
    write_records(path / "plain.tfrecord", learnable_records(20))
    write_json(path / "config.json", TINY_CONFIG)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [chr(0x4E00 + i) for i in range(TINY_CONFIG["vocab_size"] - len(tokens))]
    (path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, standard output, standard error] of all runs, in one process."""
    runs = {}

    def add(name, **changes):
        settings = {
            "input_file": str(folder / "tf_examples.tfrecord.*"),
            "output_dir": str(folder / name.split()[0]),
            "num_train_steps": 40,
        }
        runs[name] = flags_of(folder, **dict(settings, **changes))

    dev = {"eval_file": str(folder / "dev.tfrecord"), "save_checkpoints_steps": 10}
    add("straight", do_eval=True, **dev)
    add("stopped", stop_step=10)
    add("stopped again")
    only = {"do_train": False, "do_eval": True, "num_train_steps": 100000}
    add("straight evaluated", eval_file=dev["eval_file"], **only)
    add("continued", init_checkpoint=str(folder / "straight"), lip_steps="0", stop_step=5)
    add(
        "straight predicted",
        do_train=False,
        do_predict=True,
        vocab_file=str(folder / "vocab.txt"),
        eval_file=dev["eval_file"],
    )
    plain = {"input_file": str(folder / "plain.tfrecord"), "stop_step": 2}
    add("warm", init_checkpoint=str(folder / "straight"), objective="roberta", **plain)
    for steps in ("1,2", "a,b,c", "1,2,-3"):
        add("wrong " + steps, lip_steps=steps)
    add("idle", lip_steps="1,2,3", objective="bert", **plain)
    add("untagged", objective="lert", **plain)
    add("headless", do_train=False, do_predict=True, init_checkpoint=str(folder / "warm"))
    if tf.__version__.startswith("1."):
        runs = {name: runs[name] for name in TF1_RUNS}
    return dict(zip(runs, run_many(list(runs.values()))))


@pytest.mark.tf1
def test_the_objective_is_told_by_the_records(done):
    assert "objective: lert (no manifest, and" in out_of(done, "straight")
    assert "has pos_labels" in out_of(done, "straight")


@pytest.mark.tf1
def test_losses_fall_and_are_reported_apart(folder, done):
    results = dict(results_of(folder / "straight"))
    names = ["global_step", "loss"]
    for stem in ("dep", "masked_lm", "ner", "pos"):
        middle = "_perplexity" if stem == "masked_lm" else "_weight"
        names += [stem + "_loss", stem + middle, stem + "_accuracy"]
    assert list(results) == names
    weights = [min(1.0, 40 / (share * 40)) for share in lert.LIP_SHARES]
    total = results["masked_lm_loss"]
    total += sum(w * results[kind + "_loss"] for w, kind in zip(weights, KINDS))
    assert results["loss"] == pytest.approx(total, rel=1e-6)
    assert results["pos_loss"] < np.log(28) - 1.0
    assert "pos_loss" in out_of(done, "straight") and "(masked_lm_loss" in out_of(done, "straight")


@pytest.mark.tf1
def test_an_evaluation_takes_the_steps_of_the_training(folder, done):
    """--num_train_steps is another there, and the weights at step 40 would be nearly 0."""
    out = out_of(done, "straight evaluated")
    in_training = out_of(done, "straight").split("  global_step = 40\n")[1]
    expected = float(re.search(r"  loss = (\S+)", in_training).group(1))
    results = dict(results_of(folder / "straight"))
    assert results["global_step"] == 40
    assert results["loss"] == pytest.approx(expected, rel=1e-6)
    assert "table of pos: " in out


def test_tables_of_tags(folder, done):
    out_of(done, "straight")
    with open(str(folder / "straight" / "eval_pos.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    assert rows[0] == ["tag", "labels", "share", "precision", "recall"]
    labels = [r["pos_labels"] for r in tagged_records(24, 7)]
    weights = [r["masked_lm_weights"] for r in tagged_records(24, 7)]
    wanted = np.concatenate(labels)[np.concatenate(weights) > 0]
    counts = {TAGS["pos"][i]: int(np.sum(wanted == i)) for i in range(28) if np.any(wanted == i)}
    assert {row[0]: int(row[1]) for row in rows[1:] if row[1] != "0"} == counts
    correct = sum(float(r[4]) * int(r[1]) for r in rows[1:] if r[4] != "-")
    accuracy = dict(results_of(folder / "straight"))["pos_accuracy"]
    assert correct / sum(counts.values()) == pytest.approx(accuracy, abs=2e-3)


def test_a_stopped_run_is_the_straight_one(folder, done):
    out_of(done, "stopped")
    assert "(step 10)" in out_of(done, "stopped again")
    first, second = (
        checkpoint_values(folder / n / "model.ckpt-40") for n in ("straight", "stopped")
    )
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def test_continuing_with_full_weights_from_the_start(folder, done):
    out_of(done, "continued")
    with open(str(folder / "continued" / "run_config.json"), encoding="utf-8") as f:
        assert json.load(f)["run"]["objective_settings"]["lip_steps"] == [0, 0, 0]
    values = checkpoint_values(folder / "continued" / "model.ckpt-5")
    assert all(np.all(np.isfinite(value)) for value in values.values())
    before = checkpoint_values(folder / "straight" / "model.ckpt-40")
    for kind in KINDS:
        name = TAG_HEADS.format(kind)
        assert np.any(values[name] != before[name]) and np.any(values[name + "/adam_m"]), name


def test_unused_heads_are_a_calm_line(done):
    out = out_of(done, "warm")
    assert "unused: cls/predictions/output_dep_layer/bias" in out
    assert "WARNING" not in out


@pytest.mark.tf1
def test_predictions_of_records(folder, done):
    assert "tags of the masked places" in out_of(done, "straight predicted")
    with open(str(folder / "straight" / "predictions.jsonl"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    records = tagged_records(24, 7)
    assert [line["record"] for line in lines] == list(range(24))
    right = total = 0
    for line, record in zip(lines, records):
        real = int(np.sum(record["masked_lm_weights"]))
        assert [m["position"] for m in line["masked"]] == list(record["masked_lm_positions"][:real])
        for number, masked in enumerate(line["masked"]):
            assert masked["token"] == chr(0x4E00 + record["masked_lm_ids"][number] - 5)
            for kind, tags in TAGS.items():
                label = record[kind + "_labels"][number]
                assert masked[kind]["label"] == (tags[label] if label >= 0 else None)
                assert 1 / len(tags) < masked[kind]["probability"] <= 1
            if masked["pos"]["label"]:
                total += 1
                right += masked["pos"]["tag"] == masked["pos"]["label"]
    accuracy = dict(results_of(folder / "straight"))["pos_accuracy"]
    assert right / total == pytest.approx(accuracy, abs=1e-6)


def test_refusals(done):
    for steps in ("1,2", "a,b,c", "1,2,-3"):
        error = error_of(done, "wrong " + steps)
        assert "--lip_steps={} must be three numbers".format(steps) in error
    assert "--lip_steps cannot be combined with the objective bert" in error_of(done, "idle")
    assert "feature pos_labels is missing" in error_of(done, "untagged")
    assert "has no tag heads (it lacks cls/predictions/output_" in error_of(done, "headless")


def test_tags_of_text(folder, done):
    out_of(done, "straight")
    text = "\n".join([chr(0x4E00) + "[MASK]" + chr(0x4E02), chr(0x4E00) * 4, "", "[mask]"]) + "\n"
    pytest.importorskip("rjieba")
    flags = {
        "task": "tags",
        "bert_config_file": str(folder / "config.json"),
        "vocab_file": str(folder / "vocab.txt"),
        "max_seq_length": 16,
    }

    def line(name):
        settings = dict(flags, init_checkpoint=str(folder / name))
        return ["--{}={}".format(*item) for item in settings.items()]

    good, bad = script_driver.run_many(
        "run_prediction", [line("straight"), line("warm")], [text, text]
    )
    assert good[0] == 0, good
    masked, words, empty, small = [json.loads(text) for text in good[1].splitlines()]
    assert [m["position"] for m in masked["masks"]] == [1]
    assert "".join(w["word"] for w in words["words"]) == chr(0x4E00) * 4
    assert words["words"][0]["position"] == 0
    assert empty == {"text": "", "words": []} and small["words"]
    for place in masked["masks"] + words["words"]:
        for kind, tags in TAGS.items():
            assert place[kind]["tag"] in tags
    assert bad[0] == 1 and "has no tag heads" in bad[2] and "give a LERT checkpoint" in bad[2]
