"""Calls of functions in a process of their own, which holds libraries that this one must not.

  arrays = separate_process.call("modeling.conversion.pytorch_outputs", "compute", request)

PyTorch's and TensorFlow's native parts share names of symbols: with TensorFlow 2.21 and a PyTorch
for CUDA the second one loaded can crash. The process starts with the first call and serves those
that follow, as its imports take seconds; it ends with this one, or when it loses it.
"""

import atexit
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
from multiprocessing.connection import Connection

from common.errors import UserError

_RESULT, _USER_ERROR, _FAULT = "result", "user error", "fault"
_SERVE = "import sys; sys.path[:] = {!r}; from common import separate_process as s; s.serve({})"


class _Process:
    """A Python without the modules of this one."""

    _current = None

    def __init__(self):
        self.owner = os.getpid()
        self._connection, theirs = multiprocessing.Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE.format(sys.path, theirs.fileno())],
                # transformers imports TensorFlow wherever it is installed.
                env=dict(os.environ, USE_TF="0"),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @classmethod
    def running(cls):
        """The process of the calls so far, or a new one."""
        current = cls._current
        if current is None or current.owner != os.getpid() or current._process.poll() is not None:
            cls._current = current = cls()
            atexit.register(current.end)
        return current

    def ask(self, request):
        """The reply to a request.

        Raises:
          UserError: the process ends without one.
        """
        try:
            self._connection.send(request)
            return self._connection.recv()
        except (EOFError, ConnectionError):
            code = self._process.wait()
            raise UserError(
                "the process that runs {}.{} ended with {}; where that is signal 9, the system was "
                "out of memory".format(request[0], request[1], _words(code))
            ) from None
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def end(self):
        """Ends the process, which waits for a request."""
        if self.owner != os.getpid():
            return  # a copy of ours, made by a fork
        self._connection.close()
        self._process.wait()


def call(module, name, *arguments):
    """Calls a function in the other process.

    Args:
      module: name of the module that has it.
      name: of the function.
      *arguments: picklable.

    Returns:
      What it returns, picklable.

    Raises:
      UserError: the function raises it, a package is missing there, or the process ends.
      RuntimeError: the function raises anything else; with its traceback.
    """
    kind, value = _Process.running().ask((module, name, arguments))
    if kind == _USER_ERROR:
        raise UserError(value)
    if kind == _FAULT:
        raise RuntimeError(value)
    return value


def serve(number):
    """Answers requests until the one that asks is gone: the part of the other process.

    Args:
      number: of the file descriptor of its connection.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that asks decides
    sys.stdout = sys.stderr  # what libraries print is no result
    os.dup2(2, 1)
    with Connection(number) as connection:
        while True:
            try:
                module, name, arguments = connection.recv()
            except (EOFError, ConnectionError):
                return
            try:
                reply = _RESULT, getattr(importlib.import_module(module), name)(*arguments)
            except UserError as error:
                reply = _USER_ERROR, str(error)
            except ImportError as error:
                reply = _USER_ERROR, "{} cannot be imported: {}".format(error.name, error)
            except Exception:
                reply = _FAULT, traceback.format_exc()
            try:
                connection.send(reply)
            except ConnectionError:
                return


def _words(code):
    """The way a process ended: "signal 11" or "exit code 1"."""
    return "signal {}".format(-code) if code < 0 else "exit code {}".format(code)
