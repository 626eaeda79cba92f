"""The one exception a user is meant to see, and the way scripts show it."""

import sys


class UserError(Exception):
    """Something the user can mend: a file, a record, a line or a flag.

    The text is one sentence that says what is wrong, where, and what to do.
    """


def one_line(main):
    """Wraps a script's `main(argv)`: a UserError becomes one line on stderr and exit code 1."""

    def wrapped(argv):
        try:
            return main(argv)
        except UserError as error:
            print("error: {}".format(error), file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130

    return wrapped
