"""Runs the main function of a script once for each command line, in one process:
script_driver.py run_pretraining [hurried]

Reads a JSON list of [list of flags, standard input] from standard input, writes a JSON list of
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
from unittest import mock

import preloaded_python
from fast_sessions import hurry
from places import ROOT


def run_many(script, command_lines, texts=None, timeout=600, folder=None, hurried=True):
    """[exit code, stdout, stderr] of each command line, all in one other process.

    Args:
      script: "run_pretraining" and the like.
      command_lines: list of lists of flags.
      texts: what each reads from standard input, None = nothing.
      timeout: in seconds, for all of them.
      folder: where they run; the test session's own by default.
      hurried: see fast_sessions. Without it, results are those of a script's own process to the
        last bit.
    """
    texts = texts or [""] * len(command_lines)
    done = subprocess.run(
        [preloaded_python.shared(), os.path.abspath(__file__), script] + ["hurried"] * hurried,
        input=json.dumps(list(zip(command_lines, texts))),
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=ROOT),
        timeout=timeout,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def out_of(done, name):
    """Standard output of the run `name` in a dict of run_many's results; it ended well, without a
    word on standard error."""
    code, out, err = done[name]
    assert (code, err) == (0, ""), (out, err)
    return out


def error_of(done, name):
    """The one line `error: ...` with which the run `name` stopped."""
    code, out, err = done[name]
    assert code == 1 and err.startswith("error: ") and err.count("\n") == 1, out + err
    return err


def run_one(script, arguments, text):
    """[code, stdout, stderr] of one command line; 2 and the traceback for a crash."""
    from absl.testing import flagsaver

    from cli.app import one_line, parse_flags

    # As where no locale is set; what scripts write is UTF-8 all the same.
    read, out = (io.TextIOWrapper(io.BytesIO(b), "ascii") for b in (text.encode("utf-8"), b""))
    err = io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(flagsaver.flagsaver())
        stack.enter_context(mock.patch.object(sys, "stdin", read))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        try:
            rest = parse_flags([script.__name__] + arguments)
            code = one_line(script.main)(rest)
        except SystemExit as stop:
            code = stop.code
        except Exception:
            code = 2
            traceback.print_exc(file=err)
    out.flush()
    return [code or 0, out.buffer.getvalue().decode("utf-8"), err.getvalue()]


if __name__ == "__main__":
    chosen = importlib.import_module(sys.argv[1])
    if hasattr(chosen, "_define_flags"):  # a program that defines them only where it is run
        from absl import flags

        chosen._define_flags(flags)
    if sys.argv[2:]:
        hurry()
    json.dump([run_one(chosen, *one) for one in json.load(sys.stdin)], sys.stdout)
