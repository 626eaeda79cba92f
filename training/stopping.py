"""SIGTERM and SIGINT (Ctrl-C) as requests to stop, which a run follows between two steps."""

import os
import signal
import threading

from common.errors import STOP_SIGNALS, Stopped
from common.lazy_tensorflow import tf


class StopSignals:
    """Inside the context a first signal is recorded as a request; a second one ends the process.

    Attributes:
      wanted: number of the signal received, or None.
    """

    def __init__(self):
        self.wanted, self._before = None, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                # A signal that is ignored (nohup, a shell's background job) stays ignored.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._keep)
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _keep(self, number, frame):
        del frame
        self.wanted = number
        name = signal.Signals(number).name
        # Not by print: the signal may have come in the middle of one.
        os.write(
            2, "{}: stopping after this step; once more to stop at once\n".format(name).encode()
        )
        for other in self._before:
            signal.signal(other, signal.SIG_DFL)

    def check(self, text):
        """Raises Stopped if a signal came; `text` says what was kept."""
        if self.wanted:
            raise Stopped(self.wanted, text)


class StopHook(tf.train.SessionRunHook):
    """Ends training in order, so that the other hooks save; ends an evaluation at once."""

    def __init__(self, signals, shown=None):
        """Makes the hook.

        Args:
          signals: StopSignals.
          shown: text of Stopped for an evaluation; None: training.
        """
        self._signals, self._shown = signals, shown

    def after_run(self, run_context, run_values):
        if self._shown:
            self._signals.check(self._shown)
        elif self._signals.wanted:
            run_context.request_stop()
