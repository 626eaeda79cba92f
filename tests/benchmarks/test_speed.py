"""benchmarks/speed.py: what its figures are made of, and that it runs."""

import json
import os
import subprocess
import sys

import pytest
from places import ROOT

from benchmarks.speed import comparisons, curves, report
from benchmarks.speed.rounds import Measured, Subject, Worker, measure, ratio
from benchmarks.speed.shapes import SHAPES

SUBJECT = """
import time
def prepare(threads, seconds):
    return lambda count: time.sleep(count * seconds)
def versions():
    return "none"
"""
_GRAPH = """
import sys
import tensorflow.compat.v1 as tf
from benchmarks.speed.shapes import SHAPES
from benchmarks.speed.subjects import google_graph
google_graph.prepare(SHAPES[sys.argv[1]], 1)
products = 0
for op in tf.get_default_graph().get_operations():
    if op.type in ("MatMul", "BatchMatMulV2"):
        *_, inner = op.inputs[0].shape.as_list()
        rows = op.inputs[0].shape.as_list()[-2]
        if op.type == "MatMul" and op.get_attr("transpose_a"):
            rows, inner = inner, rows
        if op.type == "BatchMatMulV2" and op.get_attr("adj_x"):
            inner = op.inputs[0].shape.as_list()[-2]
        products += 2 * op.outputs[0].shape.num_elements() * inner
print(products)
"""


def test_flops_of_a_step_are_those_of_its_products():
    """But for the small ones: types, pooler, the pair's classes."""
    done = subprocess.run(
        [sys.executable, "-c", _GRAPH, "tiny"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=ROOT),
    )
    counted = int(done.stdout.split()[-1])
    assert SHAPES["tiny"].step_flops() == pytest.approx(counted, rel=0.02)


def test_ratios_are_of_the_same_round():
    measured = {
        "a": Measured([1.0, 2.0, 3.0], [1.0] * 3, {}),
        "b": Measured([2.0, 6.0, 6.0], [4.0] * 3, {}),
    }
    assert ratio(measured, "a", "b") == 2.0
    assert ratio(measured, "b", "a", "wall") == 0.25


def test_keys_and_tables():
    names = (comparisons.GOOGLE, comparisons.HF_BF16, comparisons.BF16)
    measured = {n: Measured([s] * 3, [s] * 3, {}) for n, s in zip(names, (6.0, 3.0, 2.0))}
    keys = report.keys_of({"training_base128": measured})
    assert keys == {"training_base128_over_hf_bf16": 1.5, "training_base128_over_google": 3.0}
    one = comparisons.comparisons()["training_base128"]
    shares = report.share_of_peak(one, measured, {"fp32": 1e12, "bf16": 1e12})
    assert shares[comparisons.BF16] == pytest.approx(SHAPES["base128"].step_flops() / 2e12)
    lines = report.table(one, measured, shares)
    assert len(lines) == 5 and "| 3.00 (3.00-3.00) |" in lines[-1]


def test_texts_of_mixed_lengths():
    lengths = comparisons.mixed_lengths()
    assert len(lengths) == comparisons.MIXED_TEXTS
    assert min(lengths) >= 10 and max(lengths) <= 128
    assert sum(lengths) / len(lengths) == pytest.approx(comparisons.MIXED_MEAN, abs=4)


def test_curves_change_one_size():
    assert [s.seq for s in curves.shapes_of("seq")] == [64, 128, 256, 512]
    assert [s.predictions for s in curves.shapes_of("seq")] == [10, 19, 38, 77]
    assert {s.seq for s in curves.shapes_of("layers")} == {128}


@pytest.fixture
def sleepers(tmp_path):
    """Function of seconds that makes a Subject whose steps take so long."""
    (tmp_path / "sleeping.py").write_text(SUBJECT)
    # Called as a Python is: python -m benchmarks.speed.worker SETTINGS.
    wrapper = tmp_path / "python"
    wrapper.write_text(
        "#!{}\n"
        "import runpy, sys\n"
        "import benchmarks.speed.subjects\n"
        "benchmarks.speed.subjects.__path__.append({!r})\n"
        "del sys.argv[1:3]\n"
        "runpy.run_module('benchmarks.speed.worker', run_name='__main__')\n".format(
            sys.executable, str(tmp_path)
        )
    )
    wrapper.chmod(0o755)
    return lambda seconds: Subject(
        "sleep {}".format(seconds), str(wrapper), {"subject": "sleeping", "seconds": seconds}
    )


def test_workers_take_turns(sleepers):
    measured = measure([sleepers(0.01), sleepers(0.03)], 2, 3, 1)
    assert [len(m.wall) for m in measured.values()] == [3, 3]
    assert ratio(measured, "sleep 0.01", "sleep 0.03", "wall") == pytest.approx(3, rel=0.3)


def test_a_worker_that_fails_is_named():
    with pytest.raises(SystemExit, match=r"(?s)error: x ended:.*No module named"):
        Worker(Subject("x", sys.executable, {"subject": "none_of_that_name"}), 1)


@pytest.mark.parametrize("flag", ["--only=x", "--curves=x"])
def test_wrong_names_are_refused(flag):
    done = subprocess.run(
        [sys.executable, "benchmarks/speed.py", flag], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1 and " is none of " in done.stderr


@pytest.mark.slow
def test_the_command_runs(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/speed.py",
            "--only=training_tiny,inference_tiny",
            "--rounds=2",
            "--output=" + str(tmp_path / "out.json"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out.json").read_text())
    assert set(content["comparisons"]) == {"training_tiny", "inference_tiny"}
