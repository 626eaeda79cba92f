"""The state of output_dir when a run starts: the checkpoint to resume from, and debris."""

import os
import re
from typing import Dict, NamedTuple, Optional

from common import files, outputs
from common.errors import UserError
from common.lazy_tensorflow import tf
from common.log import log, warn
from modeling import checkpoint, checkpoint_files
from training.failures import output_errors

# Folders in output_dir: the best checkpoint, damaged ones, copies of damaged records.
BEST_FOLDER, DAMAGED_FOLDER, MENDED_FOLDER = "best", "damaged", "mended"
NAME_OF_STEP = "model.ckpt-{}"
# Names that TensorFlow's saves leave when they are interrupted: files, and folders of such files.
_CHECKPOINT = r"model\.ckpt-\d+"
_DATA = r"(index|meta|data-\d{5}-of-\d{5})"
_DEBRIS = re.compile(
    _CHECKPOINT + r"\." + _DATA + r"\.tempstate\d+|(checkpoint|graph\.pbtxt)\.tmp[0-9a-f]{32}"
)
_DEBRIS_FOLDER = re.compile(_CHECKPOINT + "_temp(_[0-9a-f]{32})?")
_IN_DEBRIS_FOLDER = re.compile(r"part-\d{5}-of-\d{5}\." + _DATA + r"(\.tempstate\d+)?")
_OF_CHECKPOINT = re.compile("(" + _CHECKPOINT + r")\." + _DATA)
_CHUNK_BYTES = 1 << 24


def _access_errors():
    """Errors of access to a file; its content may be intact."""
    return (
        tf.errors.PermissionDeniedError,
        tf.errors.UnauthenticatedError,
        tf.errors.UnavailableError,
        tf.errors.DeadlineExceededError,
        tf.errors.ResourceExhaustedError,
    )


def newest_good(output_dir):
    """The checkpoint to evaluate or to predict with; changes no file.

    It stays readable in this process: a training may write others there, and remove it.

    Returns:
      Its prefix; None where there is no checkpoint.

    Raises:
      UserError: there are checkpoints, and none can be read.
    """

    def choose():
        choice = _choose(output_dir, checkpoint_files.hold)
        return choice, not choice.damaged

    choice = checkpoint_files.chosen_while_it_changes(output_dir, choose)
    choice.warn()
    return choice.good


def recover(output_dir, most_kept=None):
    """Prepares output_dir for a run to resume: only for the one process that trains there.

    Debris of unfinished saves is removed; damaged checkpoints newer than the one to resume from
    are moved to the folder `damaged`; the state file then names the one to resume from. A
    checkpoint that a save has dropped from a full state file, and could not remove, is removed.

      with lock.hold(output_dir):
          prefix = recovery.recover(output_dir)

    Args:
      output_dir: of the run.
      most_kept: how many checkpoints a run keeps; None: all.

    Returns:
      Prefix of the checkpoint to resume from, None for a run from the start.

    Raises:
      UserError: none of the checkpoints that the state file lists can be read, or output_dir
        cannot be changed.
    """
    with output_errors(output_dir):
        remove_debris(output_dir)
        for folder in (BEST_FOLDER, DAMAGED_FOLDER, MENDED_FOLDER):
            outputs.remove_debris(os.path.join(output_dir, folder))
        choice = _choose(output_dir)
        choice.warn()
        for prefix in choice.damaged:
            _set_aside(output_dir, prefix)
        good = choice.good
        if good and os.path.dirname(good) == output_dir.rstrip("/"):
            older = [p for p in checkpoint.candidates(output_dir)[::-1] if p != good]
            step = checkpoint.step_in_name(good)
            kept = [p for p in older if step is None or (checkpoint.step_in_name(p) or 0) < step]
            dropped = [] if choice.damaged else _dropped(output_dir, kept, most_kept)
            names = [os.path.basename(p) for p in [*kept, good] if p not in dropped]
            write_state(output_dir, names)
            for prefix in dropped:
                remove_checkpoint(prefix)
                log("removed {}, which a save that was cut short had to remove".format(prefix))
    return good


def remove_checkpoint(prefix):
    """Removes the files of a training's checkpoint, and no other."""
    # The index first: without it the rest is no checkpoint.
    for path in _files_of(prefix):
        files.remove(path)


