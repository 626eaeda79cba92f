"""Lines for the user. They go to standard output; standard error is for errors."""

import sys
import time


def log(text):
    """Writes one line with the time of day."""
    print("{} {}".format(time.strftime("%H:%M:%S"), text), flush=True)


def warn(text):
    """Writes one line that must not be overlooked."""
    log("WARNING: " + text)
    if not sys.stdout.isatty() and sys.stderr.isatty():
        print("WARNING: " + text, file=sys.stderr)
