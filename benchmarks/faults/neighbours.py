"""A second program beside one that writes: a reader, an evaluator, another writer.

Whatever the moments are, the files must be those that the two programs leave one after the other,
in one order or the other, or those of one of them where it refuses to run beside the other; and a
program that refuses says so in one line.
"""

import concurrent.futures
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from typing import Callable, List, NamedTuple, Tuple

from benchmarks.faults import cases
from benchmarks.faults.contents import contents, differences
from common.outputs import is_temporary

_SECONDS = 300
_KILLED_SHARE = 0.15  # of the second programs


class Pair(NamedTuple):
    """Two programs side by side.

    Attributes:
      name: of the pair.
      prepare, first, second: as in cases.Case.
      timed: path below `out` -> whether its content depends on the moment, as that of an evaluation
        of the newest checkpoint does.
    """

    name: str
    prepare: Callable
    first: Callable
    second: Callable
    timed: Callable = lambda path: False


class Meeting(NamedTuple):
    """The end of one meeting of a pair.

    Attributes:
      ends: of both programs: "done", "refused", "killed" or a fault.
      faults: sentences, none where all is well.
    """

    ends: Tuple[str, str]
    faults: List[str]


class Place:
    """The folder in which the pairs of one process meet."""

    def __init__(self, folder):
        self._folder, self._pair, self._allowed, self._seconds = folder, None, None, None

    def meet(self, pair, draw):
        """Runs a pair once, the second program from a random moment on.

        Args:
          pair: Pair.
          draw: random.Random.

        Returns:
          Meeting.
        """
        if self._pair is not pair:
            self._learn(pair)
        here = self._reset()
        both = [cases.run(pair.first, here)]
        time.sleep(draw.uniform(0.0, self._seconds))
        both.append(cases.run(pair.second, here, log=here + ".second"))
        is_killed = draw.random() < _KILLED_SHARE
        if is_killed:
            time.sleep(draw.uniform(0.0, self._seconds))
            both[1].send(signal.SIGKILL)
        ends = tuple(_end(running) for running in both)
        faults = [
            "program {}: {}".format(n + 1, end)
            for n, end in enumerate(ends)
            if end not in ("done", "refused", "killed")
        ]
        found = _own(pair, contents(os.path.join(here, "out")), is_killed)
        if not any(found == allowed for allowed in self._allowed):
            nearest = min((differences(found, a) for a in self._allowed), key=len)
            faults.append("; ".join(nearest[:4]))
        return Meeting(ends, faults + _half_written(os.path.join(here, "beside")))

    def _learn(self, pair):
        """Runs the pair in all orders without a meeting: what they may leave."""
        here, template = self._here(), os.path.join(self._folder, "template")
        shutil.rmtree(here, ignore_errors=True)
        os.makedirs(os.path.join(here, "beside"))
        pair.prepare(here)
        shutil.rmtree(template, ignore_errors=True)
        shutil.copytree(here, template, symlinks=True)
        self._pair, self._allowed = pair, []
        for order in ((1,), (2,), (1, 2), (2, 1)):
            self._reset()
            for number in order:
                began = time.monotonic()
                command = pair.first if number == 1 else pair.second
                end = _end(cases.run(command, here))
                assert end in ("done", "refused"), (pair.name, order, end)
                if order == (1,):
                    self._seconds = time.monotonic() - began
            self._allowed.append(_own(pair, contents(os.path.join(here, "out"))))

    def _here(self):
        return os.path.join(self._folder, "here")

    def _reset(self):
        here = self._here()
        shutil.rmtree(here)
        shutil.copytree(os.path.join(self._folder, "template"), here, symlinks=True)
        return here


_PLACE = {}


def _start(folder, counter, pairs):
    with counter.get_lock():
        counter.value += 1
        number = counter.value
    _PLACE.update(place=Place(os.path.join(folder, "place{}".format(number))), pairs=pairs)


def _meet_often(number, seeds):
    pair = _PLACE["pairs"][number]
    return [_PLACE["place"].meet(pair, random.Random(seed)) for seed in seeds]


def meetings(pairs, folder, count, lanes, seed):
    """Yields (name, list of Meeting) of each pair.

    Args:
      pairs: list of Pair.
      folder: for the work.
      count: of meetings in all.
      lanes: int, meetings side by side.
      seed: of the moments.
    """
    context = multiprocessing.get_context("fork")
    counter = context.Value("i", 0)
    seeds = [
        ["{}:{}:{}".format(seed, pair.name, i) for i in range(n, count, len(pairs))]
        for n, pair in enumerate(pairs)
    ]
    with concurrent.futures.ProcessPoolExecutor(
        lanes, context, _start, (folder, counter, pairs)
    ) as pool:
        done = pool.map(_meet_often, range(len(pairs)), seeds)
        yield from zip((pair.name for pair in pairs), done)


def _own(pair, found, is_killed=False):
    """Contents without what depends on the moment; debris is allowed only of a killed program."""
    return {
        path: digest
        for path, digest in found.items()
        if not pair.timed(path) and not (is_killed and is_temporary(os.path.basename(path)))
    }


def _end(running):
    """What became of a program, in one word; else a sentence."""
    code = running.wait(_SECONDS)
    text = running.output()
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    if code == 0 and "Traceback" not in text:
        return "done"
    if code == 1 and len(errors) == 1 and "Traceback" not in text:
        return "refused"
    if code == -signal.SIGKILL:
        return "killed"
    return "exit code {}: {}".format(code, " / ".join(text.strip().splitlines()[-4:])[-600:])


def _half_written(folder):
    """Sentences on lines of JSON that are cut, in what readers have written."""
    faults = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".jsonl"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            try:
                whole = [json.loads(line) for line in f]
            except ValueError:
                whole = []
        if not whole:
            faults.append("{} is not whole".format(name))
    return faults
