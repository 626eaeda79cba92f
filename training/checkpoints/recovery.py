"""What a run finds in its output_dir when it starts: a checkpoint to go on from, and debris."""

import fnmatch
import os

import tensorflow.compat.v1 as tf

from common import files
from common.errors import UserError
from common.log import log, warn
from modeling import checkpoint
from training.failures import output_errors

DAMAGED_FOLDER = "damaged"
# What TensorFlow and this program leave of a file whose writing was cut off.
_DEBRIS = ("model.ckpt-*_temp*", "*.tempstate*", "checkpoint.tmp*", "graph.pbtxt.tmp*", "*.tmp")
# Faults of the way to a file; its content may be sound.
_OUT_OF_REACH = (
    tf.errors.PermissionDeniedError,
    tf.errors.UnauthenticatedError,
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.ResourceExhaustedError,
)
_CHUNK_BYTES = 1 << 24


def newest_good(output_dir):
    """The checkpoint to go on from or to evaluate; changes no file.

    Returns:
      Its prefix; None where there is none.

    Raises:
      UserError: none of those that are there can be read.
    """
    return _choose(output_dir)[0]


def recover(output_dir):
    """Makes an output_dir fit to go on in: only for the one process that trains there.

    Debris of unfinished saves is removed; checkpoints that are newer than the one to go on from
    and damaged are set aside; the state file names the one to go on from.

    Returns:
      Prefix of the checkpoint to go on from, None for a run from the start.

    Raises:
      UserError: none of the checkpoints that the state file lists can be read, or output_dir
        cannot be changed.
    """
    with output_errors(output_dir):
        remove_debris(output_dir)
        good, damaged = _choose(output_dir)
        for prefix in damaged:
            _set_aside(output_dir, prefix)
        if good and os.path.dirname(good) == output_dir.rstrip("/"):
            older = [p for p in checkpoint.candidates(output_dir)[::-1] if p != good]
            step = checkpoint.step_in_name(good)
            kept = [p for p in older if step is None or (checkpoint.step_in_name(p) or 0) < step]
            write_state(output_dir, [os.path.basename(p) for p in kept + [good]])
    return good


def remove_debris(output_dir, failed=None):
    """Removes what a killed or failed save left; only for the process that trains there.

    Args:
      output_dir: of the run.
      failed: name of a checkpoint whose saving has just failed; all of it goes.
    """
    removed, patterns = [], list(_DEBRIS)
    patterns += [failed + ".*"] if failed else []
    names = files.names_in(output_dir)
    for name in names:
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns) or _is_orphan(name, names):
            path = os.path.join(output_dir, name)
            (tf.io.gfile.rmtree if tf.io.gfile.isdir(path) else tf.io.gfile.remove)(path)
            removed.append(name)
    if removed:
        log("removed what an unfinished save left: {}".format(", ".join(removed)))


def write_state(folder, names):
    """Writes the state file `checkpoint`.

    Args:
      folder: where the checkpoints are.
      names: their names there, the latest last.
    """
    lines = ['model_checkpoint_path: "{}"'.format(names[-1])]
    lines += ['all_model_checkpoint_paths: "{}"'.format(name) for name in names]
    files.write_atomically(os.path.join(folder, "checkpoint"), "\n".join(lines) + "\n")


def _choose(output_dir):
    """(prefix to go on from or None, list of damaged ones that were tried before it)."""
    damaged = []
    first = checkpoint.latest(output_dir)
    for prefix in checkpoint.candidates(output_dir) if first else ():
        try:
            checkpoint.verify(prefix, "it is passed over")
        except UserError as error:
            _check_reachable(prefix)
            warn(str(error))
            damaged.append(prefix)
            continue
        if damaged:
            warn("going on from {} instead, which is whole".format(prefix))
        return prefix, damaged
    if damaged and tf.io.gfile.exists(os.path.join(output_dir, "checkpoint")):
        raise UserError(
            "no checkpoint in --output_dir {} can be read: {}; take copies of them, or start anew "
            "in an empty directory".format(
                output_dir, ", ".join(os.path.basename(p) for p in damaged)
            )
        )
    # Without a state file no save was ever finished here.
    return None, damaged


def _check_reachable(prefix):
    """Raises UserError where a checkpoint's files cannot be got at, which is no damage."""
    for path in _files_of(prefix):
        try:
            with tf.io.gfile.GFile(path, "rb") as reader:
                while reader.read(_CHUNK_BYTES):
                    pass
        except _OUT_OF_REACH as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from error
        except tf.errors.OpError:  # a bad sector is damage like any other
            return


def _set_aside(output_dir, prefix):
    folder = os.path.join(output_dir, DAMAGED_FOLDER)
    tf.io.gfile.makedirs(folder)
    for path in _files_of(prefix):
        target = os.path.join(folder, os.path.basename(path))
        tf.io.gfile.rename(path, target, overwrite=True)
    warn("{} was moved to {}; remove it when you have looked at it".format(prefix, folder))


def _files_of(prefix):
    return tf.io.gfile.glob(prefix + ".index") + tf.io.gfile.glob(prefix + ".[dm]*")


def _is_orphan(name, names):
    """Whether a file is part of a training's checkpoint whose index was not written."""
    stem, dot, ending = name.rpartition(".")
    is_part = dot and (ending == "meta" or ending.startswith("data-"))
    is_ours = checkpoint.step_in_name("/" + stem) is not None
    return bool(is_part and is_ours and stem + ".index" not in names)
