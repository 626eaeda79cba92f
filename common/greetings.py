"""TensorFlow's informative lines on standard error that no setting keeps away."""

import contextlib
import faulthandler
import os
import re
import tempfile

# Of informative messages before TensorFlow's logging begins, and the lines that go on with them.
_GREETINGS = re.compile(
    rb"(WARNING: All log messages before absl::InitializeLog|I\d{4} |To enable the following "
    rb"instructions)[^\n]*\n"
)
_STDERR = 2


@contextlib.contextmanager
def without_greetings():
    """Context in which TensorFlow's greetings are kept from standard error; all else follows at its
    end."""
    there = os.dup(_STDERR)
    with os.fdopen(there, "wb", buffering=0) as stderr, tempfile.TemporaryFile() as held:
        was_enabled = faulthandler.is_enabled()
        if not was_enabled:
            faulthandler.enable(stderr)  # a crash would take the held lines with it
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(there, _STDERR)
            if not was_enabled:
                faulthandler.disable()
            held.seek(0)
            text = _GREETINGS.sub(b"", held.read())
            if text:
                with contextlib.suppress(OSError):  # a full disk: nobody can read it there
                    stderr.write(text)
