"""Runs the main function of a script once for each command line, in one process:
script_driver.py run_pretraining

Reads a JSON list of lists of flags from standard input, writes a JSON list of
[exit code, standard output, standard error]. One import of TensorFlow serves all, and no other
script's flags are defined in this process. run_many() is the other end of it.
"""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run_many(script, command_lines, timeout=300):
    """[exit code, stdout, stderr] of each command line, all in one other process.

    Args:
      script: "run_pretraining" and the like.
      command_lines: list of lists of flags.
      timeout: in seconds, for all of them.
    """
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), script],
        input=json.dumps(command_lines),
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=ROOT),
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_one(script, arguments):
    """[code, stdout, stderr] of one command line; 2 and the traceback for a crash."""
    from absl import flags
    from absl.testing import flagsaver

    from errors import one_line

    out, err = io.StringIO(), io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            rest = flags.FLAGS([script.__name__] + arguments)
            code = one_line(script.main)(rest)
        except Exception:
            code = 2
            traceback.print_exc(file=err)
    return [code or 0, out.getvalue(), err.getvalue()]


if __name__ == "__main__":
    chosen = importlib.import_module(sys.argv[1])
    json.dump([run_one(chosen, arguments) for arguments in json.load(sys.stdin)], sys.stdout)
