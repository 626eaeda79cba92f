"""Replicas train as one: two virtual CPUs under MirroredStrategy against one with all rows."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import HAS_COMPILER, needs_compiler
from places import ROOT, SUPPORT
from record_files import PREDICTIONS, TINY_CONFIG, learnable_records, shortened, write_records

import optimization
from common.errors import UserError
from modeling.config import BertConfig
from modeling.objectives import get_objective
from optimization.config import OPTIMIZERS, optimizer_class
from optimization.weight_decay import WeightDecayOptimizer
from training.devices import strategies
from training.devices.strategies import check_batch
from training.model_fn import make_forward
from training.run_config import RunConfig

pytestmark = pytest.mark.tf1

BATCH, STEPS, CLIP_NORM = 8, 5, 0.5  # as in distribution_driver.py
POISON = 39  # an id that learnable_records() does not use
OPTIMIZER_KINDS = ["google_style"] + sorted(OPTIMIZERS)


def uneven_records():
    """Rows of which the second four of each batch hold a third of the masks, one row none."""
    records = learnable_records(BATCH * STEPS)
    for index, record in enumerate(records):
        place = index % BATCH
        if place >= BATCH // 2:
            record["masked_lm_weights"] = np.float32([place != 5, 0, 0])
        else:
            record["masked_lm_weights"] = np.ones(PREDICTIONS, np.float32)
    return records


def poisoned_records():
    """uneven_records(), of which the third batch has a poisonous row for the second replica."""
    records = uneven_records()
    records[2 * BATCH + 6]["input_ids"][1] = POISON
    return records


def cases_in(folder):
    """name -> case of distribution_driver.py; some resume the runs of others."""
    poisoned = {
        "train_file": write_records(folder / "poisoned", poisoned_records()),
        "poison": POISON,
        "save_steps": 1,
    }
    resumed = dict(poisoned, replicas=2, output_dir=str(folder / "poisoned_two"))
    init = str(folder / "one" / "model.ckpt-{}".format(STEPS))
    cases = {
        "one": {},
        "two": {"replicas": 2},
        "num_micro_batches": {"replicas": 2, "num_micro_batches": 2},
        "wrong": {"replicas": 2, "counts": "own"},
        "lamb_one": {"optimizer": "lamb"},
        "lamb_two": {"optimizer": "lamb", "replicas": 2},
        "poisoned_one": poisoned,
        "poisoned_two": dict(resumed, stop_step=3),
        "poisoned_again": resumed,
        "init_one": {"init": init},
        "init_two": {"init": init, "replicas": 2},
        "dropout": {"replicas": 2, "dropout": 0.1},
        "taught_one": {"teacher": init},
        "taught_two": {"teacher": init, "replicas": 2, "num_micro_batches": 2},
    }
    short = write_records(folder / "short", shortened(learnable_records(BATCH * STEPS), 2, 7))
    packed = {"train_file": short, "packed": True}
    cases["packed_one"] = packed
    cases["packed_two"] = dict(packed, replicas=2, num_micro_batches=2)
    if HAS_COMPILER:
        cases["fused_one"] = {"kernels": "fused"}
        cases["fused_two"] = {"kernels": "fused", "replicas": 2, "num_micro_batches": 2}
        cases["fused_dropout"] = {"kernels": "fused", "replicas": 2, "dropout": 0.1}
    for kind in OPTIMIZER_KINDS:
        cases[kind] = {"optimizer_alone": kind}
    return cases


def run_cases(folder, cases):
    """Results of distribution_driver.py by name, all in one process."""
    train_file = write_records(folder / "train", uneven_records())
    listed = [
        dict({"output_dir": str(folder / name), "train_file": train_file}, **case)
        for name, case in cases.items()
    ]
    done = subprocess.run(
        [
            sys.executable,
            os.path.join(ROOT, "tests", "support", "devices", "distribution_driver.py"),
        ],
        input=json.dumps(listed),
        capture_output=True,
        text=True,
        env=dict(
            os.environ, PYTHONPATH=os.pathsep.join([ROOT, *SUPPORT]), TF_CPP_MIN_LOG_LEVEL="3"
        ),
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return dict(zip(cases, json.loads(done.stdout)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distribution")


@pytest.fixture(scope="module")
def results(folder):
    return run_cases(folder, cases_in(folder))


def variables_of(folder, step=STEPS):
    reader = tf.train.NewCheckpointReader(str(folder / "model.ckpt-{}".format(step)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def scalars_of(folder, tag):
    """The values that TensorBoard shows, by step."""
    values = {}
    for path in folder.glob("events.out.*"):
        for event in tf.train.summary_iterator(str(path)):
            values.update((event.step, v.simple_value) for v in event.summary.value if v.tag == tag)
    return values


def largest_difference(one, other):
    """Over all variables, weights and slots."""
    assert sorted(one) == sorted(other)
    return max(float(np.max(np.abs(one[name] - other[name]))) for name in one)


def shown_losses(result):
    """What the lines of a run show of losses."""
    lines = [line for line in result["log"] if "  loss " in line]
    return [line.split("  ")[1:4] for line in lines]


TAGS = ("loss", "masked_lm_loss", "next_sentence_loss", "gradient_norm")


def assert_like_one(folder, results, one, names, tags=TAGS):
    """Weights, slots, what is shown; clipping acts, and replicas hold different mask counts."""
    expected = variables_of(folder / one)
    assert min(scalars_of(folder / one, "gradient_norm").values()) > CLIP_NORM
    for name in names:
        assert largest_difference(expected, variables_of(folder / name)) < 1e-6
        assert len(results[name]["apart"]) == len(expected)
        assert set(results[name]["apart"].values()) == {0.0}
        assert shown_losses(results[name]) == shown_losses(results[one])
        for tag in tags:
            shown = scalars_of(folder / name, tag)
            assert sorted(shown) == [1, 2, 3, 4, 5]
            assert shown == pytest.approx(scalars_of(folder / one, tag), rel=2e-6)


def test_two_replicas_train_like_one(folder, results):
    assert_like_one(folder, results, "one", ["two", "num_micro_batches"])
    # The comparison would see a mean over replicas.
    assert largest_difference(variables_of(folder / "one"), variables_of(folder / "wrong")) > 1e-3


def test_two_replicas_with_packed_rows_train_like_one(folder, results):
    """Each packs its own part of a batch."""
    tags = [tag for tag in TAGS if tag != "next_sentence_loss"]
    assert_like_one(folder, results, "packed_one", ["packed_two"], tags)
    assert any(
        "packing: the 8 texts of a batch in" in line for line in results["packed_two"]["log"]
    )


def test_two_replicas_with_a_teacher_train_like_one(folder, results):
    """Each has a copy of the teacher; its divergence is divided by the masks of all."""
    assert_like_one(folder, results, "taught_one", ["taught_two"])
    # Small differences of larger numbers.
    for tag, least in (("soft_label_loss", 5e-3), ("hidden_loss", 0.1), ("attention_loss", 5e-5)):
        one, two = (scalars_of(folder / name, tag) for name in ("taught_one", "taught_two"))
        assert two == pytest.approx(one, rel=1e-4) and min(one.values()) > least, tag


def test_two_replicas_train_like_one_with_lamb(folder, results):
    assert_like_one(folder, results, "lamb_one", ["lamb_two"])


@needs_compiler
def test_two_replicas_train_like_one_with_fusions(folder, results):
    assert_like_one(folder, results, "fused_one", ["fused_two"])
    ordinary, fused, dropped = (
        variables_of(folder / name) for name in ("one", "fused_one", "fused_dropout")
    )
    assert largest_difference(ordinary, fused) < 1e-5
    assert largest_difference(fused, dropped) > 1e-3
    assert set(results["fused_dropout"]["apart"].values()) == {0.0}


@pytest.mark.slow
def test_two_replicas_train_like_one_with_lamb_of_albert(tmp_path):
    one = {"optimizer": "lamb_albert"}
    results = run_cases(tmp_path, {"one": one, "two": dict(one, replicas=2)})
    assert_like_one(tmp_path, results, "one", ["two"])


def initial_losses(folder, rows):
    """(numerator, denominator) of the masked-LM loss of `rows`, at the initial weights."""
    run = RunConfig(str(folder), "bert", [], [], None)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(run.seed)  # as the estimator does
        features = {}
        for name in rows[0]:
            values = np.stack([row[name] for row in rows])
            features[name] = tf.constant(np.float32(values) if "w" in name else np.int32(values))
        step = tf.train.get_or_create_global_step()
        forward = make_forward(BertConfig(TINY_CONFIG), get_objective("bert"), run, step)
        ratio = forward(features).losses["masked_lm_loss"]
        session.run(tf.global_variables_initializer())
        return session.run([ratio.numerator, ratio.denominator])


def test_the_loss_shown_is_the_joint_one(folder, results, tmp_path):
    """By hand: 12 masks in one half, 3 in the other; the mean of means is another number."""
    rows = uneven_records()[:BATCH]
    (top, count), (other_top, other_count) = [
        initial_losses(tmp_path, half) for half in (rows[: BATCH // 2], rows[BATCH // 2 :])
    ]
    assert (count, other_count) == (12.0, 3.0)
    shown = scalars_of(folder / "two", "masked_lm_loss")[1]
    assert shown == pytest.approx((top + other_top) / (count + other_count), rel=2e-6)
    assert abs(shown - (top / count + other_top / other_count) / 2) > 0.001


def test_a_gradient_not_finite_on_one_replica_and_a_restart(folder, results):
    """The third update is skipped on both; the run resumes from its checkpoint after it."""
    first, rest = results["poisoned_two"]["log"], results["poisoned_again"]["log"]
    told = [line for line in first + rest if "WARNING" in line]
    assert len(told) == 1
    assert "step 3: the gradient is not finite" in told[0] and told[0].endswith("1 so far")
    assert [line for line in rest if "RESUME" in line and "(step 3)" in line]
    before, after = (variables_of(folder / "poisoned_two", step) for step in (2, 3))
    assert [name for name in before if np.any(before[name] != after[name])] == ["global_step"]
    one, two = (variables_of(folder / name) for name in ("poisoned_one", "poisoned_two"))
    assert largest_difference(one, two) < 1e-6
    assert largest_difference(after, two) > 1e-3
    for name in ("poisoned_two", "poisoned_again"):
        assert set(results[name]["apart"].values()) == {0.0}


def test_replicas_start_from_a_checkpoint_with_its_slots(folder, results):
    one, two = (variables_of(folder / name) for name in ("init_one", "init_two"))
    assert largest_difference(one, two) < 1e-6
    assert set(results["init_two"]["apart"].values()) == {0.0}
    assert largest_difference(two, variables_of(folder / "two")) > 1e-3


def test_replicas_draw_different_dropout_masks(results):
    result = results["dropout"]
    drawn = [(replica, step) for replica, step, _ in result["masks"]]
    assert drawn == [(replica, step) for replica in (0, 1) for step in range(STEPS)]
    assert len({checksum for _, _, checksum in result["masks"]}) == 2 * STEPS
    assert set(result["apart"].values()) == {0.0}


def test_optimizers_keep_replicas_together(results):
    """Replicas have different gradients; one optimizer written as Google's are shows the trap."""
    alone = {kind: results[kind] for kind in OPTIMIZER_KINDS}
    wrong = alone.pop("google_style")
    if "refused" in wrong:  # TensorFlow 1.15
        assert "aggregation" in wrong["refused"]
    else:
        for first, second in wrong["copies"].values():
            assert np.min(np.abs(np.subtract(first, second))) > 0.01
    for result in alone.values():
        assert len(result["copies"]) == 3  # the weight and its two moments
        for first, second in result["copies"].values():
            assert first == second


