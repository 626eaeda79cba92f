"""Lines for the user. They go to standard output; standard error is for errors."""

import sys
import time

from common.terminal import complain, say


def log(text):
    """Writes one printable line with the time of day."""
    say("{} {}".format(time.strftime("%H:%M:%S"), text))


def warn(text):
    """Writes one line that must not be overlooked."""
    log("WARNING: " + text)
    if not sys.stdout.isatty() and sys.stderr.isatty():
        complain("WARNING: " + text)


def log_lines(lines):
    """Logs a report: list of (is_warning, line)."""
    for is_warning, line in lines:
        (warn if is_warning else log)(line)
