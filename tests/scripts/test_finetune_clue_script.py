"""scripts/finetune_clue.sh on this machine: all tasks that are there, and what the site takes."""

import json
import os
import re
import subprocess
import sys

from conftest import ROOT
from flag_probe import probe
from record_files import TINY_CONFIG, write_json

from data.tokenizers.wordpiece import SPECIAL_TOKENS

SCRIPT = os.path.join(ROOT, "scripts", "finetune_clue.sh")


def start(environment, *arguments):
    return subprocess.run(
        ["bash", SCRIPT, *arguments],
        env=dict({"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"}, **environment),
        capture_output=True,
        text=True,
    )


def test_what_is_missing_is_said(tmp_path):
    environment = {"PYTHON": "true"}
    for variable in ("MODEL_DIR", "DATA_DIR", "OUTPUT_DIR"):
        done = start(environment)
        assert done.returncode != 0 and variable + ": " in done.stderr
        environment[variable] = str(tmp_path / variable)
    done = start(environment)
    assert done.returncode == 1 and "holds a folder for none of: afqmc tnews" in done.stderr
    assert done.stdout.count(" is skipped\n") == 12


def test_its_flags_exist():
    with open(SCRIPT, encoding="utf-8") as reader:
        code = reader.read().split("set -euo pipefail")[1]
    used = set(re.findall(r"--(\w+)=", code))
    assert len(used) == 9 and not used - set(probe("run_finetuning")["flags"])


def test_two_tasks(tmp_path):
    model, data, output = tmp_path / "model", tmp_path / "data", tmp_path / "out"
    tokens = SPECIAL_TOKENS + tuple("天地人你我他好坏")
    (data / "afqmc_public").mkdir(parents=True)
    (data / "cluener").mkdir()
    model.mkdir()
    (model / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = dict(TINY_CONFIG, vocab_size=len(tokens), max_position_embeddings=128)
    write_json(model / "bert_config.json", config)
    pair = {"sentence1": "天地", "sentence2": "人", "label": "0"}
    person = {"text": "我你好", "label": {"name": {"我": [[0, 0]]}}}
    for split, count in (("train", 32), ("dev", 2), ("test", 3)):
        for folder, row in (("afqmc_public", pair), ("cluener", person)):
            rows = [dict(row, id=i) for i in range(count)]
            if split == "test":
                rows = [{k: v for k, v in row.items() if k != "label"} for row in rows]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (data / folder / (split + ".json")).write_text(text)
    environment = {
        "PYTHON": sys.executable,
        "MODEL_DIR": str(model),
        "DATA_DIR": str(data),
        "OUTPUT_DIR": str(output),
        "INIT_CHECKPOINT": "",
    }
    done = start(environment, "--num_train_epochs=1", "--max_seq_length=16")
    assert done.returncode == 0, done.stderr
    assert "tnews is skipped" in done.stdout
    found = {path.name: path.read_text() for path in (output / "submission").iterdir()}
    assert sorted(found) == ["afqmc_predict.json", "cluener_predict.json"]
    assert [json.loads(line)["id"] for line in found["afqmc_predict.json"].splitlines()] == [
        0,
        1,
        2,
    ]
