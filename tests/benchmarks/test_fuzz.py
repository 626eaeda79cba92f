"""Sixty damaged inputs through the scripts (benchmarks/fuzz.py): none may be a defect."""

import glob
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from conftest import ROOT

COUNT = 60


def fuzz(tmp_path, *flags):
    return subprocess.run(
        [
            sys.executable,
            os.path.join(ROOT, "benchmarks", "fuzz.py"),
            "--failures={}".format(tmp_path / "failures"),
            *flags,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )


@pytest.mark.skipif(sys.version_info < (3, 9), reason="data creation runs on Python 3.9 and above")
def test_damaged_inputs_are_refused_in_one_line(tmp_path):
    done = fuzz(tmp_path, "--count={}".format(COUNT), "--seed=suite")
    assert done.returncode == 0, done.stdout
    total = done.stdout.split("| all |")[1].split("|")
    inputs, successes, errors, defects = (int(number) for number in total[:4])
    assert defects == 0 and inputs == successes + errors
    # The damage is neither too light nor too heavy to show anything.
    assert successes > COUNT // 10 and errors > COUNT // 3
    assert not (tmp_path / "failures").exists()


@pytest.mark.tf1
def test_damaged_configs_and_checkpoints(tmp_path):
    done = fuzz(tmp_path, "--count=20", "--seed=tf1", "--surfaces=(convert),checkpoint")
    assert done.returncode == 0, done.stdout


def test_a_defect_is_seen_and_kept(tmp_path):
    """A worker that dies and one that hangs, in place of the scripts."""
    sys.path.insert(0, os.path.join(ROOT, "benchmarks"))
    import fuzz as driver

    for code, said in (
        ("import os; print('\"ready\"', flush=True); input(); os.abort()", "died with code -6"),
        ("import time; print('\"ready\"', flush=True); time.sleep(60)", "no end after 0.5 s"),
    ):
        worker = driver.Worker(
            "x",
            SimpleNamespace(seconds=0.5, failures=str(tmp_path), seed="1", work_dir=str(tmp_path)),
        )
        worker._command = [sys.executable, "-c", code]
        surface = type("Surface", (), {"name": "a/b c"})
        worker._start()
        os.mkdir(worker._input)
        answer = worker.read(driver.Input(surface, 3))
        worker.close()
        assert answer["outcome"] == "defect" and said in answer["detail"]
        assert said in (tmp_path / "a_b_c-3" / "DEFECT.txt").read_text()


def test_nothing_is_left_of_a_run_that_is_stopped(tmp_path):
    command = [sys.executable, os.path.join(ROOT, "benchmarks", "fuzz.py"), "--workers=1"]
    process = subprocess.Popen(
        [*command, "--count=100", "--surfaces=raw", "--failures={}".format(tmp_path / "failures")],
        env=dict(os.environ, TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.time() + 120
    while not glob.glob(str(tmp_path / "quanci-fuzz-*" / "*" / "1" / "seeds" / "*")):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert not os.listdir(str(tmp_path))


@pytest.mark.parametrize(
    "code, err, outcome",
    [
        (0, "", "ok"),
        (0, "records:   0%|  | 0\rrecords: 100%|##| 9\n", "ok"),
        (1, "error: x\n", "refused"),
        (1, "\rrecords:  50%|# |\nerror: x\n", "refused"),
        (1, "some remark\nerror: x\n", "defect"),
        (0, "some remark\n", "defect"),
        (1, "", "defect"),
        (1, "error: x\nerror: y\n", "defect"),
        (1, "error: x\nand more\n", "defect"),
        (1, "error: " + "x" * 6000, "defect"),
        (0, "error: x\n", "defect"),
        (2, "Traceback (most recent call last):\n", "defect"),
        (0, "Traceback (most recent call last):\n", "defect"),
        (-11, "", "defect"),
    ],
)
def test_what_counts_as_a_defect(code, err, outcome):
    sys.path.insert(0, os.path.join(ROOT, "benchmarks"))
    from fuzzing import worker

    assert worker.judge(code, err)[0] == outcome
