"""Files that programs write: each is whole under its name, or not there.

A file is written under a temporary name of ours in its folder, locked while its writer lives, and
renamed when it is complete. So two writers of one file exclude each other, and what a killed one
left is known as debris: no other process holds its lock.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import time
import uuid

from common import files, locks
from common.errors import UserError

LONGEST_NAME = 255  # bytes, on the file systems in use
_TEMPORARY = re.compile(r"\.quanci-[0-9a-f]{16}(-[0-9a-f]{8})?\.tmp")
_COPY_BYTES = 1 << 20
# A small file of several programs is written in a moment; longer than this no one waits for it.
_WAIT_SECONDS, _POLL_SECONDS = 10.0, 0.02


def is_temporary(name):
    """Whether a file's name is a temporary one of ours."""
    return bool(_TEMPORARY.fullmatch(name))


def special_kind(path):
    """What is at a path that is no place for a regular file: "a device", "a named pipe" or "a
    socket"; None elsewhere."""
    if files.is_remote(path) or not os.path.lexists(path):
        return None
    place = os.path.abspath(path)
    # /dev/stdout is a link, to a regular file where the shell redirects it.
    if place.startswith(("/dev/", "/proc/")) and not place.startswith("/dev/shm/"):
        return "a device"
    try:
        mode = os.stat(path).st_mode
    except OSError:  # nothing there, or nothing that can be looked at: writing says so
        return None
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else None


def check(path, flag=None):
    """Refuses a path that no regular file can have; to be called before the work begins.

    check("out/records.tfrecord", "--output_file")

    Args:
      path: of a file that will be written, local or remote.
      flag: name of the flag, for the message.

    Raises:
      UserError: its name is too long, or a directory, device or pipe is there.
    """
    shown = "{} ({})".format(path, flag) if flag else path
    if files.is_remote(path):
        return
    check_length(path, shown)
    if os.path.isdir(path):
        raise UserError("{} is a directory; name a file".format(shown))
    kind = special_kind(path)
    if kind:
        raise UserError("{} is {}, which would be replaced; name a file".format(shown, kind))


def check_folder(path, what):
    """Refuses a path at which no folder can be made; to be called before the work begins.

    check_folder("out/run", "--output_dir=out/run")

    Args:
      path: of a folder that need not exist, local or remote.
      what: its name in the message.

    Raises:
      UserError: a name in it is too long; it, or a folder of its path, is a file, device or pipe.
    """
    if files.is_remote(path):
        return
    check_length(path, what)
    place = path
    while place and not os.path.lexists(place):
        place = os.path.dirname(place)
    if place and not os.path.isdir(place):
        kind = special_kind(place) or ("a broken link" if os.path.islink(place) else "a file")
        raise UserError("{}: {} is {}; name another directory".format(what, place, kind))


def check_length(path, shown=None, ending=""):
    """Refuses a path that a file system cannot hold.

    Args:
      path: local or remote; remote ones are not checked.
      shown: its name in the message; None: itself.
      ending: the longest ending of the files that will have this name.

    Raises:
      UserError: a name in it is too long.
    """
    if files.is_remote(path):
        return
    names = os.path.abspath(path).split(os.sep)
    names[-1] += ending
    for name in names:
        length = len(os.fsencode(name))
        if length > LONGEST_NAME:
            raise UserError(
                "{}: a name of {} bytes{} is longer than the {} that a file system takes; give a "
                "shorter one".format(
                    shown or path, length, " with " + ending if ending else "", LONGEST_NAME
                )
            )


@contextlib.contextmanager
def replacing(path, wait_seconds=0.0):
    """A new binary file that takes the name `path` when the block ends well, and else is gone.

    with replacing("vocab.txt") as f:
        f.write(content)

    Args:
      path: local or remote.
      wait_seconds: how long to wait for another process that writes the same file.

    Raises:
      UserError: see `check`; another process is writing the file.
    """
    check(path)
    temporary = temporary_path(path)
    if files.is_remote(path):
        with _removed_on_failure(temporary):
            with files.create(temporary) as f:
                yield f
            files.rename(temporary, path)
        return
    f = _claimed(temporary, path, wait_seconds)
    try:
        yield f
        f.flush()
        os.fsync(f.fileno())
        if not locks.is_at(f, temporary):  # where files cannot be locked
            raise _is_written(path)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            if locks.is_at(f, temporary):
                os.unlink(temporary)
        raise
    finally:
        f.close()
    _flush_folder(path)


