"""The pinned sets are what setup.py asks for, and fit together."""

import glob
import os
import re
import subprocess
import sys

import pytest
import setuptools
from conftest import ROOT

pytest.importorskip("packaging")

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

SETS = sorted(glob.glob(os.path.join(ROOT, "requirements", "py*-tf*.txt")))


def asked_for(monkeypatch):
    """The arguments that setup.py gives to setuptools."""
    arguments = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: arguments.update(given))
    with open(os.path.join(ROOT, "setup.py"), encoding="utf-8") as reader:
        exec(reader.read(), {"__name__": "__main__"})
    return arguments


def pinned(path):
    """Dict package -> version of a set."""
    with open(path, encoding="utf-8") as reader:
        lines = [line.strip() for line in reader if line.strip() and not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def python_of(path):
    return re.sub(r"py3(\d+)-.*", r"3.\1", os.path.basename(path))


def test_there_is_a_set_for_every_platform():
    names = [os.path.basename(path)[: -len(".txt")] for path in SETS]
    main = ["py3{}-tf2.21.0".format(minor) for minor in (10, 11, 12, 13)]
    assert sorted(names) == sorted([*main, "py311-tf2.15.1", "py37-tf1.15.5"])


@pytest.mark.parametrize("path", SETS, ids=os.path.basename)
def test_a_set_satisfies_setup(path, monkeypatch):
    arguments, versions, python = asked_for(monkeypatch), pinned(path), python_of(path)
    assert SpecifierSet(arguments["python_requires"]).contains(python + ".1")
    environment = {"python_version": python, "extra": ""}
    asked = [Requirement(line) for line in arguments["install_requires"]]
    asked += [Requirement(line) for line in arguments["extras_require"]["gpu"]]
    asked = [one for one in asked if one.marker is None or one.marker.evaluate(environment)]
    assert len(asked) >= 9
    for one in asked:
        version = versions[re.sub(r"[-_.]+", "-", one.name).lower()]
        assert one.specifier.contains(version), (one, version)


def test_pythons_without_a_set_are_refused(monkeypatch):
    allowed = SpecifierSet(asked_for(monkeypatch)["python_requires"])
    assert not any(allowed.contains(version) for version in ("3.6.9", "3.8.1", "3.9.1", "3.14.0"))


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the oldest set has a known complaint")
def test_this_environment_fits_together():
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
