"""PERT from records to checkpoints, through run_pretraining.py."""

import numpy as np
import pytest
from checkpoint_files import save
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    learnable_records,
    permuted_records,
    write_json,
    write_records,
)
from script_driver import error_of, out_of

from modeling import checkpoint
from modeling.config import BertConfig
from modeling.objectives import get_objective
from modeling.objectives.classification import Classification
from training.model_fn import model_parameters

HEAD = "cls/position_predictions/"
STEPS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pert")
    write_records(path / "train.tfrecord", permuted_records(2000))
    write_records(path / "dev.tfrecord", permuted_records(40, 7))
    write_records(path / "masked.tfrecord", learnable_records(20))
    config = dict(TINY_CONFIG, num_hidden_layers=2)
    write_json(path / "config.json", config)
    store = model_parameters(BertConfig(config), get_objective("roberta"), SEQ, PREDICTIONS)
    save(path / "bert.ckpt", {name: list(shape) for name, shape in store.shapes().items()})
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, standard output, standard error] of all runs, in one process."""
    runs = {}

    def add(name, **changes):
        settings = {"output_dir": str(folder / name.split()[0]), "num_train_steps": 8}
        runs[name] = flags_of(folder, **dict(settings, **changes))

    dev = {"do_eval": True, "eval_file": str(folder / "dev.tfrecord")}
    long = {"num_train_steps": STEPS, "num_warmup_steps": 30, "learning_rate": 0.003}
    add("long", train_batch_size=64, **long, **dev)
    add("straight")
    parts = {"pack": True, "gradient_accumulation_steps": 2}
    add("stopped", stop_step=3, **parts)
    add("stopped again", **parts)
    masked = {"input_file": str(folder / "masked.tfrecord"), "dry_run": True}
    add("warm", init_checkpoint=str(folder / "bert.ckpt"), dry_run=True)
    add("other", objective="pert", **masked)
    return dict(zip(runs, run_many(list(runs.values()))))


def newest(folder, step=8):
    return checkpoint_values(folder / "model.ckpt-{}".format(step))


@pytest.mark.tf1
def test_the_objective_is_told_by_the_records_and_is_learnt(folder, done):
    said = out_of(done, "long")
    assert "objective: pert (no manifest, and" in said and "has permuted_labels" in said
    results = dict(results_of(folder / "long"))
    assert results["loss"] == results["position_loss"] < 2.0 < np.log(SEQ)
    assert results["position_accuracy"] > 0.4
    values = newest(folder / "long", STEPS)
    assert sorted(name for name in values if name.startswith(HEAD) and "adam" not in name) == [
        HEAD + "output_bias",
        HEAD + "transform/LayerNorm/beta",
        HEAD + "transform/LayerNorm/gamma",
        HEAD + "transform/dense/bias",
        HEAD + "transform/dense/kernel",
    ]
    assert not [name for name in values if "seq_relationship" in name or "cls/predictions" in name]


def test_resumed_packed_and_in_micro_batches_it_is_the_same_training(folder, done):
    assert "RESUME" in out_of(done, "stopped again")
    straight, resumed = newest(folder / "straight"), newest(folder / "stopped")
    assert set(resumed) == set(straight)
    for name, value in straight.items():
        np.testing.assert_allclose(resumed[name], value, atol=2e-5, err_msg=name)


def test_a_model_without_the_head_gives_its_encoder(folder, done):
    """One calm line; the head of a masked language model is not used."""
    said = out_of(done, "warm")
    assert "the position head is not in {}".format(folder / "bert.ckpt") in said
    assert "start at random values; it is new, as a model that was trained on something" in said
    assert "unused: cls/predictions" in said and not done["warm"][2]


def test_fine_tuning_takes_the_encoder(folder, done):
    out_of(done, "straight")
    config = BertConfig.from_json_file(str(folder / "config.json"))
    store = model_parameters(config, Classification("topics", 3), SEQ, PREDICTIONS)
    prefix = str(folder / "straight" / "model.ckpt-8")
    plan = checkpoint.plan_loading(prefix, store.shapes(), config.source)
    assert sorted(plan.new) == ["output_bias", "output_weights"] and not plan.gaps()
    assert {name.startswith(HEAD) for name in plan.unused} == {True}


def test_records_without_permutations_are_refused(done):
    assert "feature permuted_positions is missing" in error_of(done, "other")
