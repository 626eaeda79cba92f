"""The exceptions a user is meant to see, and what their texts are made with."""

import signal

# A Ctrl-C, and what cluster managers and Cloud TPUs send before they take a machine away.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class UserError(Exception):
    """Something the user can mend: a file, a record, a line or a flag.

    The text is one sentence that says what is wrong, where, and what to do.
    """


class Stopped(BaseException):
    """A signal ended the program in order; the text says what was kept.

    Like KeyboardInterrupt it is no Exception: whoever catches what a library may raise must not
    take it for a damaged file.

    Attributes:
      exit_code: 128 + the signal's number, as shells have it.
    """

    def __init__(self, number, text):
        super().__init__("stopped by {}: {}".format(signal.Signals(number).name, text))
        self.exit_code = 128 + number

    def with_text(self, text):
        """The same of another text."""
        return Stopped(self.exit_code - 128, text)


def some(names, limit=8):
    """The first names with commas, and how many more there are, for messages."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else "{} and {} more".format(shown, len(names) - limit)


def quoted(value, limit=200):
    """repr of a value from outside, cut where it is long, for messages."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
