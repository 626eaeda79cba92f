"""Faults of the command line are told before TensorFlow, PyTorch or transformers is imported."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

# Runs a program as `python PROGRAM ...` does; prints which of the slow packages it has imported.
RUN = """
import json, runpy, sys
words = json.loads(sys.argv[1])
sys.argv = words
sys.path.insert(0, "")
try:
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")
except SystemExit as stop:
    slow = [name for name in ("tensorflow", "torch", "transformers") if name in sys.modules]
    print(json.dumps([stop.code, slow]))
"""
CONFIG, VOCABULARY = "sample/bert_config.json", "sample/vocab.txt"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "run_pretraining.py --do_train --output_dir=/nowhere/out --input_file=/nowhere/rows "
            "--init_checkpoint=/nowhere/model --config_file=" + CONFIG,
            "no file matches /nowhere/rows (--input_file)",
        ),
        (
            "run_finetuning.py --do_train --task_name=tnews --data_dir=/nowhere --output_dir=out "
            "--init_checkpoint=/nowhere/model --config_file={} --vocab_file={}".format(
                CONFIG, VOCABULARY
            ),
            "--data_dir /nowhere does not exist",
        ),
        (
            "run_prediction.py --task=tags --config_file={} --vocab_file=/nowhere/vocab.txt "
            "--init_checkpoint=/nowhere/model".format(CONFIG),
            "vocabulary file /nowhere/vocab.txt does not exist",
        ),
        (
            "convert_checkpoint.py --pytorch_dump_path=/nowhere/out --tf_checkpoint_path=/nowhere "
            "--config_file=" + CONFIG,
            "checkpoint /nowhere does not exist",
        ),
        (
            "-m data.extend_vocab --words=sample/masked.txt --output_dir=/nowhere/out "
            "--init_checkpoint=/nowhere/model --bert_config_file={} --vocab_file={}".format(
                CONFIG, VOCABULARY
            ),
            "checkpoint /nowhere/model does not exist",
        ),
    ],
    ids=lambda value: value.split(" --")[0] if " --" in value else "",
)
# Those that are read with TensorFlow, checkpoints, come last.
def test_a_missing_file_costs_no_slow_import(command, message):
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(command.split())],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
    )
    assert message in done.stderr.decode("utf-8")
    code, slow = json.loads(done.stdout.decode("utf-8").splitlines()[-1])
    assert (code, slow) == (1, [])
