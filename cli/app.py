"""Start and end of a program: flags, exit codes, and the one line of an error."""

import contextlib
import os
import re
import signal
import sys
import threading

from absl import app
from absl import flags as absl_flags

from common.errors import Stopped, UserError, quoted

_LONGEST = 4000  # characters of a message; names of files may be long
_NOTHING_LOST = "what is finished is kept; the same command resumes"
# Words of absl about a flag's value -> plain ones.
_PLAIN_WORDS = (
    (r"^flag --", "--"),
    (r"invalid literal for int\(\) with base \d+: .*", "must be a whole number"),
    (r"could not convert string to float: .*", "must be a number"),
    (r"\(.Non-boolean argument to boolean flag., .*\)", "must be true or false"),
)


def _in_one_line(text):
    """A message as one printable line, whatever it quotes of files and their names."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1000] + " ... " + text[-1000:]


def require(flags, *names):
    """Raises UserError for the first of the flags `names` that was not given."""
    for name in names:
        if not getattr(flags, name):
            raise UserError("--{} is required".format(name))


def run_script(main):
    """Runs a script: parses its flags, calls `main(argv)` as `one_line` wraps it, and exits."""
    app.run(one_line(main), flags_parser=parse_flags)


def prepare_tensorflow():
    """Sets TensorFlow to graphs and sessions, and silences its warnings about its own deprecations.

    Imports TensorFlow: not for the programs whose worker processes do without it.
    """
    import tensorflow.compat.v1 as tf

    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()


def given_values(flags, names):
    """dict name -> value of flags, the default where one is not given."""
    return {name: getattr(flags, name) for name in names}


def parse_flags(argv):
    """Sets the flags; returns the words that belong to none, the script's name before them.

    What absl refuses is one line on stderr and exit code 1, like every other error.
    """
    try:
        return absl_flags.FLAGS(argv)
    except absl_flags.Error as error:
        text = str(error)
        for pattern, plain in _PLAIN_WORDS:
            text = re.sub(pattern, plain, text)
        print("error: {}".format(_in_one_line(text)), file=sys.stderr)
        sys.exit(1)


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
            _check_words(sys.argv[1:])
            if len(argv) > 1:
                raise UserError(
                    "unexpected argument {}; a * must stand in quotes, and a value after "
                    "--flag=".format(argv[1])
                )
            with _sigterm_as_exception():
                return main(argv)
        except UserError as error:
            print("error: {}".format(_in_one_line(error)), file=sys.stderr)
            return 1
        except Stopped as stopped:
            print(stopped, file=sys.stderr)
            return stopped.exit_code
        except BrokenPipeError:
            # The reader of our output (head, less) has left; nobody is there to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except KeyboardInterrupt:
            stopped = Stopped(signal.SIGINT, _NOTHING_LOST)
            print(stopped, file=sys.stderr)
            return stopped.exit_code

    return wrapped


def _check_words(words):
    """Raises UserError for a word of the command line that is not UTF-8: TensorFlow takes none."""
    for word in words:
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            raise UserError(
                "{} on the command line is not UTF-8; rename the file".format(quoted(word))
            ) from None


@contextlib.contextmanager
def _sigterm_as_exception():
    """A SIGTERM unwinds the program like a Ctrl-C, so that what it cleans up is cleaned up."""

    def stop(number, frame):
        del frame
        raise Stopped(number, _NOTHING_LOST)

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if is_ours:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