def checkpoint_of(name):
    """The name of a training's checkpoint (model.ckpt-STEP) that a file belongs to, else None."""
    match = _OF_CHECKPOINT.fullmatch(name)
    return match.group(1) if match else None


def remove_debris(output_dir, failed=None):
    """Removes the files of interrupted saves; only for the process that trains there.

    Args:
      output_dir: of the run.
      failed: name of a checkpoint whose saving has just failed; all its files are removed.
    """
    removed = outputs.remove_debris(output_dir)
    names = files.names_in(output_dir)
    for name in names:
        path = os.path.join(output_dir, name)
        if _DEBRIS_FOLDER.fullmatch(name):
            if not outputs.remove_folder(path, _IN_DEBRIS_FOLDER.fullmatch):
                removed.append(name)
        elif _is_debris(name, names, failed) and not files.is_directory(path):
            files.remove(path)
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
    outputs.write_atomically(os.path.join(folder, "checkpoint"), "\n".join(lines) + "\n")


class _Choice(NamedTuple):
    """A choice among the checkpoints of a folder.

    Attributes:
      good: prefix of the one to resume from, or None.
      damaged: dict of prefixes of newer ones -> sentence on the damage.
    """

    good: Optional[str]
    damaged: Dict[str, str]

    def warn(self):
        """Warns of the damaged ones."""
        for sentence in self.damaged.values():
            warn(sentence)
        if self.good and self.damaged:
            warn("resuming from {} instead, which is intact".format(self.good))


def _choose(output_dir, prepare=None):
    """_Choice of the newest intact one; `prepare(prefix)` is called for each before it is read."""
    damaged = {}
    first = checkpoint.latest(output_dir)
    for prefix in checkpoint.candidates(output_dir) if first else ():
        if prepare:
            prepare(prefix)
        try:
            checkpoint.verify(prefix, "it is skipped")
        except UserError as error:
            _check_reachable(prefix)
            damaged[prefix] = str(error)
            continue
        return _Choice(prefix, damaged)
    if damaged and files.exists(os.path.join(output_dir, "checkpoint")):
        raise UserError(
            "no checkpoint in --output_dir {} can be read: {}; restore them from copies, or start "
            "anew in an empty directory".format(
                output_dir, ", ".join(os.path.basename(p) for p in damaged)
            )
        )
    # Without a state file no save has ever finished here.
    return _Choice(None, damaged)


def _dropped(output_dir, older, most_kept):
    """Those of the `older` prefixes that the state file, which names all that are kept, does not
    name."""
    listed = checkpoint.listed(output_dir)
    is_full = most_kept is not None and len(listed) >= most_kept
    return [prefix for prefix in older if prefix not in listed] if is_full else []


def _check_reachable(prefix):
    """Raises UserError where a checkpoint's files cannot be accessed, which is no damage."""
    for path in _files_of(prefix):
        try:
            with tf.io.gfile.GFile(path, "rb") as reader:
                while reader.read(_CHUNK_BYTES):
                    pass
        except _access_errors() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from error
        except tf.errors.OpError:  # a bad sector: damage
            return


def _set_aside(output_dir, prefix):
    folder = os.path.join(output_dir, DAMAGED_FOLDER)
    files.make_directories(folder)
    # The index last: until then it is a damaged checkpoint to every start, and no debris.
    for path in reversed(_files_of(prefix)):
        target = os.path.join(folder, os.path.basename(path))
        files.rename(path, target)
    warn("{} was moved to {}, to be looked at; nothing reads it there".format(prefix, folder))


def _files_of(prefix):
    """Paths of the files of a checkpoint, its index first."""
    whole = [path for path in (prefix + ".index", prefix + ".meta") if files.exists(path)]
    return whole + checkpoint_files.data_files(prefix)


def _is_debris(name, names, failed):
    """Whether a file is of an interrupted save: a temporary one, one of a training's checkpoint
    without an index, or one of the checkpoint `failed`."""
    stem = checkpoint_of(name)
    if not stem:
        return bool(_DEBRIS.fullmatch(name))
    return stem == failed or stem + ".index" not in names
