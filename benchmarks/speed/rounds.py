"""Runs programs in turn, so that what else the machine does falls on all of them alike."""

import json
import os
import statistics
import subprocess
import sys
import typing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Subject(typing.NamedTuple):
    """A program to measure.

    Attributes:
      name: in tables and keys.
      python: interpreter.
      settings: dict of worker.py: subject, and the arguments of its `prepare`.
      environment: dict of variables beside those of this process.
    """

    name: str
    python: str
    settings: dict
    environment: dict = {}


class Measured(typing.NamedTuple):
    """The seconds of a subject's rounds.

    Attributes:
      cpu, wall: list of float, a step's seconds in each round; the CPU's of all its threads.
      ready: dict that the worker has said of itself.
    """

    cpu: list
    wall: list
    ready: dict


class Worker:
    """A worker.py process."""

    def __init__(self, subject, threads):
        environment = dict(
            os.environ,
            PYTHONPATH=ROOT,
            TF_CPP_MIN_LOG_LEVEL="3",
            OMP_NUM_THREADS=str(threads),
            # All sessions of a process have the threads of its first one, whatever they ask for.
            TF_NUM_INTRAOP_THREADS=str(threads),
            # Spinning threads of PyTorch would count as work, and slow the others down.
            OMP_WAIT_POLICY="passive",
        )
        environment.update(subject.environment)
        self.name, settings = subject.name, dict(subject.settings, threads=threads)
        self._process = subprocess.Popen(
            [subject.python, "-m", "benchmarks.speed.worker", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self.ready = self._answer()

    def run(self, steps):
        """dict cpu, wall -> seconds of `steps` steps."""
        print(steps, file=self._process.stdin, flush=True)
        return self._answer()

    def close(self):
        """Ends the process."""
        self._process.kill()
        self._process.communicate()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit("error: {} ended:\n{}".format(self.name, self._process.communicate()[1]))
        return json.loads(line)


def measure(subjects, steps, rounds, threads):
    """Measures subjects in turn.

    Args:
      subjects: list of Subject; each has its process until the end.
      steps: of each in a round.
      rounds: measured ones; one before them is not.
      threads: of each.

    Returns:
      dict name -> Measured.
    """
    workers, measured = [], {}
    try:
        for subject in subjects:
            workers.append(Worker(subject, threads))
        for worker in workers:
            measured[worker.name] = Measured([], [], worker.ready)
        for number in range(rounds + 1):
            for worker in workers:
                seconds = worker.run(steps)
                if number:
                    measured[worker.name].cpu.append(seconds["cpu"] / steps)
                    measured[worker.name].wall.append(seconds["wall"] / steps)
    finally:
        for worker in workers:
            worker.close()
    return measured


def ratio(measured, faster, slower, clock="cpu"):
    """Median over rounds of how many times as fast `faster` was in the same round."""
    pairs = zip(getattr(measured[slower], clock), getattr(measured[faster], clock))
    return statistics.median(slow / fast for slow, fast in pairs)
