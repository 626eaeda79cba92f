"""The contents of a folder, without what differs between two undisturbed runs."""

import hashlib
import os
import re

# TensorFlow's logs of events have times in their names and entries, a training's log in its lines;
# a lock file has its holder.
_TIMED = re.compile(r"events\.out\.tfevents\.")
_LISTED_ONLY = ("graph.pbtxt", ".lock", "log.txt")


def contents(folder):
    """{path below the folder: digest}; folders are listed too, where they are not of events."""
    found = {}
    for place, names, file_names in os.walk(folder):
        relative = os.path.relpath(place, folder)
        own = [name for name in file_names if not _TIMED.match(name)]
        if own or names or not file_names:
            found[relative + "/"] = ""
        for name in own:
            found[os.path.normpath(os.path.join(relative, name))] = _digest(place, name)
    return found


def differences(found, expected):
    """List of sentences, one for each file that differs."""
    sentences = ["{} is missing".format(path) for path in sorted(set(expected) - set(found))]
    sentences += ["{} is left".format(path) for path in sorted(set(found) - set(expected))]
    common = sorted(set(expected) & set(found))
    return sentences + ["{} differs".format(p) for p in common if found[p] != expected[p]]


def _digest(place, name):
    if name in _LISTED_ONLY:
        return "listed"
    with open(os.path.join(place, name), "rb") as f:
        content = f.read()
    if name == "checkpoint":
        content = b"\n".join(line for line in content.split(b"\n") if b"timestamp" not in line)
    return hashlib.sha256(content).hexdigest()