def subclasses_of(kind):
    """All of them, below each other, too."""
    return [k for direct in kind.__subclasses__() for k in [direct] + subclasses_of(direct)]


def test_no_optimizer_takes_over_what_strategies_need():
    for module in pkgutil.iter_modules(optimization.__path__):
        importlib.import_module("optimization." + module.name)
    kinds = [WeightDecayOptimizer] + subclasses_of(WeightDecayOptimizer)
    assert {optimizer_class(name) for name in OPTIMIZERS} <= set(kinds)
    for kind in kinds:
        for method in ("minimize", "compute_gradients", "apply_gradients"):
            assert getattr(kind, method) is getattr(tf.train.Optimizer, method), (kind, method)


def test_batches_divide_over_replicas_and_micro_batches():
    run = RunConfig("out", "bert", [], [], None, train_batch_size=24)
    check_batch(run, 4, replicas=2)
    message = r"24 is not a multiple of 16 \(--gradient_accumulation_steps x 4 replicas\)"
    with pytest.raises(UserError, match=message):
        check_batch(run, 4, replicas=4)


def test_an_evaluation_writes_nothing_to_a_directory_that_is_read_only(tmp_path, monkeypatch):
    config = RunConfig(str(tmp_path), "bert", [], [])
    estimator = strategies.Devices().make_estimator(lambda features, params: None, config)
    assert estimator.eval_dir() == str(tmp_path / "eval")
    monkeypatch.setattr(strategies.os, "access", lambda path, mode: False)
    scratch = estimator.eval_dir()
    assert os.path.isdir(scratch) and not scratch.startswith(str(tmp_path))
    assert estimator.eval_dir() == scratch


def test_where_an_evaluation_can_be_within_a_training():
    assert strategies.Devices().can_run_other_graphs()
    assert not strategies.Devices(master="grpc://127.0.0.1:8470").can_run_other_graphs()
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    assert not strategies.Devices(strategy=strategy).can_run_other_graphs()
