"""Folders that a conversion writes: as a whole or not at all, and nothing of the user's in them is
lost.

A folder is written beside its place, under a hidden name of ours, and then takes the place of the
one before. It holds a small file that says what the conversion wrote, by which the next conversion
knows that nothing else would go with it.
"""

import contextlib
import json
import os
import stat
import typing
import uuid

from common import bounded_json, files, locks, outputs
from common.errors import UserError
from common.lazy_tensorflow import tf
from common.validation import dict_of, is_object, is_text

RECORD = ".quanci.json"
_PROGRAM = "convert_checkpoint"


class Destination(typing.NamedTuple):
    """A folder to write.

    Attributes:
      what: its name in messages ("--pytorch_dump_path=hf").
      folder: path, local or remote; "." and not "" is the current directory.
      kind: what it will hold, in words; an earlier conversion must have written the same.
      longest: the longest of the names that are known before the work.
    """

    what: str
    folder: str
    kind: str
    longest: str = RECORD


def check(destination, sources=()):
    """Refuses a folder that cannot be replaced as a whole, or would take other files with it.

    Args:
      destination: Destination; the folder need not exist.
      sources: paths that the conversion reads.

    Raises:
      UserError: naming the file that is in the way, and what to do.
    """
    what, folder = destination.what, destination.folder
    outputs.check_folder(folder, what)
    if files.is_remote(folder):
        for name in files.names_in(folder)[:1]:
            raise UserError(
                "{}: {} holds {}; a remote directory is written where nothing is yet, so name "
                "another one".format(what, folder, name)
            )
        return
    outputs.check_length(os.path.join(folder, destination.longest), what)
    place = os.path.realpath(folder)
    for source in filter(None, sources):
        if not files.is_remote(source) and os.path.realpath(os.path.dirname(source)) == place:
            raise UserError(
                "{}: {} lies there and is converted; name another directory".format(
                    what, source.rstrip(os.sep)
                )
            )
    is_here = os.path.commonpath([place, os.getcwd()]) == place
    if is_here or os.path.ismount(place):
        raise UserError(
            "{}: {} {} and cannot be replaced as a whole; name a directory in it".format(
                what, folder, "holds the current directory" if is_here else "is mounted"
            )
        )
    _check_content(destination, place)


def _check_content(destination, place):
    record = _read_record(place)
    names = [n for n in files.names_in(place) if n != RECORD or not record]
    written = record["files"] if record else {}
    fault = None
    for name in names:
        if name not in written:
            fault = "{} holds {}, which no conversion wrote".format(destination.folder, name)
        elif _digest(os.path.join(place, name)) != written[name]:
            fault = "{} has been changed since a conversion wrote it".format(
                os.path.join(destination.folder, name)
            )
        if fault:
            raise UserError(
                "{}: {}, and the directory would be replaced as a whole; move the file elsewhere, "
                "or name another directory".format(destination.what, fault)
            )
    if names and record["kind"] != destination.kind:
        raise UserError(
            "{}: {} holds {} of an earlier conversion, not {}; name another directory".format(
                destination.what, destination.folder, record["kind"], destination.kind
            )
        )


@contextlib.contextmanager
def staged(destination, sources=()):
    """Makes a scratch folder for files that `publish` gives their place; it is removed at the end.

    with staged(destination) as scratch:
        write(os.path.join(scratch, "config.json"))
        publish(scratch, destination)

    Args:
      destination, sources: see `check`.

    Yields:
      Path of a folder on the destination's file system, without files but a hidden one.

    Raises:
      UserError: see `check`; it cannot be made, or another process writes the same folder.
    """
    check(destination, sources)
    if files.is_remote(destination.folder):
        with _remote_scratch(destination) as scratch:
            yield scratch
        return
    place = os.path.realpath(destination.folder)
    scratch, old = outputs.hidden_path(place, ".new"), outputs.hidden_path(place, ".old")
    made = _missing_folders(os.path.dirname(place))
    with writing(destination.folder):
        held = locks.take(os.path.join(scratch, RECORD))
    if held is None:
        raise UserError(
            "{}: another process is writing {}; wait for it, stop it, or name another "
            "directory".format(destination.what, destination.folder)
        )
    try:
        with writing(destination.folder):
            _remove_scratch(scratch, but_record=True)  # of a writer that was killed
            _finish_swap(place, old)
        check(destination, sources)
        yield scratch
    finally:
        with held, writing(scratch):
            if locks.is_at(held, os.path.join(scratch, RECORD)):  # it has not got its place
                _remove_scratch(scratch)
            for folder in made:  # deepest first
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


