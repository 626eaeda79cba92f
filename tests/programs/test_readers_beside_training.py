"""Programs that read checkpoints while a training saves and removes them."""

import json
import os

import finetuning_runs
import numpy as np
import pretraining_runs
import pytest
from prediction_runs import random_weights
from record_files import TINY_CONFIG, learnable_records, write_json, write_records
from rotation import rotating
from script_driver import run_many

from modeling.conversion.huggingface import write_checkpoint
from modeling.objectives import get_objective
from modeling.objectives.classification import Classification
from training.checkpoints import lock

pytestmark = pytest.mark.tf1

TIMES = 2
STEP = {"global_step": np.array(5, np.int64)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("readers")
    write_records(path / "train.tfrecord", learnable_records(16))
    write_json(path / "small.json", TINY_CONFIG)
    finetuning_runs.make_task(path)
    weights = random_weights(get_objective("bert"), config=TINY_CONFIG)
    write_checkpoint(str(path / "pretrained"), dict(weights, **STEP))
    config = json.loads((path / "config.json").read_text())
    weights = random_weights(Classification("chnsenticorp", 2), config=config)
    write_checkpoint(str(path / "tuned"), dict(weights, **STEP))
    return path


def all_end_well(script, lines):
    done = run_many(script, lines)
    assert [(code, err) for code, _, err in done] == [(0, "")] * len(lines), done
    return [out for _, out, _ in done]


def pretraining(folder, output, **changes):
    settings = {
        "bert_config_file": folder / "small.json",
        "output_dir": folder / output,
        "num_train_steps": 2,
        "eval_file": folder / "train.tfrecord",
    }
    return pretraining_runs.flags_of(folder, **dict(settings, **changes))


def test_evaluation_and_a_start_from_it(folder):
    busy = folder / "pretraining"
    busy.mkdir()
    with rotating(folder / "pretrained", busy):
        evaluating = [pretraining(folder, busy, do_train=None, do_eval=True)] * TIMES
        starting = [
            pretraining(folder, "new{}".format(i), init_checkpoint=busy, do_eval=True)
            for i in range(2)
        ]
        said = all_end_well("run_pretraining", evaluating + starting)
    assert all("evaluating {}/model.ckpt-".format(busy) in out for out in said[:TIMES])
    assert len({out.split("evaluating ")[1].split()[0] for out in said[:TIMES]}) == TIMES
    assert all("weights from {}/model.ckpt-".format(busy) in out for out in said[TIMES:])


def test_fine_tuned_models(folder):
    busy = folder / "tuning"
    (busy / "best").mkdir(parents=True)
    (busy / "best" / "eval_results.txt").write_text("global_step = 5\neval_accuracy = 0.5\n")
    settings = {"do_train": None, "output_dir": busy, "num_train_epochs": None}
    # A training holds the lock of its folder.
    with lock.hold(str(busy)), rotating(folder / "tuned", busy), rotating(
        folder / "tuned", busy / "best"
    ):
        lines = [finetuning_runs.flags_of(folder, **settings)] * TIMES
        all_end_well("run_finetuning", lines)


def test_prediction_and_conversion(folder):
    busy = folder / "predicting"
    busy.mkdir()
    model = {"config_file": folder / "config.json", "vocab_file": folder / "vocab.txt"}
    features = {
        "task": "features",
        "input_file": folder / "vocab.txt",
        "init_checkpoint": busy,
        "bert_config_file": model["config_file"],
        "vocab_file": model["vocab_file"],
        "max_seq_length": 12,
    }
    stripping = [
        dict(model, tf_checkpoint_path=busy, strip_optimizer=folder / "release{}".format(i))
        for i in range(TIMES)
    ]
    with rotating(folder / "tuned", busy):
        for script, runs in (
            ("run_prediction", [dict(features, output_file=folder / "f.jsonl")] * TIMES),
            ("convert_checkpoint", stripping),
        ):
            lines = [["--{}={}".format(*flag) for flag in flags.items()] for flags in runs]
            all_end_well(script, lines)
    assert os.path.exists(str(folder / "release0" / "bert_model.ckpt.index"))
