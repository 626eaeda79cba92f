"""Local and remote (gs:// and the like) files behind one set of calls.

TensorFlow is imported only for a path with a scheme, and so only in the parent process of data
creation: workers get bytes and write local files.
"""

import glob
import os
import shutil
import sys

from errors import UserError


def is_remote(path):
    return "://" in path


def _gfile():
    try:
        import tensorflow.compat.v1 as tf
    except ImportError:
        raise UserError("remote paths (gs://...) need TensorFlow, which is not installed") from None
    return tf.io.gfile


def failures():
    """The exceptions that file operations raise: `except files.failures() as error`."""
    if "tensorflow" in sys.modules:
        return (OSError, sys.modules["tensorflow"].errors.OpError)
    return (OSError,)


def reason(error):
    """What went wrong, of one of `failures()`, in a few words."""
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return text.split("\n")[0]


def open_file(path, mode):
    """A binary or text file object; UTF-8 for text."""
    if is_remote(path):
        return _gfile().GFile(path, mode)
    return open(path, mode, encoding=None if "b" in mode else "utf-8")


def exists(path):
    """Whether there is such a file or directory.

    Raises:
      UserError: a remote file system cannot be asked.
    """
    if not is_remote(path):
        return os.path.exists(path)
    try:
        return _gfile().exists(path)
    except failures() as error:
        raise UserError("cannot look for {}: {}".format(path, reason(error))) from None


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


def names_in(directory):
    """Names in a directory, sorted; none where it does not exist."""
    if not exists(directory or "."):
        return []
    names = _gfile().listdir(directory) if is_remote(directory) else os.listdir(directory or ".")
    return sorted(name.rstrip("/") for name in names)


def matching(patterns, flag):
    """Files that a comma list of names and globs means, each pattern's matches in name order.

    Names that start with `_` or `.` (manifests, debris) are passed over where a glob matched them.

    Args:
      patterns: "a.txt,dir/*.gz".
      flag: name of the flag, for messages.

    Raises:
      UserError: a pattern matches nothing, a directory is named, or a file system fails.
    """
    found = {}
    for pattern in [p.strip() for p in patterns.split(",") if p.strip()]:
        try:
            names = _matches(pattern, flag)
        except failures() as error:
            raise UserError(
                "cannot look for {} ({}): {}".format(pattern, flag, reason(error))
            ) from None
        if not names:
            raise UserError("no file matches {} ({})".format(pattern, flag))
        found.update(dict.fromkeys(names))
    if not found:
        raise UserError("{} names no file".format(flag))
    return list(found)


def _matches(pattern, flag):
    if exists(pattern):  # first of all: a name may hold brackets
        if is_directory(pattern):
            raise UserError(
                "{} is a directory; name its files, for instance {} ({})".format(
                    pattern, os.path.join(pattern, "*"), flag
                )
            )
        return [pattern]
    if not any(c in pattern for c in "*?["):
        return []
    names = _gfile().glob(pattern) if is_remote(pattern) else glob.glob(pattern)
    visible = (n for n in sorted(names) if not os.path.basename(n).startswith(("_", ".")))
    return [n for n in visible if not is_directory(n)]


def write_atomically(path, text):
    """Writes a small text file under a temporary name and renames it."""
    temporary = path + ".tmp"
    try:
        with open_file(temporary, "w") as f:
            f.write(text)
        rename(temporary, path)
    except failures():
        remove_if_there(temporary)
        raise
