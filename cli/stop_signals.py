"""SIGTERM and SIGINT (Ctrl-C) as an exception, so that what a program cleans up is cleaned up."""

import contextlib
import signal
import threading

from common.errors import STOP_SIGNALS, Stopped


@contextlib.contextmanager
def stop_signals_as_exceptions(text):
    """The first signal unwinds the program; a second one, while it cleans up, ends it at once.

    Signals that somebody else handles or ignores (nohup) are left alone.

    Args:
      text: of the exception: what is kept.

    Raises:
      Stopped: a signal came.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {}

    def stop(number, frame):
        del frame
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        before.clear()
        raise Stopped(number, text)

    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            if signal.getsignal(number) in usual:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
