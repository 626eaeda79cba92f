"""The state of output_dir when a run starts: the checkpoint to resume from, and debris."""

import fnmatch
import os

import tensorflow.compat.v1 as tf

from common import files
from common.errors import UserError
from common.log import log, warn
from modeling import checkpoint
from training.failures import output_errors

DAMAGED_FOLDER = "damaged"
# Names of files that TensorFlow and this program leave when writing is interrupted.
_DEBRIS = ("model.ckpt-*_temp*", "*.tempstate*", "checkpoint.tmp*", "graph.pbtxt.tmp*", "*.tmp")
# Errors of access to a file; its content may be intact.
_ACCESS_ERRORS = (
    tf.errors.PermissionDeniedError,
    tf.errors.UnauthenticatedError,
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.ResourceExhaustedError,
)
_CHUNK_BYTES = 1 << 24


def newest_good(output_dir):
    """The checkpoint to resume from or to evaluate; changes no file.

    Returns:
      Its prefix; None where there is no checkpoint.

    Raises:
      UserError: there are checkpoints, and none can be read.
    """
    return _choose(output_dir)[0]


def recover(output_dir):
    """Prepares output_dir for a run to resume: only for the one process that trains there.

    Debris of unfinished saves is removed; damaged checkpoints newer than the one to resume from
    are moved to the folder `damaged`; the state file then names the one to resume from.

      with lock.hold(output_dir):
          prefix = recovery.recover(output_dir)

    Returns:
      Prefix of the checkpoint to resume from, None for a run from the start.

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
    """Removes the files of interrupted saves; only for the process that trains there.

    Args:
      output_dir: of the run.
      failed: name of a checkpoint whose saving has just failed; all its files are removed.
    """
    removed, patterns = [], list(_DEBRIS)
    patterns += [failed + ".*"] if failed else []
    names = files.names_in(output_dir)
    for name in names:
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns) or _is_orphan(name, names):
            path = os.path.join(output_dir, name)
            (files.remove_tree if files.is_directory(path) else files.remove)(path)
            removed.append(name)
    if removed:
        log("removed files of an unfinished save: {}".format(", ".join(removed)))


def write_state(folder, names):
    """Writes the state file `checkpoint`, as TensorFlow reads it.

    Args:
      folder: of the checkpoints.
      names: of the checkpoints in it, the latest last.
    """
    lines = ['model_checkpoint_path: "{}"'.format(names[-1])]
    lines += ['all_model_checkpoint_paths: "{}"'.format(name) for name in names]
    files.write_atomically(os.path.join(folder, "checkpoint"), "\n".join(lines) + "\n")


def _choose(output_dir):
    """(prefix to resume from or None, list of the damaged ones that are newer)."""
    damaged = []
    first = checkpoint.latest(output_dir)
    for prefix in checkpoint.candidates(output_dir) if first else ():
        try:
            checkpoint.verify(prefix, "it is skipped")
        except UserError as error:
            _check_reachable(prefix)
            warn(str(error))
            damaged.append(prefix)
            continue
        if damaged:
            warn("resuming from {} instead, which is intact".format(prefix))
        return prefix, damaged
    if damaged and files.exists(os.path.join(output_dir, "checkpoint")):
        raise UserError(
            "no checkpoint in --output_dir {} can be read: {}; restore them from copies, or start "
            "anew in an empty directory".format(
                output_dir, ", ".join(os.path.basename(p) for p in damaged)
            )
        )
    # Without a state file no save has ever finished here.
    return None, damaged


def _check_reachable(prefix):
    """Raises UserError where a checkpoint's files cannot be accessed, which is no damage."""
    for path in _files_of(prefix):
        try:
            with tf.io.gfile.GFile(path, "rb") as reader:
                while reader.read(_CHUNK_BYTES):
                    pass
        except _ACCESS_ERRORS as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from error
        except tf.errors.OpError:  # a bad sector: damage
            return


def _set_aside(output_dir, prefix):
    folder = os.path.join(output_dir, DAMAGED_FOLDER)
    files.make_directories(folder)
    for path in _files_of(prefix):
        target = os.path.join(folder, os.path.basename(path))
        files.rename(path, target)
    warn("{} was moved to {}; remove it once you have looked at it".format(prefix, folder))


def _files_of(prefix):
    whole = [path for path in (prefix + ".index", prefix + ".meta") if files.exists(path)]
    return whole + files.beginning_with(prefix + ".data-")


def _is_orphan(name, names):
    """Whether a file belongs to a checkpoint of a training whose index was not written."""
    stem, dot, ending = name.rpartition(".")
    is_data = dot and (ending == "meta" or ending.startswith("data-"))
    is_ours = checkpoint.step_in_name("/" + stem) is not None
    return bool(is_data and is_ours and stem + ".index" not in names)
