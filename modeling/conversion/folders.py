"""Output folders: what is half written or has failed a check never stands where users look."""

import contextlib
import os
import uuid

import tensorflow.compat.v1 as tf

from common.errors import UserError


def check(what, folder):
    """Refuses a file where a folder is to be written.

    Args:
      what: what names the folder, for the message ("--out=x/y").
      folder: the destination; it need not exist.

    Raises:
      UserError: it, or a part of its path, is a file.
    """
    place = _nearest(folder, tf.io.gfile.exists)
    if "://" not in place and not tf.io.gfile.isdir(place):
        raise UserError("{}: {} is a file; name another directory".format(what, place))


@contextlib.contextmanager
def staged(folder):
    """Makes a scratch folder for files that `publish` moves to `folder`; it is gone at the end.

    Args:
      folder: the destination; it need not exist, and is not made here.

    Yields:
      Path of an empty folder on the destination's file system.

    Raises:
      UserError: it cannot be made.
    """
    # A name of its own: what is half written is never taken for a checkpoint, not even by
    # something that looks for *.index.
    name = "_converted.partial-{}".format(uuid.uuid4().hex[:12])
    scratch = os.path.join(_nearest(folder, tf.io.gfile.isdir), name)
    try:
        with writing(folder or "."):
            tf.io.gfile.makedirs(scratch)
        yield scratch
    finally:
        if tf.io.gfile.isdir(scratch):
            tf.io.gfile.rmtree(scratch)


def publish(scratch, folder):
    """Moves all files of `scratch` to `folder`, where others stay as they are.

    A checkpoint's index comes last, so where that is, it is complete; the files of another
    checkpoint under its name go.

    Args:
      scratch: see staged.
      folder: the destination; made if it does not exist.

    Raises:
      tf.errors.OpError: it cannot be written to.
    """
    folder = folder or "."
    if not tf.io.gfile.exists(folder):
        tf.io.gfile.makedirs(os.path.dirname(folder) or ".")
        tf.io.gfile.rename(scratch, folder)
        return
    names = sorted(tf.io.gfile.listdir(scratch), key=lambda n: (n.endswith(".index"), n))
    for name in names:
        if name.endswith(".index"):
            _remove_checkpoint(folder, name[: -len(".index")])
    for name in names:
        source, target = os.path.join(scratch, name), os.path.join(folder, name)
        tf.io.gfile.rename(source, target, overwrite=True)


@contextlib.contextmanager
def writing(what):
    """Turns a failure to write inside into a UserError: "`what` cannot be written: ..."."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise UserError("{} cannot be written: {}".format(what, _reason(error))) from error


def _nearest(folder, is_there):
    """The destination itself or, where it does not exist, what does of the path to it."""
    while folder and "://" not in folder and not is_there(folder):
        folder = os.path.dirname(folder)
    return folder or "."


def _remove_checkpoint(folder, base):
    there = tf.io.gfile.listdir(folder)
    # The index first: without it the rest is no checkpoint.
    if base + ".index" in there:
        tf.io.gfile.remove(os.path.join(folder, base + ".index"))
    for name in there:
        if name.startswith(base + ".data-"):
            tf.io.gfile.remove(os.path.join(folder, name))


def _reason(error):
    """The one line of an error that says what happened."""
    if isinstance(error, OSError):
        return error.strerror or str(error).split("\n")[0]
    # The graph's own words stand before it, the node behind it.
    return error.message.split("\n\t [[")[0].strip().split("\n")[-1]
