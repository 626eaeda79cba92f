"""SIGTERM and SIGINT (Ctrl-C) as a wish to stop, which a run grants between two steps."""

import os
import signal
import threading

import tensorflow.compat.v1 as tf

from common.errors import STOP_SIGNALS, Stopped


class StopSignals:
    """While it is entered, a first signal is kept as a wish; a second one ends the process.

    Attributes:
      wanted: number of the signal that came, or None.
    """

    def __init__(self):
        self.wanted, self._before = None, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                # Where it is ignored (nohup, a shell's background job) it stays so.
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
        """Raises Stopped, with `text` on what was kept, if a signal came."""
        if self.wanted:
            raise Stopped(self.wanted, text)


class StopHook(tf.train.SessionRunHook):
    """Ends training in order, so that the other hooks save; leaves an evaluation at once."""

    def __init__(self, signals, shown=None):
        """Makes the hook.

        Args:
          signals: StopSignals.
          shown: for an evaluation: what to say on leaving. None: training.
        """
        self._signals, self._shown = signals, shown

    def after_run(self, run_context, run_values):
        if self._shown:
            self._signals.check(self._shown)
        elif self._signals.wanted:
            run_context.request_stop()
