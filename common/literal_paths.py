"""Names of local paths in which TensorFlow finds no pattern.

TensorFlow matches the paths of checkpoints as patterns: beside `run1`, the folder `run[1]` means
that one. A folder with such characters is given to TensorFlow under the name of a symbolic link, in
a folder of this process that is removed at its end.
"""

import os
import tempfile

from common import files
from common.errors import UserError

PATTERN_CHARACTERS = "*?[]{}\\"


class _Scratch:
    """The folder of this process and the links in it; made at the first use."""

    def __init__(self):
        self._folder, self._process, self._links, self._count = None, None, {}, 0

    def new_name(self):
        """A path in the folder, at which nothing is."""
        # A forked process makes a folder of its own: it does not own the other's.
        if self._process != os.getpid():
            self._folder, self._links = _private_folder(), {}
            self._process = os.getpid()
        self._count += 1
        return os.path.join(self._folder.name, str(self._count))

    def link_to(self, target):
        """The link to an absolute path."""
        if self._process != os.getpid() or target not in self._links:
            link = self.new_name()
            os.symlink(target, link)
            self._links[target] = link
        return self._links[target]

    def with_targets(self, text):
        for target, link in self._links.items():
            text = text.replace(link + os.sep, target + os.sep)
        return text


_scratch = _Scratch()


def has_pattern(path):
    """Whether TensorFlow would take a path for a pattern."""
    return any(c in path for c in PATTERN_CHARACTERS)


def folder(path):
    """The name of a folder for TensorFlow: itself, or a link to it.

    tf.estimator.tpu.RunConfig(model_dir=literal_paths.folder("run[1]"))

    Args:
      path: local or remote. What TensorFlow writes there has relative names inside.

    Raises:
      UserError: a remote folder has characters of patterns, and no link can lead there.
    """
    if not has_pattern(path):
        return path
    if files.is_remote(path):
        raise UserError(
            "{} has one of the characters {} in its name, which TensorFlow takes for a pattern; "
            "give it another name".format(path, " ".join(PATTERN_CHARACTERS))
        )
    return _scratch.link_to(os.path.abspath(path))


def shown(text):
    """A message of TensorFlow with the user's paths in place of the links."""
    return _scratch.with_targets(text)


def new_folder():
    """A new folder of this process, in whose name is no pattern; removed at the end."""
    path = _scratch.new_name()
    os.mkdir(path)
    return path


def _private_folder():
    """A TemporaryDirectory."""
    chosen = tempfile.gettempdir()
    if has_pattern(chosen):
        raise UserError(
            "the folder for temporary files, {}, has one of the characters {} in its name, which "
            "TensorFlow takes for a pattern; set TMPDIR to another".format(
                chosen, " ".join(PATTERN_CHARACTERS)
            )
        )
    return tempfile.TemporaryDirectory(prefix="quanci-")
