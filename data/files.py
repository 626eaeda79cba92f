"""Local and remote (gs:// and the like) files behind one set of calls.

TensorFlow is imported only for a path with a scheme, and so only in the parent process of data
creation: workers get bytes and write local files.
"""

import glob
import os
import shutil

from errors import UserError


def is_remote(path):
    return "://" in path


def _gfile():
    try:
        import tensorflow.compat.v1 as tf
    except ImportError:
        raise UserError("remote paths (gs://...) need TensorFlow, which is not installed") from None
    return tf.io.gfile


def open_file(path, mode):
    """A binary or text file object; UTF-8 for text."""
    if is_remote(path):
        return _gfile().GFile(path, mode)
    return open(path, mode, encoding=None if "b" in mode else "utf-8")


def exists(path):
    return _gfile().exists(path) if is_remote(path) else os.path.exists(path)


def is_directory(path):
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def size(path):
    return _gfile().stat(path).length if is_remote(path) else os.path.getsize(path)


def modified(path):
    """Time of the last change in nanoseconds, for fingerprints."""
    return _gfile().stat(path).mtime_nsec if is_remote(path) else os.stat(path).st_mtime_ns


def rename(source, target):
    if is_remote(target):
        _gfile().rename(source, target, overwrite=True)
    else:
        os.replace(source, target)


def remove_if_there(path):
    if exists(path):
        _gfile().remove(path) if is_remote(path) else os.remove(path)


def remove_tree(path):
    if is_remote(path):
        if exists(path):
            _gfile().rmtree(path)
    else:
        shutil.rmtree(path, ignore_errors=True)


def make_directories(path):
    _gfile().makedirs(path) if is_remote(path) else os.makedirs(path, exist_ok=True)


def listing(pattern):
    """Names that match one glob, sorted."""
    return sorted(_gfile().glob(pattern) if is_remote(pattern) else glob.glob(pattern))


def matching(patterns, flag):
    """Files that a comma list of names and globs means, each pattern's matches in name order.

    Names that start with `_` or `.` (manifests, debris) are passed over where a glob matched them.

    Args:
      patterns: "a.txt,dir/*.gz".
      flag: name of the flag, for messages.

    Raises:
      UserError: a pattern matches nothing, or a directory is named.
    """
    found = []
    for pattern in [p.strip() for p in patterns.split(",") if p.strip()]:
        if any(c in pattern for c in "*?["):
            names = [n for n in listing(pattern) if os.path.basename(n)[0] not in "_."]
            names = [n for n in names if not is_directory(n)]
        else:
            names = [pattern] if exists(pattern) else []
        if not names:
            raise UserError("no file matches {} ({})".format(pattern, flag))
        for name in names:
            if is_directory(name):
                raise UserError(
                    "{} is a directory; name its files, for instance {} ({})".format(
                        name, os.path.join(name, "*"), flag
                    )
                )
            if name not in found:
                found.append(name)
    if not found:
        raise UserError("{} names no file".format(flag))
    return found


def write_atomically(path, text):
    """Writes a small text file under a temporary name and renames it."""
    temporary = path + ".tmp"
    with open_file(temporary, "w") as f:
        f.write(text)
    rename(temporary, path)
