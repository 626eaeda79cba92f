"""Gives every reader of files thousands of damaged inputs and counts the outcomes.

python benchmarks/fuzz.py --count=2000 --seed=1 --workers=2

An input is a valid file with bytes flipped, cut, inserted and swapped, lines recoded and joined,
JSON nested, mistyped and doubled, gzip streams cut or unpacking to much, checkpoint tables whose
checksums are right and whose content is not; it is read by the main function of the script that
a user would start (fuzzing/*_surfaces.py have the flags). The outcomes are

  success     exit code 0,
  error line  exit code 1 and one line `error: ...` on standard error,
  DEFECT      anything else: a traceback, several lines, a message that never ends, the death of
              the interpreter, more than 6 GB of memory, more than --seconds.

Prints a table, and exits with 1 if there was a defect; its input and output are then in
--failures, in a folder for each, and `--only=SURFACE:INDEX` with the same seed makes it again. The
same seed and count give the same inputs for any number of workers.
"""

import argparse
import collections
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from fuzzing import registry  # noqa: E402, behind the path

START_SECONDS = 120
OUTCOMES = ("ok", "refused", "defect")


class Input(NamedTuple):
    """One damaged input: the index-th of its surface, a fuzzing.surface.Surface."""

    surface: Any
    index: int


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="inputs, about, in all")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="most for one input")
    parser.add_argument("--failures", default="fuzz_failures", help="where defects are kept")
    parser.add_argument("--surfaces", help="only those whose names hold one of these, by commas")
    parser.add_argument("--show", action="store_true", help="print every error line, too")
    parser.add_argument("--only", help="SURFACE:INDEX, one input")
    return parser.parse_args()


def chosen_inputs(arguments):
    """List of Input."""
    surfaces = registry.surfaces()
    if arguments.only:
        name, index = arguments.only.rsplit(":", 1)
        return [Input(s, int(index)) for s in surfaces if s.name == name]
    if arguments.surfaces:
        parts = arguments.surfaces.split(",")
        surfaces = [s for s in surfaces if any(part in s.name for part in parts)]
    total = sum(surface.weight for surface in surfaces)
    return [
        Input(surface, index)
        for surface in surfaces
        for index in range(max(1, round(arguments.count * surface.weight / total)))
    ]


class Worker:
    """A process that reads inputs of one kind; restarted after it has died."""

    def __init__(self, kind, arguments):
        self.kind, self._arguments = kind, arguments
        self._folder = tempfile.mkdtemp(dir=arguments.work_dir)
        self._command = [sys.executable, os.path.join(HERE, "fuzzing", "worker.py"), kind]
        self._process, self._runs, self.stopped = None, 0, False

    def read(self, one):
        """Outcome of an Input: a dict."""
        if self._process is None:
            self._start()
        words = (one.surface.name, str(one.index), self._arguments.seed)
        self._process.stdin.write(("\t".join(words) + "\n").encode("utf-8"))
        self._process.stdin.flush()
        answer = self._answer(self._arguments.seconds)
        if answer is None:
            answer = {"outcome": "defect", "detail": self._end(), "seconds": 0}
        if answer["outcome"] == "defect" and not self.stopped:
            self._keep(one, answer["detail"])
        return answer

    def stop(self):
        """Ends the input that another thread has it read; to be closed there."""
        self.stopped, process = True, self._process
        if process:
            process.kill()

    def close(self):
        if self._process:
            self._process.kill()
            self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self):
        self._runs += 1
        folder = os.path.join(self._folder, str(self._runs))
        os.mkdir(folder)
        self._input = os.path.join(folder, "input")
        self._errors = os.path.join(folder, "stderr")
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                [*self._command, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(os.environ, OMP_NUM_THREADS="1", TMPDIR=folder, PYTHONHASHSEED="0"),
            )
        if self._answer(START_SECONDS) != "ready":
            raise SystemExit("a worker for {} does not start: {}".format(self.kind, self._end()))

    def _answer(self, seconds):
        """The answer of the process, None where it is silent or gone."""
        readable, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if readable else b""
        return json.loads(line.decode("utf-8")) if line.endswith(b"\n") else None

    def _end(self):
        """Ends the process; how it died, or that it hung."""
        process, self._process = self._process, None
        if process is None:
            return ""
        try:
            process.wait(1)
            said = "the interpreter died with code {}".format(process.returncode)
        except subprocess.TimeoutExpired:
            said = "no end after {:g} s".format(self._arguments.seconds)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        with open(self._errors, encoding="utf-8", errors="replace") as errors:
            return said + "\n" + errors.read()[-3000:]

    def _keep(self, one, detail):
        name = "{}-{}".format(one.surface.name, one.index).replace("/", "_").replace(" ", "_")
        target = os.path.join(self._arguments.failures, name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self._input, target, symlinks=True)
        with open(os.path.join(target, "DEFECT.txt"), "w", encoding="utf-8") as f:
            f.write(detail)


