"""Lines for the user. They go to standard output; standard error is for errors.

A training also has them in a file of its output directory. Until it is known that the run may write
there, they are held:

    hold_lines()  # at the start
    name_log_file("out")
    open_log_file()  # appends what was held, and what follows, to out/log.txt
    close_log_file()
"""

import os
import sys
import time

from common import files
from common.terminal import complain, printable, say

LOG_FILE = "log.txt"


def log(text):
    """Writes one printable line with the time of day."""
    say("{} {}".format(time.strftime("%H:%M:%S"), text))
    record(text)


def warn(text):
    """Writes one line that must not be overlooked."""
    log("WARNING: " + text)
    if not sys.stdout.isatty() and sys.stderr.isatty():
        complain("WARNING: " + text)


def log_lines(lines):
    """Logs a report: list of (is_warning, line)."""
    for is_warning, line in lines:
        (warn if is_warning else log)(line)


class _LogFile:
    """The file: lines are held from hold() on, and written from open() on."""

    def __init__(self):
        self._path = self._held = self._file = None

    def hold(self):
        """Begins a run; what was before it is over."""
        self.close()
        self._held = []

    def name(self, folder):
        """Says where the file will be. On gs:// there is none: a line would rewrite all of it."""
        self._path = None if files.is_remote(folder) else os.path.join(folder, LOG_FILE)

    def open(self):
        """Makes the file, or goes on with it."""
        if self._file or self._held is None or not self._path:
            return
        held, self._held = self._held, None
        try:
            # Without a buffer: what cannot be written is not left in one.
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            warn("cannot write {}: {}".format(self._path, error.strerror))
            return
        self._write(held)

    def add(self, text):
        """Adds a line; without effect where no run has begun."""
        line = "{} {}".format(time.strftime("%Y-%m-%d %H:%M:%S"), printable(text))
        if self._file:
            self._write([line])
        elif self._held is not None:
            self._held.append(line)

    def _write(self, lines):
        try:
            text = "".join(line + "\n" for line in lines)
            self._file.write(text.encode("utf-8", "backslashreplace"))
        except OSError as error:  # a full disk, which the next checkpoint will tell of
            self._file = None
            warn("{} ends here: {}".format(self._path, error.strerror))

    def close(self):
        """Ends the run."""
        if self._file:
            self._file.close()
        self._path = self._held = self._file = None


_file = _LogFile()
hold_lines, name_log_file, open_log_file = _file.hold, _file.name, _file.open
record, close_log_file = _file.add, _file.close
