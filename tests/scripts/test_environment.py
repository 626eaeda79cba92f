"""scripts/environment.sh: which Python it takes, and what it says where it takes none."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.tf2_15
TOOLS = ("bash", "env", "dirname", "cat", "tail", "rm", "mkdir", "ln")
# Answers like an interpreter of some versions; `-m venv FOLDER` makes one that is the same.
FAKE_PYTHON = """#!/usr/bin/env bash
[ {runs} = yes ] || exit 127
case $1 in
-c) case $2 in
    *hashlib*) echo digest ;;
    *print*) echo {version} | tr -d . ;;
    *) for asked in "${{@:3}}"; do [ "$asked" != {version} ] || exit 0; done; exit 1 ;;
    esac ;;
-m) case $2 in
    venv) mkdir -p "$3/bin"; ln -s "$0" "$3/bin/python" ;;
    pip) echo "pip of {version}: $*" ;;
    pytest) echo "pytest of {version}: ${{*:3}}" ;;
    esac ;;
esac
"""
# Makes an environment with the interpreter that it was made for.
FAKE_UV = """#!/usr/bin/env bash
[ "$1" != --version ] || exit 0
echo "uv $*"
mkdir -p "${{@: -1}}/bin"; ln -s {python} "${{@: -1}}/bin/python"
"""


class Machine:
    """The set-up scripts alone, and a PATH with the tools they call but no Python."""

    def __init__(self, folder):
        self.project, self.tools, self._home = folder / "p", folder / "tools", folder / "home"
        for name in ("scripts", "requirements"):
            shutil.copytree(os.path.join(ROOT, name), str(self.project / name))
        self.tools.mkdir()
        self._home.mkdir()
        for name in (*TOOLS, "tr"):
            os.symlink(shutil.which(name), str(self.tools / name))

    def add(self, name, text):
        """Writes an executable file into the PATH, or at a path below the home."""
        path = self.tools / name if "/" not in name else self._home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def add_python(self, name, version, runs="yes"):
        return self.add(name, FAKE_PYTHON.format(version=version, runs=runs))

    def start(self, script, *arguments, **environment):
        return subprocess.run(
            [str(self.tools / "bash"), os.path.join("scripts", script), *arguments],
            cwd=str(self.project),
            env=dict({"PATH": str(self.tools), "HOME": str(self._home)}, **environment),
            capture_output=True,
            text=True,
            timeout=300,
        )


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def one_line(result):
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("error: ")
    return result.stderr


@pytest.mark.parametrize("script", ["quickstart.sh", "test.sh"])
def test_no_python_is_said_in_a_line_with_the_commands_that_bring_one(machine, script):
    line = one_line(machine.start(script))
    assert "no Python 3.13, 3.12, 3.11, 3.10 with venv was found" in line
    commands = re.search(r"these two commands bring one: (.*); (.*) \(or", line)
    assert commands.group(1).startswith("curl ") and commands.group(1).endswith("| sh")
    assert commands.group(2) == "~/.local/bin/uv python install 3.13"


def test_the_newest_that_runs_is_taken(machine):
    machine.add_python("python3", "3.11")
    machine.add_python("python3.10", "3.10")
    machine.add_python("python3.12", "3.12")
    machine.add_python("python3.13", "3.13", runs="no")  # like a shim of pyenv
    machine.add_python("python3.14", "3.14")
    done = machine.start("test.sh", "some arguments")
    assert done.returncode == 0, done.stderr
    assert "installing requirements/py312-tf2.21.0.txt into .venv" in done.stdout
    assert "pytest of 3.12: some arguments" in done.stdout
    again = machine.start("test.sh")
    assert "installing" not in again.stdout and "pytest of 3.12: -q -n 2" in again.stdout


def test_one_of_pyenv_is_found(machine):
    machine.add_python(".pyenv/versions/3.13.4/bin/python", "3.13")
    machine.add_python("python3", "3.10")
    assert "requirements/py313-tf2.21.0.txt" in machine.start("test.sh").stdout


@pytest.mark.parametrize(
    ("tensorflow", "python", "marked"),
    [
        ("2.15.1", "3.11", "(tf2_15 or (tf1 and not programs)) and not slow"),
        ("1.15.5", "3.7", "tf1 and not slow"),
    ],
)
def test_older_releases_have_environments_of_their_own(machine, tensorflow, python, marked):
    machine.add_python("python3.13", "3.13")
    line = one_line(machine.start("test.sh", QUANCI_TENSORFLOW=tensorflow))
    assert "no Python {} with venv was found".format(python) in line
    machine.add_python("python" + python, python)
    done = machine.start("test.sh", QUANCI_TENSORFLOW=tensorflow)
    folder = ".venv-tf" + tensorflow
    name = "py{}-tf{}.txt".format(python.replace(".", ""), tensorflow)
    assert "installing requirements/{} into {}".format(name, folder) in done.stdout
    assert done.stdout.endswith("-m {}\n".format(marked))
    assert os.path.isfile(os.path.join(ROOT, "requirements", name))
    assert (machine.project / folder).exists() and not (machine.project / ".venv").exists()


def test_the_quickstart_needs_what_makes_records(machine):
    line = one_line(machine.start("quickstart.sh", QUANCI_TENSORFLOW="1.15.5"))
    assert "TensorFlow 1.15.5 does not" in line


def test_windows_is_sent_to_its_linux(machine):
    machine.add_python("python3.13", "3.13")
    assert "run the script in WSL 2" in one_line(machine.start("test.sh", OSTYPE="msys"))


def test_an_unknown_release_is_refused(machine):
    line = one_line(machine.start("test.sh", QUANCI_TENSORFLOW="2.16"))
    assert "QUANCI_TENSORFLOW=2.16 has no pinned requirements; it can be 2.21.0, 2.15.1" in line


def test_a_python_that_is_named_must_suit(machine):
    machine.add_python("python3.13", "3.13")
    old = str(machine.add_python("old", "3.9"))
    line = one_line(machine.start("test.sh", QUANCI_PYTHON=old))
    assert "QUANCI_PYTHON={} is no Python 3.13, 3.12, 3.11, 3.10 with venv".format(old) in line
    named = str(machine.add_python("named", "3.10"))
    done = machine.start("test.sh", QUANCI_PYTHON=named)
    assert "requirements/py310-tf2.21.0.txt" in done.stdout


@pytest.mark.parametrize("place", ["uv", ".local/bin/uv"])
def test_uv_brings_a_python(machine, place):
    python = machine.add_python(".local/share/uv/python", "3.13")
    machine.add(place, FAKE_UV.format(python=python))
    machine.add_python("python3", "3.9")
    done = machine.start("test.sh")
    assert done.returncode == 0, done.stderr
    assert "uv venv --quiet --seed --python 3.13 .venv" in done.stdout
    assert "requirements/py313-tf2.21.0.txt" in done.stdout


def test_a_folder_of_the_users_is_left_alone(machine):
    machine.add_python("python3.13", "3.13")
    (machine.project / ".venv").mkdir()
    (machine.project / ".venv" / "notes").write_text("mine")
    line = one_line(machine.start("test.sh"))
    assert ".venv is there but was not made by this script" in line
    assert (machine.project / ".venv" / "notes").read_text() == "mine"


def test_every_main_python_has_its_pinned_set():
    for version in ("310", "311", "312", "313"):
        path = os.path.join(ROOT, "requirements", "py{}-tf2.21.0.txt".format(version))
        with open(path, encoding="utf-8") as reader:
            lines = [line for line in reader.read().splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines)
        assert {"tensorflow==2.21.0", "tensorflow-estimator==2.15.0"} <= set(lines)
        assert any(line.startswith("numpy==2.") for line in lines)


def test_no_network_is_said_in_a_line(machine):
    base = os.path.realpath(os.path.join(sys.base_prefix, "bin", "python3"))
    result = machine.start(
        "quickstart.sh",
        QUANCI_PYTHON=base,
        PIP_CONFIG_FILE="/dev/null",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="0",
        PIP_NO_CACHE_DIR="1",
    )
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: pip could not install requirements/") and "network" in last
