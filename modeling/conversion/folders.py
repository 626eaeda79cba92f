"""Output folders: incomplete files and those that fail a check never get to their destination."""

import contextlib
import os
import uuid

import tensorflow.compat.v1 as tf

from common import files, outputs
from common.errors import UserError


def check(what, folder):
    """Refuses a file where a folder is to be written.

    Args:
      what: name of the folder in the message ("--out=x/y").
      folder: the destination; it need not exist.

    Raises:
      UserError: it, or a folder of its path, is a file.
    """
    place = _nearest(folder, files.exists)
    if "://" not in place and not files.is_directory(place):
        raise UserError("{}: {} is a file; name another directory".format(what, place))


@contextlib.contextmanager
def staged(folder):
    """Makes a scratch folder for files that `publish` moves to `folder`; removed at the end.

    Args:
      folder: the destination; it need not exist, and is not made here.

    Yields:
      Path of an empty folder on the destination's file system.

    Raises:
      UserError: it cannot be made.
    """
    # A folder: incomplete files are never taken for a checkpoint, not even by a search for *.index.
    name = "_converted.partial-{}".format(uuid.uuid4().hex[:12])
    scratch = os.path.join(_nearest(folder, files.is_directory), name)
    try:
        with writing(folder or "."):
            files.make_directories(scratch)
        yield scratch
    finally:
        with writing(scratch):
            outputs.remove_folder(scratch, lambda name: True)


def publish(scratch, folder):
    """Moves all files of `scratch` to `folder`, whose other files are kept.

    The index of a checkpoint is moved last, so a checkpoint with an index is complete; the files of
    a former checkpoint of the same name are removed.

    Args:
      scratch: see staged.
      folder: the destination; made if it does not exist.

    Raises:
      OSError, tf.errors.OpError: it cannot be written to.
    """
    folder = folder or "."
    if not files.exists(folder):
        files.make_directories(os.path.dirname(folder) or ".")
        files.rename(scratch, folder)
        return
    names = sorted(files.names_in(scratch), key=lambda n: (n.endswith(".index"), n))
    for name in names:
        if name.endswith(".index"):
            _remove_checkpoint(folder, name[: -len(".index")])
    for name in names:
        source, target = os.path.join(scratch, name), os.path.join(folder, name)
        files.rename(source, target)


@contextlib.contextmanager
def writing(what):
    """Turns a failed write in its block into a UserError: "`what` cannot be written: ..."."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise UserError("{} cannot be written: {}".format(what, _reason(error))) from error


def _nearest(folder, is_there):
    """The destination, or the deepest folder of its path that exists."""
    while folder and "://" not in folder and not is_there(folder):
        folder = os.path.dirname(folder)
    return folder or "."


def _remove_checkpoint(folder, base):
    names = files.names_in(folder)
    # The index first: without it the rest is no checkpoint.
    if base + ".index" in names:
        files.remove(os.path.join(folder, base + ".index"))
    for name in names:
        if name.startswith(base + ".data-"):
            files.remove(os.path.join(folder, name))


def _reason(error):
    """The line of an error that names the cause."""
    if isinstance(error, OSError):
        return error.strerror or str(error).split("\n")[0]
    # The message of the graph precedes it, the node follows.
    return error.message.split("\n\t [[")[0].strip().split("\n")[-1]
