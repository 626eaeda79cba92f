"""create_sample_zh.sh and run_sample.sh: a small text is learnt by heart."""

import os
import subprocess
import sys

from conftest import ROOT


def run(name, folder, *flags):
    done = subprocess.run(
        ["bash", os.path.join(ROOT, name), "test", *flags],
        cwd=folder,
        env=dict(os.environ, PYTHON=sys.executable, TF_CPP_MIN_LOG_LEVEL="3"),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_masked_piece_is_right_at_the_end(tmp_path):
    run("create_sample_zh.sh", tmp_path)
    shown = run("run_sample.sh", tmp_path).splitlines()[-1]
    results = tmp_path / "test" / "pretraining_output" / "eval_results.txt"
    figures = dict(line.split(" = ") for line in results.read_text().splitlines())
    assert float(figures["masked_lm_accuracy"]) >= 0.99
    assert shown == "masked_lm_accuracy = " + figures["masked_lm_accuracy"]
    assert "next_sentence_accuracy" not in figures
