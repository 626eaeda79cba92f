"""Runs run_pretraining.main once for each command line, in one process.

Reads a JSON list of lists of flags from standard input, writes a JSON list of
[exit code, standard output, standard error]. One import of TensorFlow serves all, and no other
script's flags are defined in this process.
"""

import contextlib
import io
import json
import sys
import traceback

from absl import flags
from absl.testing import flagsaver

import run_pretraining
from errors import one_line


def run_one(arguments):
    """[code, stdout, stderr] of one command line; 2 and the traceback for a crash."""
    out, err = io.StringIO(), io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            rest = flags.FLAGS(["run_pretraining.py"] + arguments)
            code = one_line(run_pretraining.main)(rest)
        except Exception:
            code = 2
            traceback.print_exc(file=err)
    return [code or 0, out.getvalue(), err.getvalue()]


if __name__ == "__main__":
    json.dump([run_one(arguments) for arguments in json.load(sys.stdin)], sys.stdout)
