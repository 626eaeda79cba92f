"""Locks of local files: they end with the process that holds them, however it ends."""

import fcntl
import os

from common import files


def take(path):
    """Opens and locks a file that marks a folder as in use; makes it, and the folder, if need be.

    Its holder may remove it before it lets go of it: whoever waited for it takes a new one.

    Args:
      path: of a local file.

    Returns:
      The open file, locked until it is closed; None where another process holds it.
    """
    folder = os.path.dirname(path) or "."
    while True:
        # Its last holder may remove the folder at any moment.
        try:
            files.make_directories(folder)
        except FileExistsError:
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise
            continue
        try:
            f = files.open_lock(path)
        except FileNotFoundError:
            continue
        if not lock(f.fileno()):
            f.close()
            return None
        if is_at(f, path):
            return f
        f.close()


def lock(descriptor):
    """Whether no other process holds the file's lock; it is held until the file is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_at(f, path):
    """Whether an open file has the name `path`."""
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(f.fileno()), there)
