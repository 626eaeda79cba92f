"""Files that are compressed by gzip (*.gz) or bzip2 (*.bz2), read and written by their names.

with packed.opened("lines.txt.bz2") as reader:
    first = reader.readline()
"""

import bz2
import contextlib
import gzip
import zlib

from common import files
from common.errors import UserError

_FORMATS = {".gz": "gzip", ".bz2": "bzip2"}
ENDINGS = tuple(_FORMATS)


def is_packed(path):
    """Whether a file of this name is compressed."""
    return path.endswith(ENDINGS)


def unpacked(path, raw):
    """A binary file of the content; `raw` itself where the name is that of no compressed file.

    Args:
      path: the name.
      raw: binary file of what is stored.
    """
    ending = _ending(path)
    if ending == ".gz":
        return gzip.GzipFile(fileobj=raw)
    return bz2.BZ2File(raw) if ending else raw


def packing(path, raw):
    """A binary file to write to, whose content goes compressed to `raw`; as `unpacked`."""
    ending = _ending(path)
    if ending == ".gz":
        return gzip.GzipFile("", "wb", fileobj=raw)
    return bz2.BZ2File(raw, "wb") if ending else raw


@contextlib.contextmanager
def opened(path):
    """A binary file of the content of a file, local or remote.

    Raises:
      UserError: in the block, for a stream that is damaged or cut off.
      OSError, tf.errors.OpError: the file cannot be read.
    """
    with whole(path), files.open_file(path, "rb") as raw, contextlib.ExitStack() as closing:
        reader = unpacked(path, raw)
        if reader is not raw:
            closing.enter_context(reader)
        yield reader


@contextlib.contextmanager
def whole(path, place=None):
    """Turns what reading a damaged or cut stream raises into a UserError.

    Args:
      path: of the file.
      place: function that says how far it was read, or None.
    """
    try:
        yield
    except (EOFError, zlib.error, OSError) as error:
        # bzip2's own errors are OSErrors without a number; those of the system have one.
        if not is_packed(path) or getattr(error, "errno", None) is not None:
            raise
        name = _FORMATS[_ending(path)]
        raise UserError(
            "{} is not a whole {} file: {}{}".format(
                path, name, str(error).rstrip("."), place() if place else ""
            )
        ) from None


def _ending(path):
    return next((ending for ending in ENDINGS if path.endswith(ending)), None)
