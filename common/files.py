"""Local and remote (gs:// and the like) files behind one set of calls.

TensorFlow is imported only for a path with a scheme, and so only in the parent process of data
creation: workers get bytes and write local files.
"""

import contextlib
import glob
import hashlib
import io
import itertools
import os
import sys

from common import file_kinds
from common.errors import UserError
from common.lazy_tensorflow import tf

# Longest lines that are held in memory: of JSON, which may be a document, and of other text.
LINE_BYTES, TEXT_LINE_BYTES = 64 << 20, 4 << 20
_COPY_BYTES = 1 << 20
_END_BYTES = 1 << 16


def is_remote(path):
    return "://" in path


def _gfile():
    try:
        return tf.io.gfile
    except ImportError:
        raise UserError("remote paths (gs://...) need TensorFlow, which is not installed") from None


def failures():
    """The exceptions that file operations raise: `except files.failures() as error`."""
    if "tensorflow" in sys.modules:
        return (OSError, sys.modules["tensorflow"].errors.OpError)
    return (OSError,)


def reason(error):
    """The reason of one of `failures()` in a few words."""
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return text.split("\n")[0]


def open_file(path, mode):
    """A binary or text file object; UTF-8 for text."""
    if not is_remote(path):
        return open(path, mode, encoding=None if "b" in mode else "utf-8")
    remote = _gfile().GFile(path, mode)
    return io.BufferedReader(_RemoteReader(remote), _COPY_BYTES) if mode == "rb" else remote


class _RemoteReader(io.RawIOBase):
    """A remote file as Python's own file objects are: its readline() knows no limit."""

    def __init__(self, remote):
        self._remote = remote

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, buffer):
        content = self._remote.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset, whence=io.SEEK_SET):
        self._remote.seek(offset, whence)
        return self._remote.tell()

    def tell(self):
        return self._remote.tell()

    def close(self):
        if not self.closed:
            self._remote.close()
        super().close()


def refuse_other_kind(path, wanted, accepted=()):
    """Refuses a file of a kind that its first bytes tell; a directory is refused as well.

    Args:
      path: file name; nothing is said of one that is not there.
      wanted, accepted: see file_kinds.refuse.

    Raises:
      UserError: it is of such a kind.
      OSError, tf.errors.OpError: it cannot be read.
    """
    if is_directory(path):
        raise UserError("{} is a directory, not {}; name a file in it".format(path, wanted))
    if exists(path):
        with open_file(path, "rb") as reader:
            file_kinds.refuse(path, wanted, reader.read(file_kinds.START_BYTES), accepted)


