"""A second program beside one that writes: a reader, an evaluator, another writer.

Whatever the moments are, the files must be those that the two programs leave one after the other,
in one order or the other, or those of one of them where it refuses to run beside the other; and a
program that refuses says so in one line.
"""

import functools
import json
import os
import random
import signal
import time
from typing import Callable, List, NamedTuple, Tuple

from benchmarks.faults import cases, lanes
from benchmarks.faults.contents import contents, differences

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


class _Meetings:
    """The meetings of one lane."""

    def __init__(self, folder, pairs):
        self._place, self._pairs = lanes.Workplace(folder), pairs
        self._allowed, self._seconds = None, None

    def meet_often(self, number, seeds):
        """List of the Meetings of a pair, one for each seed."""
        pair = self._pairs[number]
        if seeds:
            self._learn(pair)
        return [self._meet(pair, random.Random(seed)) for seed in seeds]

    def _meet(self, pair, draw):
        """Runs a pair once, the second program from a random moment on.

        Args:
          pair: Pair.
          draw: random.Random.

        Returns:
          Meeting.
        """
        here = self._place.reset()
        both = [cases.run(pair.first, here)]
        time.sleep(draw.uniform(0.0, self._seconds))
        both.append(cases.run(pair.second, here, log=here + ".second"))
        if draw.random() < _KILLED_SHARE:
            time.sleep(draw.uniform(0.0, self._seconds))
            both[1].send(signal.SIGKILL)
        ends = tuple(_end(running) for running in both)
        if ends[1] == "killed":  # whoever is killed is started again
            again = _end(cases.run(pair.second, here))
            ends = (ends[0], "killed" if again in ("done", "refused") else again)
        faults = [
            "program {}: {}".format(n + 1, end)
            for n, end in enumerate(ends)
            if end not in ("done", "refused", "killed")
        ]
        found = _own(pair, here)
        if not any(found == allowed for allowed in self._allowed):
            nearest = min((differences(found, a) for a in self._allowed), key=len)
            faults.append("; ".join(nearest[:4]))
        return Meeting(ends, faults + _half_written(os.path.join(here, "beside")))

    def _learn(self, pair):
        """Runs the pair in all orders without a meeting: what they may leave."""

        def fill(here):
            os.mkdir(os.path.join(here, "beside"))
            pair.prepare(here)

        self._place.lay_out(fill)
        self._allowed = []
        for order in ((1,), (2,), (1, 2), (2, 1)):
            here = self._place.reset()
            for number in order:
                began = time.monotonic()
                command = pair.first if number == 1 else pair.second
                end = _end(cases.run(command, here))
                assert end in ("done", "refused"), (pair.name, order, end)
                if order == (1,):
                    self._seconds = time.monotonic() - began
            self._allowed.append(_own(pair, here))


def meetings(pairs, folder, count, lane_count, seed):
    """Yields (name, list of Meeting) of each pair.

    Args:
      pairs: list of Pair.
      folder: for the work.
      count: of meetings in all.
      lane_count: int, meetings side by side.
      seed: of the moments.
    """
    seeds = [
        ["{}:{}:{}".format(seed, pair.name, i) for i in range(n, count, len(pairs))]
        for n, pair in enumerate(pairs)
    ]
    make_worker = functools.partial(_Meetings, pairs=pairs)
    with lanes.open_lanes(lane_count, folder, make_worker) as pool:
        meet_often = functools.partial(lanes.call, "meet_often")
        done = pool.map(meet_often, range(len(pairs)), seeds)
        yield from zip((pair.name for pair in pairs), done)


def _own(pair, here):
    """Contents of the results without what depends on the moment."""
    found = contents(os.path.join(here, "out"))
    return {path: digest for path, digest in found.items() if not pair.timed(path)}


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
