"""The one exception a user is meant to see, and the way scripts show it."""

import os
import sys


class UserError(Exception):
    """Something the user can mend: a file, a record, a line or a flag.

    The text is one sentence that says what is wrong, where, and what to do.
    """


def some(names, limit=8):
    """The first names with commas, and how many more there are, for messages."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else "{} and {} more".format(shown, len(names) - limit)


def require(flags, *names):
    """Raises UserError for the first of the flags `names` that was not given."""
    for name in names:
        if not getattr(flags, name):
            raise UserError("--{} is required".format(name))


def one_line(main):
    """Wraps a script's `main(argv)`: a UserError becomes one line on stderr and exit code 1.

    Words on the command line that belong to no flag are refused: a star without quotes would
    else lose all files but the first.
    """

    def wrapped(argv):
        for stream in (sys.stdout, sys.stderr):
            if hasattr(
                stream, "reconfigure"
            ):  # a terminal that cannot show a character is no fault
                stream.reconfigure(errors="backslashreplace")
        try:
            if len(argv) > 1:
                raise UserError(
                    "unexpected argument {}; a * must stand in quotes, and a value behind "
                    "--flag=".format(argv[1])
                )
            return main(argv)
        except UserError as error:
            print("error: {}".format(error), file=sys.stderr)
            return 1
        except BrokenPipeError:
            # The reader of our output (head, less) has left; nobody is there to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130

    return wrapped
