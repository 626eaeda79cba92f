"""A few kills and meetings of benchmarks/kills.py, which tries them all."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = [
    pytest.mark.skipif(sys.version_info < (3, 9), reason="data creation runs on Python 3.9"),
    pytest.mark.skipif(not shutil.which("cc"), reason="the hook needs a C compiler"),
]


def rows_of(*flags):
    """The rows of the table: lists of cells."""
    done = subprocess.run(
        [sys.executable, os.path.join(ROOT, "benchmarks", "kills.py"), "--lanes=1", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


@pytest.mark.parametrize(
    ("cases", "step"),
    [("creation", 16), ("pretraining", 45), ("finetuning", 55), ("to_hugging_face_over_older", 9)],
)
def test_killed_before_an_operation_the_same_command_ends_as_undisturbed(cases, step):
    # The last operations of a run, after which its end would hide what is missing, are among them.
    ((_, operations, tried, otherwise),) = rows_of(
        "--every_operation", "--cases=" + cases, "--step={}".format(step), "--first=3"
    )
    assert int(operations) >= 10 and int(tried) >= 2 and otherwise == "0"


def test_two_programs_on_the_same_files():
    rows = rows_of("--neighbours=2", "--pairs=creation, another;prediction, the same")
    assert [row[0] for row in rows] == ["creation, another", "prediction, the same"]
    assert all(row[1] == "1" and row[-1] == "0" for row in rows)
