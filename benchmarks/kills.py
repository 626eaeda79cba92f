"""Kills programs, and has them meet, and compares the results with those of undisturbed runs.

python benchmarks/kills.py --data_kills=20 --training_kills=10
python benchmarks/kills.py --every_operation
python benchmarks/kills.py --every_operation --cases=creation,pretraining --step=10
python benchmarks/kills.py --neighbours=200

At random moments (faults/moments.py); before every single operation on files
(faults/enumeration.py); two programs on the same files (faults/neighbours.py). The second and the
third need a C compiler.
"""

import argparse
import os
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
# TensorFlow reads it when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.faults import enumeration, forked, neighbours  # noqa: E402
from benchmarks.faults.cases import CASES  # noqa: E402
from benchmarks.faults.moments import kill_at_random  # noqa: E402
from benchmarks.faults.pairs import PAIRS  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_kills", type=int, default=20)
    parser.add_argument("--training_kills", type=int, default=10)
    parser.add_argument("--corpus_megabytes", type=float, default=20.0)
    parser.add_argument("--every_operation", action="store_true")
    parser.add_argument("--cases", default=",".join(CASES), help="of --every_operation")
    parser.add_argument("--step", type=int, default=1, help="try every STEP-th operation")
    parser.add_argument("--first", type=int, default=1, help="the first operation to try")
    parser.add_argument("--neighbours", type=int, default=0, help="meetings of two programs")
    parser.add_argument("--pairs", default=";".join(p.name for p in PAIRS), help="that meet")
    parser.add_argument("--lanes", type=int, default=2, help="programs, or pairs, side by side")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    arguments = parser.parse_args()
    if arguments.every_operation or arguments.neighbours:
        sys.exit(run_forked(arguments))
    kill_at_random(
        arguments.data_kills,
        arguments.training_kills,
        arguments.corpus_megabytes,
        arguments.seed,
    )


def run_forked(arguments):
    """Runs what needs the hook; the exit code, 1 where something ends otherwise."""
    forked.load_hook()
    folder = forked.work_folder()
    try:
        forked.preload()
        if arguments.neighbours:
            return meet(folder, arguments)
        return kill_before_operations(folder, arguments)
    finally:
        shutil.rmtree(folder)


def kill_before_operations(folder, arguments):
    """Kills before the operations of the chosen cases and prints a table."""
    print("| case | operations | tried | end otherwise |\n|---|---|---|---|", flush=True)
    wrong = 0
    for name in arguments.cases.split(","):
        operations, outcomes = enumeration.enumerate_kills(
            name, folder, arguments.lanes, arguments.step, arguments.first, print
        )
        faulty = sum(bool(outcome.faults) for outcome in outcomes)
        wrong += faulty
        print("| {} | {} | {} | {} |".format(name, operations, len(outcomes), faulty), flush=True)
    return int(wrong > 0)


def meet(folder, arguments):
    """Has pairs of programs meet at random moments and prints a table."""
    print("| pair | meetings | both done | one refused | one killed | faults |", flush=True)
    print("|---|---|---|---|---|---|", flush=True)
    wrong, wanted = 0, arguments.pairs.split(";")
    for name, meetings in neighbours.meetings(
        [pair for pair in PAIRS if pair.name in wanted],
        folder,
        arguments.neighbours,
        arguments.lanes,
        arguments.seed,
    ):
        for meeting in meetings:
            for fault in meeting.faults:
                print("{}: {}".format(name, fault), flush=True)
        ends = [meeting.ends for meeting in meetings]
        faulty = sum(bool(meeting.faults) for meeting in meetings)
        wrong += faulty
        counts = [sum(end in pair for pair in ends) for end in ("refused", "killed")]
        done = ends.count(("done", "done"))
        cells = [name, len(ends), done, *counts, faulty]
        print("| {} |".format(" | ".join(map(str, cells))), flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    main()