def shares(inputs, workers):
    """Inputs of each worker: {kind: [[Input]]}, every kind divided among all."""
    kinds = collections.OrderedDict()
    for one in inputs:
        kinds.setdefault(one.surface.kind, []).append(one)
    return {kind: [ones[i::workers] for i in range(workers)] for kind, ones in kinds.items()}


def run(inputs, arguments):
    """Counter of (surface name, outcome), {surface name: [seconds]}, list of (Input, detail)."""
    waiting, answers, started = queue.Queue(), queue.Queue(), []
    for kind, parts in shares(inputs, arguments.workers).items():
        for part in parts:
            if part:
                waiting.put((kind, part))

    def work():
        while True:
            try:
                kind, part = waiting.get_nowait()
            except queue.Empty:
                return
            worker = Worker(kind, arguments)
            started.append(worker)
            try:
                for one in part:
                    answers.put((one, worker.read(one)))
                    if worker.stopped:
                        return
            except BaseException as error:
                answers.put((None, error))
                return
            finally:
                worker.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(arguments.workers)]
    for thread in threads:
        thread.start()
    try:
        return _counted(inputs, answers, arguments)
    finally:  # when it is stopped before the end, too
        for worker in started:
            worker.stop()
        for thread in threads:
            thread.join(10)


def _counted(inputs, answers, arguments):
    """The result of `run`, from the queue `answers`."""
    counts, seconds, defects = collections.Counter(), collections.defaultdict(list), []
    for _ in inputs:
        one, answer = answers.get()
        if one is None:
            raise answer
        counts[one.surface.name, answer["outcome"]] += 1
        seconds[one.surface.name].append(answer["seconds"])
        if arguments.show and answer["outcome"] == "refused":
            print("{}:{} {:.300}".format(one.surface.name, one.index, answer["detail"].strip()))
        if answer["outcome"] == "defect":
            defects.append((one, answer["detail"]))
            last = answer["detail"].strip().split("\n")[-1][:300]
            print("DEFECT {}:{} {}".format(*one._replace(surface=one.surface.name), last))
    return counts, seconds, defects


def table(inputs, counts, seconds):
    """Lines of the table."""
    names = list(collections.OrderedDict.fromkeys(one.surface.name for one in inputs))
    lines = ["| surface | inputs | successes | error lines | defects | seconds | slowest |"]
    lines.append("| --- " * 7 + "|")
    rows = [[n, [counts[n, outcome] for outcome in OUTCOMES], seconds[n]] for n in names]
    sums = [sum(of) for of in zip(*(outcomes for _, outcomes, _ in rows))]
    rows.append(["all", sums, [one for _, _, spent in rows for one in spent]])
    for name, outcomes, spent in rows:
        lines.append(
            "| {} | {} | {} | {} | {} | {:.1f} | {:.1f} |".format(
                name, sum(outcomes), *outcomes, sum(spent), max(spent)
            )
        )
    return lines


def main():
    arguments, began = parse_arguments(), time.time()
    inputs = chosen_inputs(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="quanci-fuzz-") as arguments.work_dir:
        counts, seconds, defects = run(inputs, arguments)
    print("\n".join(table(inputs, counts, seconds)))
    print("{} inputs, seed {}, {:.0f} s".format(len(inputs), arguments.seed, time.time() - began))
    if defects:
        print("inputs of the {} defects are in {}".format(len(defects), arguments.failures))
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
