"""What is fuzzed: a surface writes one damaged input and names the command line that reads it."""

import collections
import gzip
import json
import os
import shutil

# name: for tables; kind: the script that reads it, each in a process of its own; weight: share of
# the inputs; write: function (rng, seeds, folder) that writes an input below `folder` and returns
# the flags of the script's main function.
Surface = collections.namedtuple("Surface", ["name", "kind", "weight", "write"])


def flags_of(**values):
    """Words of a command line; None leaves a flag out."""
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
    """A copy with the same times, which fingerprints look at."""
    shutil.copytree(source, target)
    return target


def change_file(rng, folder, names, mutate):
    """Puts mutate(rng, content) in the place of one of the files `names` of a folder."""
    path = os.path.join(folder, rng.choice(sorted(names)))
    return put(path, mutate(rng, get(path)))
