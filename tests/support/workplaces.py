"""A folder that looks like the project's, in which the commands of its pages are run."""

import contextlib
import os
import subprocess

import preloaded_python
from places import ROOT


@contextlib.contextmanager
def workplace(folder):
    """Makes `folder` look like the project's, so that what is written stays out of that; its
    bin/python serves until the block ends."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    for name in {line.split("/")[0] for line in tracked.splitlines()}:
        os.symlink(os.path.join(ROOT, name), str(folder / name))
    (folder / "bin").mkdir()
    with preloaded_python.install(folder / "bin", folder / "socket"):
        yield folder


def run(command, folder):
    """The finished process of a shell's command line in a workplace."""
    path = "{}:{}".format(folder / "bin", os.environ["PATH"])
    return subprocess.run(
        ["bash", "-c", command],
        cwd=str(folder),
        env=dict(os.environ, PATH=path),
        capture_output=True,
        text=True,
        timeout=900,
    )
