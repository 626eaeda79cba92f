"""The three streams of a program, and what may be written to a terminal.

Texts quote what others wrote: names of files, tags, labels, lines of a corpus. Written as they are,
their control characters would move the cursor, colour or hide lines, or turn text around.
"""

import contextlib
import os
import sys

from common.errors import UserError

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def printable(text):
    """A text as one printable line: control characters (ESC, U+0080 to U+009F, line ends) and those
    that change the direction of writing become escapes as \\x1b."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def say(text):
    """Writes one line to standard output.

    Raises:
      UserError: it cannot be written, for instance to a full disk.
      BrokenPipeError: the reader of the pipe has left.
    """
    with _failures():
        print(printable(text), flush=True)


def complain(text):
    """Writes one line to standard error; to standard output where that is closed or full."""
    for stream in (sys.stderr, sys.stdout):
        if is_closed(stream):
            continue
        try:
            print(printable(text), file=stream, flush=True)
            return
        except OSError:  # nobody is told there; the exit code says it all the same
            continue


def flush():
    """Writes what standard output still holds.

    Raises:
      UserError, BrokenPipeError: see `say`.
    """
    with _failures():
        sys.stdout.flush()


def drop_unwritable():
    """Leaves nothing to write that cannot be written: the interpreter would fail with it at its
    end, and with another exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_closed():
    """Puts the null device where a standard stream is closed.

    Python has no object for such a stream, and the next file to be opened would get its number:
    what libraries write to standard error would go into that file.
    """
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def is_closed(stream):
    """Whether a standard stream was closed when the program began."""
    return stream is None or getattr(stream, "name", None) == os.devnull


@contextlib.contextmanager
def _failures():
    """Failures to write to standard output as errors for the user."""
    try:
        yield
    except BrokenPipeError:  # no failure: the reader of the pipe has closed it
        raise
    except OSError as error:
        # Where results go to standard output, messages go to standard error.
        name = "standard error" if sys.stdout is sys.stderr else "standard output"
        raise UserError("cannot write to {}: {}".format(name, error.strerror)) from None