def publish(scratch, destination):
    """Puts the files of `scratch` in the place of the destination's folder.

    Killed at any moment, this leaves the folder of before, the new one, or none: then the former is
    beside it, and put back by the next `staged`.

    Args:
      scratch, destination: see `staged`.

    Raises:
      UserError: see `check`: the folder was changed meanwhile.
      OSError, tf.errors.OpError: it cannot be written to.
    """
    if files.is_remote(destination.folder):
        _publish_remote(scratch, destination.folder)
        return
    place = os.path.realpath(destination.folder)
    _write_record(scratch, destination.kind)
    _check_content(destination, place)
    old = outputs.hidden_path(place, ".old")
    if os.path.isdir(place):
        os.rename(place, old)
    os.rename(scratch, place)
    _finish_swap(place, old)


@contextlib.contextmanager
def writing(what):
    """Turns a failed write in its block into a UserError: "`what` cannot be written: ..."."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise UserError("{} cannot be written: {}".format(what, _reason(error))) from error


def _finish_swap(place, old):
    """Puts the folder of before back where no new one has its place, and else removes it."""
    if not os.path.isdir(old):
        return
    if not os.path.isdir(place):
        os.rename(old, place)
        return
    record = _read_record(old)
    if record:
        # The record last: a removal that is cut short goes on from it.
        outputs.remove_folder(old, lambda name: name in record["files"])
    left = outputs.remove_folder(old, lambda name: name == RECORD and record)
    if left:
        raise UserError(
            "{} is a directory of before, and holds {}, which no conversion wrote; move it "
            "elsewhere".format(old, left[0])
        )


def _remove_scratch(scratch, but_record=False):
    """Removes all files of a scratch folder: its name is ours, and so are they."""
    outputs.remove_folder(scratch, lambda name: name != RECORD)
    if not but_record:
        outputs.remove_folder(scratch, lambda name: name == RECORD)


def _missing_folders(path):
    """The folders that must be made for `path`, the deepest first."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def _write_record(scratch, kind):
    """Writes what the folder will hold, when all of it is on disk."""
    names = [name for name in files.names_in(scratch) if name != RECORD]
    for name in names:
        outputs.flush(os.path.join(scratch, name))
    digests = {name: _digest(os.path.join(scratch, name)) for name in names}
    values = {"program": _PROGRAM, "kind": kind, "files": digests}
    # Not under a temporary name: nobody reads it before the folder has its place.
    with open(os.path.join(scratch, RECORD), "r+", encoding="utf-8") as f:
        f.write(json.dumps(values, ensure_ascii=False, indent=1) + "\n")
        f.truncate()
    outputs.flush(os.path.join(scratch, RECORD))


def _read_record(folder):
    """The record of what a conversion wrote to a folder; None where there is none, or no whole one.

    Returns:
      {"kind": str, "files": {name: SHA-256}} and more.
    """
    path = os.path.join(folder, RECORD)
    if not os.path.isfile(path):
        return None
    try:
        with files.open_file(path, "rb") as f:
            record = bounded_json.load(f, path)
    except UserError:
        return None
    if not is_object(record) or record.get("program") != _PROGRAM:
        return None
    is_whole = is_text(record.get("kind")) and dict_of(is_text)(record.get("files"))
    return record if is_whole else None


def _digest(path):
    """The SHA-256 of a regular file, None of anything else: an edit may keep a file's size."""
    return files.sha256(path) if stat.S_ISREG(os.lstat(path).st_mode) else None


@contextlib.contextmanager
def _remote_scratch(destination):
    # A folder: incomplete files are never taken for a checkpoint, not even by a search for *.index.
    name = "_converted.partial-{}".format(uuid.uuid4().hex[:12])
    scratch = os.path.join(destination.folder, name)
    try:
        with writing(destination.folder):
            files.make_directories(scratch)
        yield scratch
    finally:
        with writing(scratch):
            outputs.remove_folder(scratch, lambda name: True)


def _publish_remote(scratch, folder):
    # The index last: with it a checkpoint is whole.
    for name in sorted(files.names_in(scratch), key=lambda n: (n.endswith(".index"), n)):
        files.rename(os.path.join(scratch, name), os.path.join(folder, name))


def _reason(error):
    """The line of an error that names the cause."""
    if isinstance(error, OSError):
        return error.strerror or str(error).split("\n")[0]
    # The message of the graph precedes it, the node follows.
    return error.message.split("\n\t [[")[0].strip().split("\n")[-1]
