"""The scripts that start trainings on TPUs, run on this machine."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from flag_probe import probe
from record_files import (
    TINY_CONFIG,
    learnable_records,
    tagged_records,
    write_json,
    write_records,
)

SCRIPTS = (
    "pretrain_bert_wwm.sh",
    "pretrain_electra.sh",
    "pretrain_lert.sh",
    "pretrain_roberta_wwm_ext.sh",
)


@pytest.mark.tf1
@pytest.mark.parametrize("name", SCRIPTS)
def test_shell_scripts_parse_and_say_what_is_missing(name, tmp_path):
    path = os.path.join(ROOT, "scripts", "tpu", name)
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path]).returncode == 0
    environment = {"PATH": os.environ["PATH"], "PYTHON": "true"}
    given = {"DATA_DIR": "d", "MODEL_DIR": "m", "INIT_CHECKPOINT": "", "TPU_NAME": "t"}
    for variable, value in given.items():
        done = start(path, tmp_path, environment)
        assert done.returncode != 0 and variable + ": " in done.stderr, done.stderr
        environment[variable] = value
    assert start(path, tmp_path, environment).returncode == 0


def test_the_flags_of_the_shell_scripts_exist():
    known = {name: probe(name)["flags"] for name in ("run_pretraining", "create_pretraining_data")}
    with open(os.path.join(ROOT, "scripts", "tpu", "machine.sh"), encoding="utf-8") as reader:
        machine = reader.read()  # a part of each of them
    for name in SCRIPTS:
        with open(os.path.join(ROOT, "scripts", "tpu", name), encoding="utf-8") as reader:
            head, code = reader.read().split("set -euo pipefail")
        code += machine
        records = head[head.index("python create_pretraining_data.py") :]
        for script, text in (("create_pretraining_data", records), ("run_pretraining", code)):
            used = set(re.findall(r"--(\w+)=", text))
            assert len(used) >= 6 and not used - set(known[script]), (name, script)


def start(path, folder, environment, *arguments):
    return subprocess.run(
        ["bash", path] + list(arguments),
        cwd=str(folder),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def tiny_run(tmp_path):
    """Starts a script of scripts/tpu on this machine with a tiny model; returns its output."""
    for folder in ("128", "512", "."):
        (tmp_path / "records" / folder).mkdir(parents=True, exist_ok=True)
        write_records(
            tmp_path / "records" / folder / "tf_examples.tfrecord.00000", learnable_records(32)
        )
    config = write_json(tmp_path / "config.json", TINY_CONFIG)

    def run(name, *arguments, **changes):
        environment = dict(
            os.environ,
            USE_TPU="false",
            PYTHON=sys.executable,
            DATA_DIR="records",
            MODEL_DIR="model",
            INIT_CHECKPOINT="",
        )
        environment.update(changes)
        small = "--max_seq_length=16 --max_predictions_per_seq=3 --train_batch_size=8 "
        small += "--num_train_steps=4 --num_warmup_steps=1 --bert_config_file=" + config
        path = os.path.join(ROOT, "scripts", "tpu", name)
        done = start(path, tmp_path, environment, *(small.split() + list(arguments)))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_both_phases_run_on_this_machine(tiny_run, tmp_path):
    output = tiny_run("pretrain_bert_wwm.sh")
    first, second = output.split("preset: bert_wwm_phase2 (")
    assert "preset: bert_wwm_phase1 (" in first and "INIT: a new model" in first
    assert "--train_batch_size=8 (preset: 2560)" in first and "--optimizer=lamb" in first
    # The second phase starts at step 0 from the first one's weights.
    assert "phase1" in second.split("INIT:")[1].splitlines()[0] and "step 4/4" in second
    assert (tmp_path / "model" / "phase2" / "checkpoint").exists()
    again = tiny_run("pretrain_bert_wwm.sh")
    assert again.count("nothing to train") == 2


def test_roberta_runs_on_this_machine(tiny_run):
    output = tiny_run("pretrain_roberta_wwm_ext.sh", "--do_eval", PRESET="roberta_wwm_ext_large")
    assert "preset: roberta_wwm_ext_large (" in output and "step 4/4" in output
    assert "masked_lm_loss" in output and "next_sentence" not in output.split("evaluating")[1]


def test_electra_runs_on_this_machine(tiny_run, tmp_path):
    unmasked = [
        {name: record[name] for name in ("input_ids", "input_mask", "segment_ids")}
        for record in learnable_records(32)
    ]
    write_records(tmp_path / "records" / "tf_examples.tfrecord.00000", unmasked)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(0x4E00 + n) for n in range(35)]
    (tmp_path / "records" / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = write_json(tmp_path / "electra.json", dict(TINY_CONFIG, embedding_size=16))
    flags = ("--bert_config_file=" + config, "--generator_config_file=", "--do_eval")
    output = tiny_run("pretrain_electra.sh", *flags)
    assert "preset: electra_small (" in output and "--warmup=multiply" in output
    assert "generator: 1 layers, hidden 8" in output and "step 4/4" in output
    assert "disc_auc" in output.split("evaluating")[1]


def test_lert_runs_on_this_machine(tiny_run, tmp_path):
    write_records(tmp_path / "records" / "tf_examples.tfrecord.00000", tagged_records(32))
    output = tiny_run("pretrain_lert.sh", "--do_eval")
    assert "objective: lert" in output and "preset: lert (" in output
    assert "pos_loss" in output.split("evaluating")[1] and "step 4/4" in output
    output = tiny_run("pretrain_lert.sh", PRESET="lert_continue", MODEL_DIR="continued")
    assert "preset: lert_continue (" in output and "step 4/4" in output
    with open(str(tmp_path / "continued" / "run_config.json"), encoding="utf-8") as reader:
        assert json.load(reader)["run"]["lip_steps"] == [0, 0, 0]