def lines(reader, where, wanted="text in UTF-8"):
    """Yields (number from 1, bytes with the line's end) of a binary file's lines.

    Args:
      reader: binary file with a buffer.
      where: its name, for messages.
      wanted: what it should be, for messages.

    Raises:
      UserError: a line is longer than TEXT_LINE_BYTES: it and its pieces are held in memory; or it
        is of a kind that has no lines, see file_kinds.
    """
    if hasattr(reader, "peek"):  # streams in memory have none
        file_kinds.refuse(where, wanted, reader.peek(file_kinds.START_BYTES))
    for number in itertools.count(1):
        line = reader.readline(TEXT_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > TEXT_LINE_BYTES:
            raise line_too_long(line_of(where, number), TEXT_LINE_BYTES)
        yield number, line


def line_of(path, number):
    """A line, counted from 1, for messages."""
    return "{} line {}".format(path, number)


def line_too_long(where, most):
    """UserError for a line of more than `most` bytes."""
    return UserError("{} is longer than {:,} bytes; cut it".format(where, most))


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


def sha256(path):
    """The SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open_file(path, "rb") as reader:
        for block in iter(lambda: reader.read(_COPY_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()


def digest_of_ends(path):
    """The SHA-256 of both ends of a file, which tells large files apart in no time."""
    digest = hashlib.sha256()
    with open_file(path, "rb") as reader:
        digest.update(reader.read(_END_BYTES))
        reader.seek(max(0, size(path) - _END_BYTES))
        digest.update(reader.read(_END_BYTES))
    return digest.hexdigest()


def rename(source, target):
    if is_remote(target):
        _gfile().rename(source, target, overwrite=True)
    else:
        os.replace(source, target)


def remove(path):
    _gfile().remove(path) if is_remote(path) else os.remove(path)


def remove_if_there(path):
    if exists(path):
        remove(path)


def remove_empty_directory(path):
    _gfile().rmtree(path) if is_remote(path) else os.rmdir(path)


def make_directories(path):
    _gfile().makedirs(path) if is_remote(path) else os.makedirs(path, exist_ok=True)


def names_in(directory):
    """Names in a directory, sorted; none where there is no such directory.

    Raises:
      UserError: it cannot be read.
    """
    place = directory or "."
    try:
        if not is_directory(place):
            return []
        names = _gfile().listdir(place) if is_remote(place) else os.listdir(place)
    except failures() as error:
        raise UserError("cannot look into {}: {}".format(place, reason(error))) from None
    return sorted(name.rstrip("/") for name in names)


def beginning_with(prefix):
    """Paths of the files in the folder of `prefix` that begin with it, sorted; it is no pattern.

    beginning_with("out/model.ckpt-10.")  # its index, data and meta files
    """
    folder, start = os.path.split(prefix)
    return [os.path.join(folder, name) for name in names_in(folder) if name.startswith(start)]


def matching(patterns, flag):
    """Files that a comma list of names and globs means, each pattern's matches in name order.

    A file whose name is the whole value, or a whole entry with its blanks, comes before any other
    meaning; so does a folder whose name a pattern begins with. Names that start with `_` or `.`
    (manifests, debris) are passed over where a glob matched them.

    Args:
      patterns: "a.txt,dir/*.gz".
      flag: name of the flag, for messages.

    Raises:
      UserError: a pattern matches nothing, a directory is named, or a file system fails.
    """
    paths = {}
    for pattern in entries(patterns):
        try:
            names = _matches(pattern, flag)
        except failures() as error:
            raise UserError(
                "cannot look for {} ({}): {}".format(pattern, flag, reason(error))
            ) from None
        if not names:
            raise UserError("no file matches {} ({})".format(pattern, flag))
        paths.update(dict.fromkeys(names))
    if not paths:
        raise UserError("{} names no file".format(flag))
    for name in paths:
        if any("\ud800" <= c <= "\udfff" for c in name):  # bytes that are not UTF-8
            raise UserError("the name of file {!r} ({}) is not UTF-8; rename it".format(name, flag))
    return list(paths)


def entries(patterns):
    """The entries of a comma list of names and globs, without the blanks that belong to no file's
    name; see `matching`."""
    if not is_remote(patterns) and os.path.isfile(patterns):  # even with a comma in its name
        return [patterns]
    named = [
        p if not is_remote(p) and os.path.isfile(p) else p.strip() for p in patterns.split(",")
    ]
    return [p for p in named if p]


def has_matches(pattern):
    """Whether a name or glob means a file or directory that is there.

    Raises:
      UserError: a remote file system cannot be asked.
    """
    try:
        return exists(pattern) or bool(_matches(pattern, ""))
    except failures() as error:
        raise UserError("cannot look for {}: {}".format(pattern, reason(error))) from None


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
    find = _gfile().glob if is_remote(pattern) else _glob
    names = find(pattern)
    visible = (n for n in sorted(names) if not os.path.basename(n).startswith(("_", ".")))
    return [n for n in visible if not is_directory(n)]


def _glob(pattern):
    """Local matches; folders that are there by name mean themselves: run[1]/x-* is not of run1."""
    folder = os.path.dirname(pattern)
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return glob.glob(glob.escape(folder) + pattern[len(folder) :])


def create(path):
    """A new binary file to write to, for a temporary name that others can foresee.

    An existing file or link is removed and never written through. Permissions follow
    the umask.
    """
    if is_remote(path):
        return _gfile().GFile(path, "wb")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return open(path, "xb")


def open_lock(path):
    """A local text file to lock, to read and to write; made if it is not there, never a link."""

    def opener(name, flags):
        return os.open(name, flags | os.O_CREAT | os.O_NOFOLLOW, 0o666)

    return open(path, "r+", encoding="utf-8", opener=opener)


def append_to(path):
    """A binary file that `create` made, to append to; never a link."""
    if is_remote(path):
        return _gfile().GFile(path, "ab")
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "ab")
