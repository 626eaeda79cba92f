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
    permuted_records,
    tagged_records,
    write_json,
    write_records,
)
from script_driver import run_many

SCRIPTS = (
    "pretrain_bert_wwm.sh",
    "pretrain_electra.sh",
    "pretrain_lert.sh",
    "pretrain_macbert.sh",
    "pretrain_pert.sh",
    "pretrain_roberta_wwm_ext.sh",
)


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
    parts = {}
    for name in ("machine.sh", "one_phase.sh"):
        with open(os.path.join(ROOT, "scripts", "tpu", name), encoding="utf-8") as reader:
            parts[name] = reader.read()
    for name in SCRIPTS:
        with open(os.path.join(ROOT, "scripts", "tpu", name), encoding="utf-8") as reader:
            head, code = reader.read().split("set -euo pipefail")
        code += parts["one_phase.sh"] if "/one_phase.sh" in code else ""
        code += parts["machine.sh"]  # a part of each of them
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


SMALL = {
    "max_seq_length": 16,
    "max_predictions_per_seq": 3,
    "train_batch_size": 8,
    "num_train_steps": 4,
    "num_warmup_steps": 1,
}
# In place of Python: notes its arguments, a line each, then an empty line.
RECORDER = """#!/bin/sh
for argument in "$@"; do printf '%s\\n' "$argument"; done >> commands
echo >> commands
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records and configs of tiny models."""
    path = tmp_path_factory.mktemp("scripts")
    unmasked = [
        {name: record[name] for name in ("input_ids", "input_mask", "segment_ids")}
        for record in learnable_records(32)
    ]
    for name, records in (
        ("bert/128", learnable_records(32)),
        ("bert/512", learnable_records(32)),
        ("electra", unmasked),
        ("lert", tagged_records(32)),
        ("pert", permuted_records(32)),
    ):
        (path / name).mkdir(parents=True)
        write_records(path / name / "tf_examples.tfrecord.00000", records)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(0x4E00 + n) for n in range(35)]
    (path / "electra" / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    write_json(path / "config.json", TINY_CONFIG)
    write_json(path / "electra.json", dict(TINY_CONFIG, embedding_size=16))
    (path / "recorder").write_text(RECORDER)
    (path / "recorder").chmod(0o700)
    return path


def start_small(folder, name, python, *arguments, **changes):
    """Starts a script of scripts/tpu for a tiny model on this machine; returns its output."""
    environment = dict(os.environ, USE_TPU="false", PYTHON=python, MODEL_DIR="model")
    environment.update(dict({"INIT_CHECKPOINT": ""}, **changes))
    small = ["--{}={}".format(*item) for item in SMALL.items()]
    small.append("--bert_config_file={}".format(folder / "config.json"))
    path = os.path.join(ROOT, "scripts", "tpu", name)
    done = start(path, folder, environment, *(small + list(arguments)))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def outputs(folder):
    """What run_pretraining.py prints on the commands of the scripts, run in one process."""
    bert = {"DATA_DIR": "bert"}
    electra = ["--bert_config_file=electra.json", "--generator_config_file=", "--do_eval"]
    lert = {"DATA_DIR": "lert", "MODEL_DIR": "lert_model"}
    pert = {"DATA_DIR": "pert", "MODEL_DIR": "pert_model"}
    continued = {"DATA_DIR": "lert", "MODEL_DIR": "continued", "PRESET": "lert_continue"}
    for name, arguments, changes in (
        ("pretrain_bert_wwm.sh", [], bert),
        ("pretrain_bert_wwm.sh", [], bert),
        ("pretrain_electra.sh", electra, {"DATA_DIR": "electra", "MODEL_DIR": "electra_model"}),
        ("pretrain_lert.sh", ["--do_eval"], lert),
        ("pretrain_lert.sh", [], continued),
        ("pretrain_pert.sh", ["--do_eval"], pert),
    ):
        start_small(folder, name, str(folder / "recorder"), *arguments, **changes)
    text = (folder / "commands").read_text(encoding="utf-8")
    commands = [command.split("\n") for command in text.strip().split("\n\n")]
    script = os.path.join(ROOT, "run_pretraining.py")
    assert all(os.path.samefile(command[0], script) for command in commands)
    done = run_many("run_pretraining", [command[1:] for command in commands], folder=str(folder))
    assert all(code == 0 for code, _, _ in done), done
    names = ["phase1", "phase2", "phase1 again", "phase2 again", "electra", "lert", "continued"]
    names.append("pert")
    assert len(done) == len(names)
    return {name: out for name, (_, out, _) in zip(names, done)}


def test_both_phases_run_on_this_machine(folder, outputs):
    first, second = outputs["phase1"], outputs["phase2"]
    assert "preset: bert_wwm_phase1 (" in first and "INIT: a new model" in first
    assert "--train_batch_size=8 (preset: 2560)" in first and "--optimizer=lamb" in first
    # The second phase starts at step 0 from the first one's weights.
    assert "preset: bert_wwm_phase2 (" in second
    assert "phase1" in second.split("INIT:")[1].splitlines()[0] and "step 4/4" in second
    assert (folder / "model" / "phase2" / "checkpoint").exists()
    for phase in ("phase1 again", "phase2 again"):
        assert "nothing to train" in outputs[phase]


def test_roberta_runs_on_this_machine(folder):
    """This one by the shell script, from end to end."""
    changes = {"DATA_DIR": "bert/512", "MODEL_DIR": "roberta", "PRESET": "roberta_wwm_ext_large"}
    name = "pretrain_roberta_wwm_ext.sh"
    output = start_small(folder, name, sys.executable, "--do_eval", **changes)
    assert "preset: roberta_wwm_ext_large (" in output and "step 4/4" in output
    assert "masked_lm_loss" in output and "next_sentence" not in output.split("evaluating")[1]


def test_electra_runs_on_this_machine(outputs):
    output = outputs["electra"]
    assert "preset: electra_small (" in output and "--warmup=multiply" in output
    assert "generator: 1 layers, hidden 8" in output and "step 4/4" in output
    assert "disc_auc" in output.split("evaluating")[1]


def test_lert_runs_on_this_machine(folder, outputs):
    output = outputs["lert"]
    assert "objective: lert" in output and "preset: lert (" in output
    assert "pos_loss" in output.split("evaluating")[1] and "step 4/4" in output
    output = outputs["continued"]
    assert "preset: lert_continue (" in output and "step 4/4" in output
    with open(str(folder / "continued" / "run_config.json"), encoding="utf-8") as reader:
        assert json.load(reader)["run"]["objective_settings"]["lip_steps"] == [0, 0, 0]


def test_pert_runs_on_this_machine(outputs):
    output = outputs["pert"]
    assert "objective: pert" in output and "preset: pert_base (" in output
    assert "position_accuracy" in output.split("evaluating")[1] and "step 4/4" in output
