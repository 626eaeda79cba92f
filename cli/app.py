"""Start and end of a program: flags, exit codes, and the one line of an error."""

import errno
import re
import shlex
import sys

from absl import app
from absl import flags as absl_flags

from cli import original_names
from cli.help import requests
from cli.start import watched_imports
from cli.stop_signals import stop_signals_as_exceptions
from common import lazy_tensorflow, terminal
from common.errors import Stopped, UserError, quoted
from common.log import close_log_file, hold_lines, record, warn
from common.validation import number_fault

# What a program keeps when a signal stops it, and what it does when it is started again.
NOTHING_KEPT = "nothing unfinished is kept; the same command starts anew"
PARTS_KEPT = "what is finished is kept; the same command resumes"

_PURE_PYTHON = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"  # set to python, chooses it
_LONGEST = 4000  # characters of a message; names of files may be long
# What the machine has too little of -> what to do.
_SHORTAGES = {
    errno.ENOMEM: "out of memory; close other programs, or take smaller batches or fewer workers",
    errno.EAGAIN: "the system starts no more processes or threads; raise the limit (ulimit -u)",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n), or take fewer workers",
    errno.ENFILE: "too many open files on this machine; close other programs",
    errno.ENOSPC: "no space left on the disk; make room",
}
# Words of absl about a flag's value -> plain ones.
_PLAIN_WORDS = (
    (r"^flag --", "--"),
    (r"invalid literal for int\(\) with base \d+: .*", "must be a whole number"),
    (r"could not convert string to float: .*", "must be a number"),
    (r"\(.Non-boolean argument to boolean flag., .*\)", "must be true or false"),
)


def _complain(text):
    """Writes a message as one line, cut where it is very long: it may quote a file."""
    text = str(text)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1000] + " ... " + text[-1000:]
    terminal.complain(text)
    record(text)


def require(flags, *names):
    """Raises UserError for the first of the flags `names` that was not given."""
    for name in names:
        if not getattr(flags, name):
            raise UserError("--{} is required".format(name))


def run_script(main, when_stopped=NOTHING_KEPT):
    """Runs a script: parses its flags, calls `main(argv)` as `one_line` wraps it, and exits."""
    terminal.open_closed()
    app.run(one_line(main, when_stopped), flags_parser=parse_flags)


def hold_log():
    """Begins the log file of a training with its command line; see common.log."""
    hold_lines()
    record("started: {}".format(" ".join(map(shlex.quote, sys.argv))))


def prepare_tensorflow():
    """Has TensorFlow, when it is first used, set to graphs and sessions and its warnings about its
    own deprecations silenced, with a warning of what is slow or untested in this installation."""
    lazy_tensorflow.when_used(watched_imports, _set_tensorflow)


def _set_tensorflow():
    from google import protobuf
    from google.protobuf.internal import api_implementation

    from training import estimators

    tf = lazy_tensorflow.tf
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    estimators.warn_if_untested()
    if api_implementation.Type() == "python":
        warn(
            "protobuf {} runs in pure Python here, about 18 times slower on records; unset {}, or "
            "install a protobuf of requirements/".format(protobuf.__version__, _PURE_PYTHON)
        )


def given_values(flags, names):
    """dict name -> value of flags, the default where one is not given."""
    return {name: getattr(flags, name) for name in names}


def parse_flags(argv):
    """Sets the flags; returns the words that belong to none, the script's name before them.

    What absl refuses, and numbers that no flag can mean, are one line on stderr and exit code 1,
    like every other error.
    """
    try:
        requests.define()
        words = absl_flags.FLAGS(argv)
        original_names.refuse_several_names(argv[1:])
        _check_numbers(absl_flags.FLAGS)
        return words
    except absl_flags.Error as error:
        text = str(error)
        for pattern, plain in _PLAIN_WORDS:
            text = re.sub(pattern, plain, text)
    except UserError as error:
        text = str(error)
    _complain("error: " + text)
    terminal.drop_unwritable()
    sys.exit(1)


def _check_numbers(flags):
    """Raises UserError for a flag whose value is nan, inf or huge, whatever the flag is for."""
    for name in flags:
        flag = flags[name]
        fault = number_fault(flag.value)
        if fault:  # its own name, not a short one
            raise UserError("--{}={} {}".format(flag.name, flag.value, fault))


def one_line(main, when_stopped=NOTHING_KEPT):
    """Wraps a script's `main(argv)`: what ends it early becomes one line on stderr and an exit
    code: 1 for a UserError and for a lack of memory, files or space.

    Words on the command line that belong to no flag are refused: a star without quotes would
    else lose all files but the first.

    Args:
      main: function of argv. An attribute takes_words, a function without arguments, says whether
        words belong to a flag of it.
      when_stopped: what to say of a program that a signal stops: NOTHING_KEPT or PARTS_KEPT.

    Returns:
      Function of argv that returns the exit code.
    """

    def wrapped(argv):
        terminal.open_closed()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(
                stream, "reconfigure"
            ):  # a terminal that cannot show a character is no fault
                stream.reconfigure(errors="backslashreplace")
        try:
            _check_words(sys.argv[1:])
            if len(argv) > 1 and not getattr(main, "takes_words", bool)():
                raise UserError(
                    "unexpected argument {}; a * must stand in quotes, and a value after "
                    "--flag=".format(argv[1])
                )
            with stop_signals_as_exceptions(when_stopped):
                code = main(argv)
                terminal.flush()
                return code
        except UserError as error:
            _complain("error: {}".format(error))
            return 1
        except MemoryError:
            _complain("error: " + _SHORTAGES[errno.ENOMEM])
            return 1
        except Stopped as stopped:
            _complain(stopped)
            return stopped.exit_code
        except BrokenPipeError:
            return 141  # the reader of our output (head, less) has left; nobody is there to tell
        except OSError as error:
            if error.errno not in _SHORTAGES:
                raise
            _complain("error: " + _SHORTAGES[error.errno])
            return 1
        except RuntimeError as error:
            if str(error) != "can't start new thread":  # Python's own words, without a number
                raise
            _complain("error: " + _SHORTAGES[errno.EAGAIN])
            return 1
        finally:
            close_log_file()
            terminal.drop_unwritable()

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
