"""A kill before every single file operation, and the same command again.

The files below `out` must be those of the undisturbed run.
"""

import concurrent.futures
import multiprocessing
import os
import shutil
from typing import List, NamedTuple

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


class _Lane:
    """The folders of one process that kills: what it writes names its own paths."""

    def __init__(self, folder):
        self._folder = folder
        self._expected = {}

    def _reset(self, case):
        """A fresh folder, as the case prepares it, always at the same path."""
        template = os.path.join(self._folder, "template")
        here = os.path.join(self._folder, "here")
        shutil.rmtree(here, ignore_errors=True)
        if case.name not in self._expected:
            os.makedirs(here)
            case.prepare(here)
            if case.before:
                finish(case.before, here)
            shutil.rmtree(template, ignore_errors=True)
            shutil.copytree(here, template, symlinks=True)
        else:
            shutil.copytree(template, here, symlinks=True)
        return here

    def undisturbed(self, case):
        """The list of the operations of the undisturbed run."""
        here = self._reset(case)
        operations = finish(case.command, here).operations()
        self._expected = {case.name: contents(os.path.join(here, "out"))}
        return operations

    def kill(self, case, number):
        """Outcome of a kill before operation `number`."""
        if case.name not in self._expected:
            self.undisturbed(case)
        here = self._reset(case)
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
        found = contents(os.path.join(here, "out"))
        return Outcome(number, last, differences(found, self._expected[case.name]))


_LANE = {}


def _start(folder, counter):
    with counter.get_lock():
        counter.value += 1
        number = counter.value
    _LANE["lane"] = _Lane(os.path.join(folder, "lane{}".format(number)))


def _count(name):
    return _LANE["lane"].undisturbed(CASES[name])


def _kill(name, number):
    return _LANE["lane"].kill(CASES[name], number)


def enumerate_kills(name, folder, lanes, step, first, say):
    """Kills a program before each of its file operations.

    Args:
      name: of the case.
      folder: for the work.
      lanes: int, processes side by side.
      step: every how many-th operation is tried, from `first` on.
      first: int, from 1.
      say: called with a sentence for each fault.

    Returns:
      (operations in all, Outcomes).
    """
    context = multiprocessing.get_context("fork")
    counter = context.Value("i", 0)
    with concurrent.futures.ProcessPoolExecutor(
        lanes, context, _start, (os.path.join(folder, name), counter)
    ) as pool:
        operations = pool.submit(_count, name).result()
        numbers = range(first, len(operations) + 1, step)
        outcomes = []
        for outcome in pool.map(_kill, [name] * len(numbers), numbers):
            outcomes.append(outcome)
            for fault in outcome.faults:
                text = "{} {} ({}): {}"
                say(text.format(name, outcome.number, _short(outcome.operation, folder), fault))
    return len(operations), outcomes


def _short(operation, folder):
    return operation.replace(folder, "")


def _last_lines(text):
    return " / ".join(text.strip().splitlines()[-3:])[-500:]
