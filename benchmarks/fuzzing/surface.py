"""Surfaces to fuzz: each writes a damaged input and gives the command line that reads it."""

import gzip
import json
import os
import shutil
from typing import Callable, NamedTuple


class Surface(NamedTuple):
    """A reader of bytes from outside.

    Attributes:
      name: for tables.
      kind: name of the script that reads the input; each kind has processes of its own.
      weight: relative number of inputs.
      write: function (rng, seeds, folder) that writes an input below `folder` and returns the flags
        of the script's main function.
    """

    name: str
    kind: str
    weight: float
    write: Callable


def flags_of(**values):
    """Words of a command line, without the flags that are None."""
    return ["--{}={}".format(name, value) for name, value in values.items() if value is not None]


def put(path, content):
    """Writes bytes; returns the path."""
    with open(path, "wb") as f:
        f.write(content)
    return path


def get(path):
    """The bytes of a file, unpacked where its name ends in .gz."""
    with open(path, "rb") as f:
        content = f.read()
    return gzip.decompress(content) if path.endswith(".gz") else content


def get_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def copy_tree(source, target):
    """A copy with the same times, which fingerprints depend on."""
    shutil.copytree(source, target)
    return target


def change_file(rng, folder, names, mutate):
    """Replaces one of the files `names` of a folder by mutate(rng, content)."""
    path = os.path.join(folder, rng.choice(sorted(names)))
    return put(path, mutate(rng, get(path)))
