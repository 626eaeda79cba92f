"""--kernels and --precision of the programs that train and predict."""

import json
import os
import subprocess
import sys

import finetuning_runs
import numpy as np
import prediction_runs
import pretraining_runs
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from kernel_kinds import HAS_COMPILER, needs_compiler
from places import ROOT
from pretraining_runs import checkpoint_values, results_of
from record_files import TINY_CONFIG, learnable_records, write_json, write_records

tf.disable_v2_behavior()
STEPS, MIDDLE = 12, 6
BF16 = {"kernels": "fused", "precision": "bf16"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("numerics")
    write_records(path / "train.tfrecord", learnable_records(64))
    write_records(path / "dev.tfrecord", learnable_records(13, seed=9))
    write_json(path / "config.json", TINY_CONFIG)
    # Wide enough that some updates are compiled, and the softmax of the vocabulary.
    dropout = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    write_json(path / "dropout.json", dict(TINY_CONFIG, vocab_size=2100, **dropout))
    return path


def command(folder, name, **changes):
    values = {
        "output_dir": str(folder / name),
        "num_train_steps": STEPS,
        "save_checkpoints_steps": MIDDLE,
    }
    return pretraining_runs.flags_of(folder, **dict(values, **changes))


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr] of pre-trainings, in this order."""
    evaluated = {"eval_file": str(folder / "dev.tfrecord"), "do_eval": True}
    dropout = dict(
        evaluated,
        bert_config_file=str(folder / "dropout.json"),
        gradient_accumulation_steps=2,
        **BF16,
    )
    again = dict(dropout, kernels=None, precision="auto")
    runs = {
        "straight": command(folder, "straight", **dropout),
        "half": command(folder, "halves", stop_step=MIDDLE, **dropout),
        "other half": command(folder, "halves", **again),
        "plain": command(folder, "plain", stop_step=MIDDLE, **evaluated),
        "fused": command(folder, "fused", stop_step=MIDDLE, kernels="fused", **evaluated),
        "lamb": command(folder, "lamb", optimizer="lamb", **BF16),
        "changed": command(folder, "plain", precision="bf16", kernels="plain"),
        "dry": command(folder, "dry", dry_run=True, **BF16),
    }
    return dict(zip(runs, pretraining_runs.run_many(list(runs.values()))))


def run_config_of(path):
    with open(str(path / "run_config.json"), encoding="utf-8") as reader:
        return json.load(reader)["run"]


def largest_difference(one, other):
    assert set(one) == set(other)
    return max(np.max(np.abs(one[name] - other[name])) for name in one)


@pytest.mark.tf2_15
@needs_compiler
def test_all_runs_end_well_and_say_what_they_compute_with(folder, done):
    for name, (code, _, err) in done.items():
        assert (code, err) == (0, ""), name
    assert "kernels: fused, products in bfloat16" in done["straight"][1]
    assert "kernels: compiled in the first step, which took" in done["straight"][1]
    assert "kernels: " not in done["plain"][1]
    for name, expected in (("straight", ["bf16", "fused"]), ("fused", ["fp32", "fused"])):
        config = run_config_of(folder / name)
        assert [config["precision"], config["kernels"]] == expected


@pytest.mark.tf2_15
@needs_compiler
def test_a_resumed_run_ends_with_the_same_bits(folder, done):
    """With dropout, bfloat16, accumulation and evaluations in between; auto keeps both."""
    assert "RESUME" in done["other half"][1] and "kernels: fused" in done["other half"][1]
    assert "the steps before had" not in done["other half"][1]
    straight, halves = (
        checkpoint_values(folder / name / "model.ckpt-{}".format(STEPS))
        for name in ("straight", "halves")
    )
    assert set(straight) == set(halves)
    for name, value in straight.items():
        assert value.dtype in (np.float32, np.int64)
        np.testing.assert_array_equal(value, halves[name], err_msg=name)


@pytest.mark.tf2_15
@needs_compiler
def test_fusions_train_like_ordinary_operations(folder, done):
    one, other = (
        checkpoint_values(folder / name / "model.ckpt-{}".format(MIDDLE))
        for name in ("plain", "fused")
    )
    assert 0 < largest_difference(one, other) < 1e-5
    for (name, value), (other_name, other_value) in zip(
        *(results_of(folder / name) for name in ("plain", "fused"))
    ):
        assert name == other_name and value == pytest.approx(other_value, rel=1e-5)


@pytest.mark.tf2_15
@needs_compiler
def test_other_settings_than_before_are_said(done):
    assert (
        "WARNING: the steps before had --precision='fp32', from here on it is bf16"
        in (done["changed"][1])
    )


@needs_compiler
def test_nothing_is_added_to_standard_error(folder):
    """In a process of its own, where XLA greets."""
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    flags = command(folder, "alone", num_train_steps=2, **BF16)
    script = os.path.join(ROOT, "run_pretraining.py")
    result = subprocess.run(
        [sys.executable, script, *flags], capture_output=True, text=True, env=env, timeout=300
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.tf1
@pytest.mark.skipif(HAS_COMPILER, reason="of TensorFlow 1")
def test_tensorflow_1_refuses_in_one_sentence(folder):
    runs = [command(folder, "refused", kernels="fused"), command(folder, "refused", **BF16)]
    runs.append(command(folder, "refused", precision="auto"))
    fused, bf16, auto = pretraining_runs.run_many(runs)
    assert fused[0] == bf16[0] == 1 and auto[0] == 0
    assert fused[2].startswith("error: --kernels=fused needs TensorFlow 2")
    assert bf16[2].startswith("error: --precision=bf16 needs a TPU, or TensorFlow 2")


@pytest.mark.tf2_15
@needs_compiler
def test_fine_tuning_in_bfloat16(tmp_path):
    """The task is learned as in float32, and predicted. One session each: every one compiles."""
    finetuning_runs.make_task(tmp_path)
    flags = finetuning_runs.flags_of(tmp_path, do_eval=None, **BF16)
    ((code, out, err),) = script_driver.run_many("run_finetuning", [flags])
    assert (code, err) == (0, "")
    assert "kernels: fused, products in bfloat16" in out
    config = run_config_of(tmp_path / "out")
    assert (config["precision"], config["kernels"]) == ("bf16", "fused")
    accuracies = [float(line.split(" = ")[1]) for line in out.splitlines() if "accuracy = " in line]
    assert max(accuracies) > 0.8


@pytest.mark.tf2_15
@needs_compiler
@pytest.mark.parametrize("task", ["fill_mask", "features", "classify"])
def test_predictions_in_bfloat16_are_near(tmp_path, task):
    """Lines of many lengths, a last batch that is short, and empty lines."""
    prediction_runs.write_model(tmp_path)
    lines = [
        "今天天气[MASK]",
        "",
        "[MASK][MASK]好。[MASK]",
        "今天 play[MASK] dog。" * 2,
        "天[MASK]。",
    ]
    if task == "classify":
        lines = ["今天天气好", "天", "play dog。" * 3]
    text = "\n".join(lines) + "\n"
    flags = [
        prediction_runs.flags_of(tmp_path, task, batch_size=2, **changes)
        for changes in ({}, {"kernels": "fused"}, BF16, dict(BF16, kernels="plain"))
    ]
    plain, fused, *bf16 = [
        prediction_runs.results_of(run)
        for run in prediction_runs.run_many([(line, text) for line in flags])
    ]
    assert len(plain) == len(lines)
    assert furthest(plain, fused) < 1e-4
    for results in bf16:
        assert 0 < furthest(plain, results) < 0.3


def furthest(one, other):
    """The largest difference of numbers at the same places of two JSON values, 0 for what is not of
    the same shape: names of tokens and their order may differ where probabilities are close."""
    if isinstance(one, dict):
        return max([furthest(one[k], other[k]) for k in one if k in other], default=0)
    if isinstance(one, list):
        return max(map(furthest, one, other), default=0)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    return 0
