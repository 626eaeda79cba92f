"""Programs whose streams are closed or full, or which get too little of the machine."""

import glob
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT
from creation_runs import FLAGS, contents, make


def run(output, limits="", redirection="", **flags):
    """The finished process of a data creation under a shell's limits and redirections."""
    command = [sys.executable, "create_pretraining_data.py"]
    flags = dict(FLAGS, output_file=output, dupe_factor=1, **flags)
    command += ["--{}={}".format(*flag) for flag in flags.items()]
    line = "{}\nexec {} {}".format(limits, " ".join(map(shlex.quote, command)), redirection)
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("redirection", "place"),
    [("2>&-", "out"), ("2>/dev/full", "out"), (">&-", "err"), (">&- 2>&-", None)],
)
def test_an_error_is_said_where_somebody_can_read_it(tmp_path, redirection, place):
    done = run(tmp_path / "r", redirection=redirection, num_workers=-1)
    line = "error: --num_workers must be 0 or more, found -1\n"
    assert done.returncode == 1
    assert (done.stdout, done.stderr) == (line * (place == "out"), line * (place == "err"))


@pytest.mark.parametrize(
    ("limits", "redirection", "message"),
    [
        ("ulimit -n 16", "", "too many open files; raise the limit (ulimit -n)"),
        ("ulimit -v 140000", "", "out of memory; close other programs"),
        ("", ">/dev/full", "cannot write to standard output: No space left on device"),
    ],
)
def test_shortages_are_one_line(tmp_path, limits, redirection, message):
    done = run(tmp_path / "r", limits, redirection, num_workers=2, masking_unit="word")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: " + message) and done.stderr.count("\n") == 1, done.stderr


def test_closed_streams_lend_their_numbers_to_no_file(tmp_path):
    """What a library writes to standard error would go into a shard."""
    done = run(tmp_path / "r", redirection="<&- >&- 2>&-", num_workers=2)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    names = ["r-{:05d}-of-00008".format(i) for i in range(8)]
    expected = contents(make(tmp_path / "expected", names=names, dupe_factor=1)[0])
    assert contents(sorted(glob.glob(str(tmp_path / "r-*")))) == expected
