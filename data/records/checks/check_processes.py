"""Checks sections of record files side by side, one process to a core.

The processes are started as programs of their own, not with multiprocessing: that would import the
calling script, and with it TensorFlow, into each of them. They are connected by pipes, so that they
end with this process however it ends, and one that is killed is noticed at once.
"""

import collections
import json
import os
import queue
import subprocess
import sys
import threading

from common import files
from common.errors import UserError
from data.records.checks.checker import bytes_of, check

# Less is read sooner than processes start.
_SMALL_BYTES = 32 << 20
# Reading from a remote file system is waiting; it is done here, in threads.
_REMOTE_READERS = 8
_KILLED_OFTEN = 3

_ROOT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
)
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from data.records.checks.checker import serve; "
    "serve(sys.stdin.buffer, sys.stdout.buffer)"
)


def check_all(sections, processes, advance):
    """The results of checker.check for each section, in their order.

    Args:
      sections: list of checker.Section.
      processes: int.
      advance: called with numbers of bytes that have been looked at.

    Raises:
      UserError: the processes are killed again and again, or cannot be started.
    """
    remote = any(files.is_remote(section.path) for section in sections)
    if not remote and (processes == 1 or sum(map(bytes_of, sections)) < _SMALL_BYTES):
        return [check(section, advance) for section in sections]
    if remote:
        processes = max(processes, _REMOTE_READERS)
    todo, events = collections.deque(enumerate(sections)), queue.Queue()
    checkers = [_Checker(todo, events) for _ in range(min(processes, len(sections)))]
    results, killed = {}, 0
    try:
        for checker in checkers:
            checker.start()
        while len(results) < len(sections):
            event, *values = events.get()
            if event == "advance":
                advance(*values)
            elif event == "done":
                index, results[index] = values
            elif event == "killed":
                killed += 1
                if killed == _KILLED_OFTEN:
                    raise UserError(
                        "processes that check the records were killed {} times, last with {} (out "
                        "of memory?); start again".format(killed, values[0])
                    )
            else:
                raise values[0]
    finally:
        for checker in checkers:
            checker.stop()
    return [results[index] for index in range(len(sections))]


class _Checker(threading.Thread):
    """Takes section after section from a list; local files are read in a process that it owns."""

    def __init__(self, todo, events):
        """Makes the thread.

        Args:
          todo: deque of (index, Section).
          events: queue for ("advance", bytes), ("done", index, result), ("killed", path) and
            ("failed", exception).
        """
        super().__init__(daemon=True)
        self._todo, self._events = todo, events
        self._process, self._stopped, self._lock = None, False, threading.Lock()

    def run(self):
        try:
            while not self._stopped:
                try:
                    index, section = self._todo.popleft()
                except IndexError:
                    return
                result = check(section, self._advance) if files.is_remote(section.path) else None
                while result is None and not self._stopped:
                    result = self._ask(section)
                self._events.put(("done", index, result))
        except BaseException as error:  # whoever waits for the sections must be told
            self._events.put(("failed", error))
        finally:
            self.stop()

    def stop(self):
        """Ends the process, and with it what the thread is waiting for."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.kill()
                self._process.wait()

    def _advance(self, count):
        self._events.put(("advance", count))

    def _ask(self, section):
        """The result for a local section; None if the process was killed at it."""
        process, done = self._running(), 0
        try:
            process.stdin.write(json.dumps(section).encode("ascii") + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                value = json.loads(line.decode("ascii"))
                if isinstance(value, dict):
                    return value
                self._advance(value)
                done += value
        except (BrokenPipeError, ValueError):
            pass  # killed before it read, or in the middle of a line
        self._advance(-done)
        if not self._stopped:
            self._events.put(("killed", section.path))
        with self._lock:
            process.kill()
            process.wait()
            self._process = None
        return None

    def _running(self):
        with self._lock:
            if self._process is None and not self._stopped:
                self._process = _start()
            return self._process


def _start():
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, _ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C on the terminal is this process's to handle.
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(
            "cannot start a process that checks the records: {}".format(error.strerror)
        ) from None
