"""Both ALBERT networks through the scripts: pre-training, fine-tuning, prediction."""

import json
import os

import numpy as np
import prediction_runs
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from finetuning_runs import flags_of as finetuning_flags
from finetuning_runs import make_task
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records
from script_driver import error_of, out_of

from modeling.config_families import AlbertConfig, read_config
from modeling.conversion import families, network, sources
from modeling.conversion.huggingface import write_checkpoint
from optimization.config import OptimizerConfig
from training import plan
from training.run_config import RunConfig

tf.disable_v2_behavior()

SIZES = dict(TINY_CONFIG, num_hidden_layers=2, embedding_size=8)
CONFIGS = {
    "google": dict(SIZES, num_hidden_groups=1),
    "zh": dict(SIZES, ln_type="preln"),
}
PARTS = ["pooler", "masked_lm", "sentence_pair"]


def write_random(prefix, config, left_out="nothing"):
    """A checkpoint of random weights without the variables that begin with `left_out`."""
    rng = np.random.RandomState(3)
    shapes = network.shapes(config, PARTS, 1)
    values = {n: (rng.standard_normal(s) * 0.1).astype(np.float32) for n, s in shapes.items()}
    write_checkpoint(str(prefix), {n: v for n, v in values.items() if not n.startswith(left_out)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("albert")
    write_records(path / "train.tfrecord", learnable_records(512))
    write_records(path / "dev.tfrecord", learnable_records(24, seed=9))
    for name, values in CONFIGS.items():
        write_json(path / (name + ".json"), values)
    write_random(path / "headless", AlbertConfig(CONFIGS["google"]), "cls/predictions")
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, standard output, standard error] of all runs, in one process."""
    runs = {}

    def add(name, kind, **changes):
        settings = {
            "objective": "albert",
            "bert_config_file": str(folder / (kind + ".json")),
            "output_dir": str(folder / name.split()[0]),
            "num_train_steps": 150,
            "learning_rate": 0.02,
            "train_batch_size": 16,
        }
        runs[name] = flags_of(folder, **dict(settings, **changes))

    dev = {"eval_file": str(folder / "dev.tfrecord"), "do_eval": True}
    add("google", "google", save_checkpoints_steps=150, optimizer="lamb_albert", **dev)
    add("zh", "zh", save_checkpoints_steps=150, optimizer="lamb", **dev)
    add("stopped", "google", stop_step=10, optimizer="lamb_albert")
    add("stopped again", "google", optimizer="lamb_albert")
    add("warm", "google", init_checkpoint=str(folder / "google"), stop_step=1)
    add("warm zh", "zh", init_checkpoint=str(folder / "zh"), stop_step=1)
    add("beheaded", "google", init_checkpoint=str(folder / "headless"), stop_step=1)
    add("other", "google", init_checkpoint=str(folder / "zh"), stop_step=1)
    add("layers", "google", init_checkpoint=str(folder / "google"), init_layers="0,1")
    add("planned", "zh", dry_run=True, max_predictions_per_seq=3)
    return dict(zip(runs, run_many(list(runs.values()))))


@pytest.mark.parametrize("name", ["google", "zh"])
def test_losses_fall_and_are_reported_apart(name, folder, done):
    out_of(done, name)
    results = dict(results_of(folder / name))
    assert set(results) == {
        "global_step",
        "loss",
        "masked_lm_loss",
        "masked_lm_perplexity",
        "masked_lm_accuracy",
        "sentence_order_loss",
        "sentence_order_accuracy",
    }
    assert results["loss"] < np.log(TINY_CONFIG["vocab_size"]) + np.log(2) - 0.4
    assert results["sentence_order_accuracy"] > 0.9
    total = results["masked_lm_loss"] + results["sentence_order_loss"]
    assert results["loss"] == pytest.approx(total, rel=1e-5)


def test_slots_are_named_as_the_originals(folder, done):
    out_of(done, "google")
    for name, slots, shared in (
        ("google", ("adam_m", "adam_v"), "bert/encoder/transformer/group_0/inner_group_0/"),
        ("zh", ("lamb_m", "lamb_v"), "bert/encoder/layer_shared/"),
    ):
        values = checkpoint_values(folder / name / "model.ckpt-150")
        trained = [n for n in values if not n.endswith(slots) and n != "global_step"]
        assert len([n for n in trained if n.startswith(shared)]) == 16
        assert len(values) == 3 * len(trained) + 1
        assert all("{}/{}".format(n, slot) in values for n in trained for slot in slots)


def test_a_stopped_run_is_the_straight_one(folder, done):
    assert "step 10" in out_of(done, "stopped again")
    first, second = (
        checkpoint_values(folder / name / "model.ckpt-150") for name in ("google", "stopped")
    )
    assert set(first) == set(second)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_initial_checkpoints(done):
    assert " 0 new, 0 unused, optimizer state there" in out_of(done, "warm")
    out = out_of(done, "beheaded")
    assert "WARNING: the masked-LM head is not in" in out and "is not whole" not in out
    # The names tell that this is the other network, and its config lacks a key of that.
    assert "google.json: ln_type is missing; add it to the config" in error_of(done, "other")
    message = error_of(done, "layers")
    assert (
        "--init_layers cannot be combined with config" in message
        and "share their weights" in message
    )


def run_config(**changes):
    values = {"output_dir": "x", "train_files": [], "eval_files": [], "train_batch_size": 4}
    return RunConfig(
        **dict(values, objective="albert", max_seq_length=16, max_predictions_per_seq=3, **changes)
    )


def test_the_plan_counts_the_memory_of_shared_layers_each_time_they_run(done):
    """Parameters are those that are stored."""
    assert "plan: 12,042 parameters, adamw with rate 0.02" in out_of(done, "planned")
    tokens, hidden, inner = 4 * 16, 32, 64
    small = AlbertConfig(dict(CONFIGS["google"], num_hidden_layers=1))
    optimizer = OptimizerConfig(learning_rate=1e-3, num_train_steps=2, num_warmup_steps=1)
    once, twice = (
        plan.memory_bytes(run_config(), {"model": model}, optimizer, 1000)
        for model in (small, AlbertConfig(CONFIGS["google"]))
    )
    per_token = plan.KEPT_HIDDEN * hidden + plan.KEPT_INNER * inner + plan.KEPT_SCORES * 2 * 16
    assert twice - once == 4 * tokens * per_token


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """(folder, results of fill_mask and of features by each network)."""
    path = tmp_path_factory.mktemp("predicted")
    prediction_runs.write_text(path / "vocab.txt", "\n".join(prediction_runs.TOKENS) + "\n")
    lines = []
    for name, values in CONFIGS.items():
        sizes = dict(values, vocab_size=len(prediction_runs.TOKENS), max_position_embeddings=40)
        config = read_config(write_json(path / (name + ".json"), sizes))
        write_random(path / name, config)
        given = {
            "bert_config_file": str(path / (name + ".json")),
            "init_checkpoint": str(path / name),
        }
        lines.append((prediction_runs.flags_of(path, "fill_mask", **given), "今天[MASK]气好\n"))
        layers = dict(given, layers="0,1,-1")
        lines.append((prediction_runs.flags_of(path, "features", **layers), "今天天气好\n"))
    return path, prediction_runs.run_many(lines)


def test_predictions_are_the_networks(predicted):
    """Against the checkpoint's own numbers at the same tokens."""
    path, results = predicted
    family = {"google": families.ALBERT, "zh": families.ALBERT_ZH}
    for index, name in enumerate(CONFIGS):
        (filled,) = prediction_runs.results_of(results[2 * index])
        (features,) = prediction_runs.results_of(results[2 * index + 1])
        config = read_config(str(path / (name + ".json")))
        source = sources.open_checkpoint(str(path / name), config, family[name])
        tokens = features["tokens"]
        ids = np.array([[prediction_runs.TOKENS.index(token) for token in tokens]], np.int32)
        inputs = {"input_ids": ids, "input_mask": ids**0, "segment_ids": ids * 0}
        ours = network.outputs(source, ["pooler"], inputs)
        states = [ours[network.HIDDEN_STATES][i][0] for i in (0, 1, 2)]
        assert [layer["index"] for layer in features["layers"]] == [0, 1, -1]
        for layer, expected in zip(features["layers"], states):
            np.testing.assert_allclose(layer["values"], expected, atol=2e-6)
        np.testing.assert_allclose(features["pooled"], ours["pooler"][0], atol=2e-6)
        masked = np.where(np.arange(len(tokens)) == 3, 4, ids)
        scores = network.outputs(source, ["masked_lm"], dict(inputs, input_ids=masked))
        shares = np.exp(scores["masked_lm"][0, 3])
        shares /= shares.sum()
        found = filled["masks"][0]["top"]
        assert len(found) > 2
        for one in found:
            share = shares[prediction_runs.TOKENS.index(one["token"])]
            assert one["probability"] == pytest.approx(share, abs=1e-5)


def test_fine_tuning(tmp_path):
    """From a checkpoint without the heads, whose every other variable is taken."""
    path = tmp_path / "task"
    path.mkdir()
    make_task(path)
    with open(str(path / "config.json"), encoding="utf-8") as f:
        sizes = json.load(f)
    lines = []
    for name, values in CONFIGS.items():
        config = write_json(
            tmp_path / (name + ".json"), dict(values, vocab_size=sizes["vocab_size"])
        )
        write_random(tmp_path / name / "model.ckpt", read_config(config), "cls/")
        lines.append(
            finetuning_flags(
                path,
                bert_config_file=config,
                init_checkpoint=str(tmp_path / name),
                output_dir=str(tmp_path / (name + "_out")),
                num_train_epochs=1,
            )
        )
    for name, (code, out, err) in zip(CONFIGS, script_driver.run_many("run_finetuning", lines)):
        assert code == 0, err
        # The classifier is new, and nothing is left over.
        assert " loaded, 2 new, 0 unused" in out and "is not whole" not in out, out
        assert 0.0 <= dict(results_of(tmp_path / (name + "_out")))["eval_accuracy"] <= 1.0
        assert os.path.exists(str(tmp_path / (name + "_out") / "test_results.tsv"))
