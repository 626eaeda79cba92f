"""benchmarks/precision_curves.py: its tables, and the curves that it reads."""

import json
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from places import ROOT

from benchmarks import precision_curves as curves

LOSSES = {curves.FP32: 6.5, curves.BF16: 6.51, curves.CHANCE: 6.48}


def test_tables():
    runs = {name: {"held_out": [[10, 7.0], [20, loss]]} for name, loss in LOSSES.items()}
    assert curves.pretraining_lines(runs)[2:] == [
        "| fp32 plain | 20 | 6.5000 | +0.0000 |",
        "| bf16 fused | 20 | 6.5100 | +0.0100 |",
        "| fp32 plain, other dropout | 20 | 6.4800 | -0.0200 |",
    ]
    lines = curves.tuning_lines({curves.FP32: [0.8, 0.81, 0.82], curves.BF16: [0.8, 0.8, 0.83]})
    assert lines[2:] == [
        "| fp32 plain | 80.0 81.0 82.0 | 81.0 | 2.0 |",
        "| bf16 fused | 80.0 80.0 83.0 | 81.0 | 3.0 |",
    ]


def test_a_curve_of_event_files(tmp_path):
    with tf.Graph().as_default():
        writer = tf.summary.FileWriter(str(tmp_path))
        for step in (2, 1):
            values = [tf.Summary.Value(tag=tag, simple_value=step) for tag in ("loss", "rate")]
            writer.add_summary(tf.Summary(value=values), step)
        writer.close()
    assert curves.curve(str(tmp_path)) == [[1, 1.0], [2, 2.0]]
    assert curves.curve(str(tmp_path / "none")) == []


@pytest.mark.slow
def test_the_command_runs(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/precision_curves.py",
            "--output_dir=" + str(tmp_path),
            "--layers=1",
            "--hidden=64",
            "--steps=8",
            "--trials=1",
            "--task=tsv=sample/classification,num_train_epochs=1,max_seq_length=32",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    path = tmp_path / "precision_curves.json"
    assert path.exists(), done.stderr
    settings = json.loads(path.read_text())["settings"]
    assert settings["task"] == "tsv,num_train_epochs=1,max_seq_length=32"
    assert done.stdout.count("| bf16 fused |") == 2
