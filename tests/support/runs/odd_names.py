"""Names of folders that are patterns to others, and their neighbours, for tests."""

import hashlib
import os

# What a shell, TensorFlow and Python's own globs take for patterns, and what others trip over.
ODD = "-r[1]?*{{a,b}}\\c  %d'\"\n中文{}".format("长" * 70)
# A name that ODD matches as a pattern.
NEIGHBOUR = "-r1xx{{a,b}}c  %d'\"\n中文{}".format("长" * 70)


def digests(folder):
    """dict of path -> digest of all files under a folder."""
    found = {}
    for place, _, names in os.walk(str(folder)):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as reader:
                content = reader.read()
            found[os.path.relpath(path, str(folder))] = hashlib.sha256(content).hexdigest()
    return found
