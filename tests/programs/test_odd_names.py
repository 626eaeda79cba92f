"""A path is never a pattern: folders and files of any name, beside ones that it would match."""

import json
import os
import shutil

import finetuning_runs
import pretraining_runs
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import WORDS, save
from odd_names import NEIGHBOUR, ODD, digests
from prediction_runs import random_weights
from record_files import TINY_CONFIG, learnable_records, write_json, write_records
from script_driver import run_many

from modeling.conversion.huggingface import write_checkpoint
from modeling.objectives.classification import Classification
from training.checkpoints import recovery

pytestmark = pytest.mark.tf1

# Names of outputs, and of others that they would match.
RUN, OTHER_RUN = "run[1]", "run1"
TUNED, OTHER_TUNED = "tuned[1]", "tuned1"
START, OTHER_START = "start[1]*", "start1x"


def pretraining(folder, name, **changes):
    settings = {
        "input_file": str(folder / "train[1],a.tfrecord"),
        "eval_file": str(folder / " dev "),
        "bert_config_file": str(folder / "small.json"),
        "output_dir": str(folder / name),
        "num_train_steps": 4,
        "save_checkpoints_steps": 2,
        "keep_checkpoint_max": 1,
        "do_eval": True,
    }
    return pretraining_runs.flags_of(folder, **dict(settings, **changes))


def tuning(folder, name, **changes):
    settings = {"output_dir": str(folder / name), "num_train_epochs": 0.5}
    return finetuning_runs.flags_of(folder, **dict(settings, **changes))


def ended_well(script, *lines):
    """Standard output of each command line."""
    done = run_many(script, list(lines))
    assert [(code, err) for code, _, err in done] == [(0, "")] * len(lines), done
    return [out for _, out, _ in done]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of an odd name with inputs of all programs. Beside it and in it are others, which
    those names mean as patterns; they are as they were when the tests are over."""
    path = tmp_path_factory.mktemp("names") / ODD
    path.mkdir()
    write_records(path / "train[1],a.tfrecord", learnable_records(32))
    write_records(path / "train1,a.tfrecord", learnable_records(3))
    write_records(path / " dev ", learnable_records(9, seed=9))
    finetuning_runs.make_task(path)
    write_json(path / "small.json", TINY_CONFIG)
    config = json.loads((path / "config.json").read_text())
    weights = random_weights(Classification("chnsenticorp", 2), config=config)
    for name in (START, OTHER_START):
        write_checkpoint(str(path / name), weights)
    for name in (OTHER_RUN, OTHER_TUNED):
        for place in (path / name, path / name / "best"):
            place.mkdir()
            for step in (2, 4, 8):
                save(place / "model.ckpt-{}".format(step), {WORDS: [9, 4]}, step=step)
            recovery.write_state(str(place), ["model.ckpt-8"])
            (place / "eval_results.txt").write_text("global_step = 8\nloss = 0.001\n")
    other = path.parent / NEIGHBOUR
    shutil.copytree(str(path), str(other))
    assert tf.io.gfile.glob(str(path)) == [str(other)]  # TensorFlow's idea of that name
    kept = [path / OTHER_RUN, path / OTHER_TUNED, other]
    before = [digests(place) for place in kept]
    yield path
    assert [digests(place) for place in kept] == before


def test_pretraining(folder):
    trained, resumed, evaluated = ended_well(
        "run_pretraining",
        pretraining(folder, RUN),
        pretraining(folder, RUN, num_train_steps=6),
        pretraining(folder, RUN, do_train=False),
    )
    assert "INIT: a new model" in trained and "RESUME: continuing" in resumed
    assert "(step 4)" in resumed
    assert "evaluating " in evaluated and evaluated.count("RUN/model.ckpt-6") == 0
    indexes = [name for name in os.listdir(str(folder / RUN)) if name.endswith(".index")]
    assert indexes == ["model.ckpt-6.index"]
    assert (folder / RUN / "checkpoint").read_text() == (
        'model_checkpoint_path: "model.ckpt-6"\nall_model_checkpoint_paths: "model.ckpt-6"\n'
    )
    assert len(pretraining_runs.results_of(folder / RUN / "best")) > 3
    assert [name for name in os.listdir(str(folder / RUN)) if name.startswith("events.out")]


@pytest.fixture(scope="module")
def tuned(folder):
    """Standard output of fine-tuning and of a run that only evaluates and predicts."""
    return ended_well(
        "run_finetuning",
        tuning(folder, TUNED, init_checkpoint=str(folder / START)),
        tuning(folder, TUNED, do_train=None),
    )


def test_fine_tuning(folder, tuned):
    assert "INIT: a new run, weights from" in tuned[0]
    assert "chnsenticorp" in tuned[1]
    names = os.listdir(str(folder / TUNED))
    assert {"eval_results.txt", "best", "task.json", "checkpoint"} <= set(names)


def test_prediction(folder, tuned):
    source, target = folder / "-in[1].txt", folder / "-out[1]*.jsonl"
    source.write_text("天地好人\n他坏大小\n", encoding="utf-8")
    settings = {
        "task": "classify",
        "bert_config_file": folder / "config.json",
        "vocab_file": folder / "vocab.txt",
        "input_file": source,
        "output_file": target,
    }
    for model in (folder / TUNED, folder / START):
        if model == folder / START:
            shutil.copy(str(folder / TUNED / "task.json"), str(folder))
        flags = dict(settings, init_checkpoint=model)
        ended_well("run_prediction", ["--{}={}".format(*flag) for flag in flags.items()])
        lines = target.read_text(encoding="utf-8").splitlines()
        assert len([json.loads(line) for line in lines]) == 2
        target.unlink()
    shutil.rmtree(str(folder / "task.json"), ignore_errors=True)


def test_conversion(folder, tuned):
    pytest.importorskip("transformers")
    made = [
        {
            "tf_checkpoint_path": folder / TUNED,
            "config_file": folder / "config.json",
            "vocab_file": folder / "vocab.txt",
            "pytorch_dump_path": folder / "hf[1]*",
        },
        {"from_pytorch": folder / "hf[1]*", "tf_dump_path": folder / "tf[1]*" / "x[1]*"},
        {
            "tf_checkpoint_path": folder / START,
            "config_file": folder / "config.json",
            "vocab_file": folder / "vocab.txt",
            "strip_optimizer": folder / "release[1]*",
        },
    ]
    lines = [["--{}={}".format(*flag) for flag in flags.items()] for flags in made]
    said = ended_well("convert_checkpoint", *lines)
    assert all("largest difference" in out for out in said[:2])
    assert "x[1]*.index" in os.listdir(str(folder / "tf[1]*"))
    assert "bert_model.ckpt.index" in os.listdir(str(folder / "release[1]*"))
