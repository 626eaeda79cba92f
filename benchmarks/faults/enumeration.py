"""A kill before every single file operation, and the same command again.

The files below `out` must be those of the undisturbed run.
"""

import functools
import os
from typing import List, NamedTuple

from benchmarks.faults import lanes
from benchmarks.faults.cases import CASES, finish, run
from benchmarks.faults.contents import contents, differences

_SECONDS = 300
_KILLED = -9


class Outcome(NamedTuple):
    """The end of one kill and the same command again.

    Attributes:
      number: of the operation before which the program was killed, from 1.
      operation: its text.
      faults: sentences, none where the files are those of the undisturbed run.
    """

    number: int
    operation: str
    faults: List[str]


class _Killer:
    """Kills the programs of one lane."""

    def __init__(self, folder):
        self._place, self._expected = lanes.Workplace(folder), {}

    def undisturbed(self, name):
        """The list of the operations of the undisturbed run of a case."""
        case = CASES[name]

        def fill(here):
            case.prepare(here)
            if case.before:
                finish(case.before, here)

        self._place.lay_out(fill)
        operations = finish(case.command, self._place.here).operations()
        self._expected = {name: self._results()}
        return operations

    def kill(self, name, number):
        """Outcome of a kill of a case before operation `number`."""
        if name not in self._expected:
            self.undisturbed(name)
        case, here = CASES[name], self._place.reset()
        running = run(case.command, here, kill_before=number)
        code = running.wait(_SECONDS)
        operations = running.operations()
        last = operations[-1] if operations else "none"
        if code != _KILLED:
            return Outcome(number, last, ["it ended with {} before the kill".format(code)])
        running = run(case.command, here)
        code = running.wait(_SECONDS)
        if code:
            return Outcome(
                number, last, ["exit code {}: {}".format(code, _last_lines(running.output()))]
            )
        return Outcome(number, last, differences(self._results(), self._expected[name]))

    def _results(self):
        return contents(os.path.join(self._place.here, "out"))


def enumerate_kills(name, folder, count, step, first, say):
    """Kills a program before each of its file operations.

    Args:
      name: of the case.
      folder: for the work.
      count: int, processes side by side.
      step: every how many-th operation is tried, from `first` on.
      first: int, from 1.
      say: called with a sentence for each fault.

    Returns:
      (operations in all, Outcomes).
    """
    with lanes.open_lanes(count, os.path.join(folder, name), _Killer) as pool:
        operations = pool.submit(lanes.call, "undisturbed", name).result()
        numbers = range(first, len(operations) + 1, step)
        outcomes = []
        kill = functools.partial(lanes.call, "kill", name)
        for outcome in pool.map(kill, numbers):
            outcomes.append(outcome)
            for fault in outcome.faults:
                text = "{} {} ({}): {}"
                say(text.format(name, outcome.number, _short(outcome.operation, folder), fault))
    return len(operations), outcomes


def _short(operation, folder):
    return operation.replace(folder, "")


def _last_lines(text):
    return " / ".join(text.strip().splitlines()[-3:])[-500:]
