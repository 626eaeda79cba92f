"""The files of a checkpoint as TensorFlow is to open them.

Their names are no patterns (common/literal_paths.py); and a checkpoint that a reader holds can be
read when a training has removed its files.
"""

import os
import re

from common import files, literal_paths
from common.errors import UserError

_DATA = re.compile(r"\.data-\d{5}-of-(\d{5})$")
_OF_CHECKPOINT = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
# Through it a file that has no name any more can be opened again; of Linux.
_OPEN_FILES = "/proc/self/fd"
_PLAIN_NAME = "model.ckpt"
# A look takes milliseconds; no training saves so often in a row meanwhile.
_ATTEMPTS = 100
_held = {}


class _Held:
    """The open files of a checkpoint.

    Attributes:
      prefix: where links to them are.
    """

    def __init__(self, prefix, paths):
        """Opens them.

        Args:
          prefix: of the checkpoint.
          paths: of its files, the index first.

        Raises:
          OSError: one of them is no longer there, or may not be read.
        """
        self._paths, self._opened = paths, []
        try:
            for path in paths:
                self._opened.append(open(path, "rb"))  # noqa: SIM115
        except OSError:
            self.close()
            raise
        self.prefix = os.path.join(literal_paths.new_folder(), _PLAIN_NAME)
        for path, reader in zip(paths, self._opened):
            target = "{}/{}".format(_OPEN_FILES, reader.fileno())
            os.symlink(target, self.prefix + path[len(prefix) :])

    def is_current(self):
        """Whether the name still means these files, or nothing: a training removed it, and these
        are all that is left."""
        for path, reader in zip(self._paths, self._opened):
            try:
                there = os.stat(path)
            except OSError:
                # Who removes a checkpoint begins with the index.
                return not os.path.exists(self._paths[0])
            if not os.path.samestat(os.fstat(reader.fileno()), there):
                return False
        return True

    def close(self):
        for reader in self._opened:
            reader.close()


def hold(prefix):
    """Keeps a checkpoint readable in this process, whoever removes its files.

    Nothing is copied: the files stay open. Remote ones are not held, nor any without Linux's /proc.

    Args:
      prefix: of a checkpoint.

    Returns:
      Whether all of its files were there.
    """
    held = _held.get(prefix)
    if held and held.is_current():
        return True
    release(prefix)
    paths = [prefix + ".index", *data_files(prefix)]
    total = max((int(_DATA.search(path).group(1)) for path in paths[1:]), default=1)
    if len(paths) <= total:
        return False
    if files.is_remote(prefix) or not os.path.isdir(_OPEN_FILES):
        return True
    try:
        _held[prefix] = _Held(prefix, paths)
    except FileNotFoundError:
        return False
    except OSError:  # there, but not to be opened: who reads it says so
        return True
    return True


def chosen_while_it_changes(folder, choose):
    """A choice among the checkpoints of a folder that another process may write and remove.

    Args:
      folder: of the checkpoints.
      choose: function that returns (result, whether nothing was missing in it).

    Returns:
      The result; that of the last call if something was missing, and nothing has changed there.

    Raises:
      UserError: of `choose`, if nothing has changed there.
    """
    for attempt in range(_ATTEMPTS):
        before = _names_in(folder)
        try:
            result, is_whole = choose()
        except UserError:
            if attempt == _ATTEMPTS - 1 or _names_in(folder) == before:
                raise
            continue
        if is_whole or _names_in(folder) == before:
            break
    return result


def place(prefix):
    """The prefix under which TensorFlow finds a checkpoint.

    tf.train.NewCheckpointReader(checkpoint_files.place("run[1]/model.ckpt-10"))

    Args:
      prefix: of the checkpoint, as the user knows it: for messages it stays.

    Raises:
      UserError: see literal_paths.folder.
    """
    held = _held.get(prefix)
    if held and held.is_current():
        return held.prefix
    folder, name = os.path.split(prefix)
    if not literal_paths.has_pattern(name):
        return os.path.join(literal_paths.folder(folder), name)
    literal_paths.folder(prefix if files.is_remote(prefix) else folder)
    hold(prefix)
    return _held[prefix].prefix if prefix in _held else prefix


def data_files(prefix):
    """Paths of the data files of a checkpoint, sorted."""
    paths = files.beginning_with(prefix + ".data-")
    return [path for path in paths if _DATA.match(path[len(prefix) :])]


def _names_in(folder):
    return [name for name in files.names_in(folder) if _OF_CHECKPOINT.search(name)]


def release(prefix):
    """Ends what `hold` does, so that a process can look at any number of checkpoints."""
    held = _held.pop(prefix, None)
    if held:
        held.close()