def write_atomically(path, text):
    """Writes a small text file under a temporary name and renames it."""
    with replacing(path, _WAIT_SECONDS) as f:
        f.write(text.encode("utf-8"))


def copy_atomically(source, path):
    """Copies a file under a temporary name and renames it."""
    with files.open_file(source, "rb") as reader, replacing(path, _WAIT_SECONDS) as writer:
        shutil.copyfileobj(reader, writer, _COPY_BYTES)


def publish(temporary, path):
    """Gives a complete file its name, lastingly: a power cut leaves the old file or the new one.

    Args:
      temporary: path of the file; no other process may write it.
      path: its new name, in the same folder or file system.
    """
    if files.is_remote(path):
        files.rename(temporary, path)
        return
    check(path)
    flush(temporary)
    os.replace(temporary, path)
    _flush_folder(path)


def flush(path):
    """Waits until a local file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_debris(folder):
    """Removes the temporary files in a folder whose writers are dead; returns their names.

    Remote folders are left as they are: nothing there tells whether a writer lives.
    """
    if files.is_remote(folder):
        return []
    names = [name for name in files.names_in(folder) if is_temporary(name)]
    return [name for name in names if _remove_if_dead(os.path.join(folder, name))]


def remove_folder(folder, is_ours):
    """Removes the files of ours in a folder, and the folder where no other file is in it.

    Args:
      folder: local or remote; it need not exist.
      is_ours: function of a name in it.

    Returns:
      Names of what else is in it, which is left with the folder.
    """
    names = files.names_in(folder)
    left = []
    for name in names:
        path = os.path.join(folder, name)
        if is_ours(name) and not files.is_directory(path):
            files.remove(path)
        else:
            left.append(name)
    if not left and files.exists(folder):
        files.remove_empty_directory(folder)
    return left


def temporary_path(path):
    """The path at which the file `path` is written: of one length, whatever that of the name is,
    and of all writers of a local file the same."""
    # Remote files have no locks: each writer takes a name of its own.
    mine = "-" + uuid.uuid4().hex[:8] if files.is_remote(path) else ""
    return hidden_path(path, mine + ".tmp")


def hidden_path(path, ending):
    """A hidden name of ours beside a file or folder, the same in every run."""
    folder, name = os.path.split(path)
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return os.path.join(folder, ".quanci-{}{}".format(digest, ending))


def _claimed(temporary, path, wait_seconds):
    """The temporary file, new and locked."""
    until = time.monotonic() + wait_seconds
    while True:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            if not _remove_if_dead(temporary):
                if time.monotonic() > until:
                    raise _is_written(path) from None
                time.sleep(_POLL_SECONDS)
            continue
        f = os.fdopen(descriptor, "wb")
        # Another process may have taken it for debris before it was locked.
        if locks.lock(f.fileno()) and locks.is_at(f, temporary):
            return f
        f.close()


def _remove_if_dead(path):
    """Removes a temporary file that no process holds; whether it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        if not os.path.islink(path):
            raise
        os.unlink(path)  # never written through
        return True
    with os.fdopen(descriptor, "rb") as f:
        if not locks.lock(descriptor):
            return False
        if locks.is_at(f, path):  # else its writer has just published it
            os.unlink(path)
        return True


def _is_written(path):
    return UserError(
        "another process is writing {}; wait for it, stop it, or give another name".format(path)
    )


@contextlib.contextmanager
def _removed_on_failure(path):
    try:
        yield
    except BaseException:
        with contextlib.suppress(UserError, *files.failures()):
            files.remove_if_there(path)
        raise


def _flush_folder(path):
    # Without it the file is whole all the same, if perhaps under its old name.
    with contextlib.suppress(OSError):
        flush(os.path.dirname(path) or ".")
