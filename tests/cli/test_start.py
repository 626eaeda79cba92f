"""The imports of programs: silent, or one line."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from cli import start

pytestmark = pytest.mark.tf1
# As a program does that comes to need TensorFlow.
USE = """
from cli.app import prepare_tensorflow
from common.lazy_tensorflow import tf
prepare_tensorflow()
tf.constant
"""


def run(code, *further_paths, **environment):
    """A finished Python that runs code in the project's folder."""
    path = os.pathsep.join([*map(str, further_paths), ROOT])
    environment = dict(os.environ, PYTHONPATH=path, **environment)
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )


def one_line(done):
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    return done.stderr


def test_a_missing_tensorflow_is_one_line():
    line = one_line(run("import sys; sys.modules['tensorflow'] = None" + USE))
    assert "the Python package tensorflow is not installed for " + sys.executable in line
    assert "requirements/" in line


def test_packages_that_do_not_fit_are_named(tmp_path):
    """As numpy 1 beside a SciPy that was built for numpy 2, which TensorFlow imports."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("import numpy; numpy.no_longer_there\n")
    line = one_line(run(USE, tmp_path))
    assert "the Python packages do not fit together: AttributeError: module 'numpy' has no" in line
    assert "Python {}.{}.".format(*sys.version_info[:2]) in line
    assert "numpy " in line and "protobuf " in line and "-m pip check" in line


def test_a_fault_of_a_module_of_this_project_keeps_its_traceback(tmp_path):
    for text, words in (
        ("from common import no_such_thing", "ImportError"),
        ("import cli.no_such_module", "ModuleNotFoundError"),
    ):
        code = "from cli.start import watched_imports\nwith watched_imports():\n    " + text
        done = run(code)
        assert done.returncode == 1 and "Traceback" in done.stderr and words in done.stderr


def test_imports_of_tensorflow_say_nothing():
    code = "from cli.start import watched_imports\nwith watched_imports():\n    import tensorflow"
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_keras_is_not_imported_for_nothing():
    pytest.importorskip("tf_keras")
    code = "from cli.start import watched_imports\nwith watched_imports():\n    "
    code += "from training import estimators; estimators.load()\n"
    code += "import sys; print([name for name in ('keras', 'sklearn') if name in sys.modules])"
    done = run(code)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_only_greetings_are_dropped(capfd):
    lines = (
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        b"I0000 00:00:1795966841.599910   13008 port.cc:153] oneDNN custom operations are on.\n"
        b"E0000 00:00:1795966841.599910   13008 cuda_dnn.cc:8310] Unable to register\n"
        b"To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.\n"
        b"Illegal instruction\n"
    )
    with pytest.raises(KeyError), start.without_greetings():
        os.write(2, lines)
        raise KeyError
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == (
        "E0000 00:00:1795966841.599910   13008 cuda_dnn.cc:8310] Unable to register\n"
        "Illegal instruction\nafterwards\n"
    )


def test_a_closed_standard_error_is_no_fault():
    done = subprocess.run(
        [
            "bash",
            "-c",
            '"$0" -c "$1" 2>&-',
            sys.executable,
            "from cli.start import *\nwith watched_imports(): import numpy\nprint('there')",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "there\n")


def test_protobuf_runs_in_c():
    from google.protobuf.internal import api_implementation

    assert api_implementation.Type() in ("upb", "cpp")


def test_protobuf_in_pure_python_is_a_warning():
    pure = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    done = run(USE, **pure)
    assert done.stdout.count("WARNING: protobuf ") == 1, done.stdout + done.stderr
    assert "runs in pure Python here" in done.stdout
    assert "unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
