"""A program of its own that computes steps when it is told to:

    python -m benchmarks.speed.worker '{"subject": "google_graph", "shape": {...}, ...}'

It prints a line when it is ready. For each number of steps that it reads from standard input it
prints the seconds that they took.
"""

import importlib
import json
import os
import sys
import time


def main():
    """Serves until standard input ends."""
    settings = json.loads(sys.argv[1])
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    begin = time.process_time()
    subject = importlib.import_module("benchmarks.speed.subjects." + settings.pop("subject"))
    run = subject.prepare(**settings)
    run(1)
    started = time.process_time() - begin
    for line in _answered(answers, {"start_cpu": started, "versions": subject.versions()}):
        cpu, wall = time.process_time(), time.perf_counter()
        run(int(line))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(json.dumps({"cpu": cpu, "wall": wall}), file=answers, flush=True)


def _answered(answers, ready):
    print(json.dumps(ready), file=answers, flush=True)
    yield from sys.stdin


if __name__ == "__main__":
    main()
