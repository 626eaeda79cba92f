"""Runs this project and what people would use instead side by side, and writes what they cost.

python benchmarks/speed.py --rounds=10                  # all comparisons, an hour
python benchmarks/speed.py --only=training_base128      # one of them
python benchmarks/speed.py --only=training_tiny,inference_tiny --rounds=2   # shows that it runs

Every program has a process of its own; they take turns, and a ratio is the median over the rounds
of two seconds of the same round. Figures are the CPU seconds of all threads of a process: what else
the machine does changes them least.
"""

import argparse
import datetime
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks.speed import curves, machine, report
from benchmarks.speed.comparisons import comparisons, python_of
from benchmarks.speed.rounds import ROOT, measure

GOOGLES_TENSORFLOW = "2.15.1"


def main():
    arguments = parse_arguments()
    known = comparisons(arguments.google_python or python_of(GOOGLES_TENSORFLOW))
    names = arguments.only.split(",") if arguments.only else _full(known)
    drawn = arguments.curves.split(",") if arguments.curves else []
    for name in set(drawn) - set(curves.CURVES):
        sys.exit("error: --curves={} is none of {}".format(name, ", ".join(curves.CURVES)))
    for name in names:
        if name not in known:
            sys.exit("error: --only={} is none of {}".format(name, ", ".join(known)))
    rates = machine.product_rates(sys.executable, arguments.threads)
    content = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "product_rates": rates,
        "comparisons": {},
    }
    print("products: fp32 {fp32:.3g}, bf16 {bf16:.3g} operations a CPU second".format(**rates))
    results = {}
    for name in names:
        one = known[name]
        subjects = [s for s in one.subjects if _is_chosen(s.name, one.base, arguments.subjects)]
        results[name] = measure(subjects, one.steps, arguments.rounds, arguments.threads)
        shares = one.flops and report.share_of_peak(one, results[name], rates)
        print("\n" + "\n".join(report.table(one, results[name], shares)), flush=True)
        content["comparisons"][name] = {
            "shape": one.shape._asdict(),
            "subjects": {n: m._asdict() for n, m in results[name].items()},
            "share_of_peak": shares,
        }
    content["keys"] = report.keys_of(results)
    for key, value in content["keys"].items():
        print("{}: {:.2f}".format(key, value))
    path = arguments.output or _default_output(content)
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    content["curves"] = {}
    for field in drawn:
        seconds = curves.measured(field, arguments.rounds, arguments.threads)
        content["curves"][field] = {"values": curves.CURVES[field], "seconds": seconds}
        print("drawn: " + curves.draw(field, seconds, folder))
    with open(path, "w", encoding="utf-8") as writer:
        json.dump(content, writer, indent=1)
    print("written: " + path)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="comparisons, by commas; default: all")
    parser.add_argument("--subjects", default="", help="those whose names hold one of these words")
    parser.add_argument("--curves", default="", help="seq, layers, batch: by commas; matplotlib")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--google_python", help="interpreter of the plain graph")
    parser.add_argument("--output", help="JSON file; default: results/DATE-MACHINE.json")
    return parser.parse_args()


def _full(known):
    return [name for name in known if "tiny" not in name]


def _is_chosen(name, base, words):
    return not words or name == base or any(word in name for word in words.split(","))


def _default_output(content):
    name = re.sub("[^A-Za-z0-9]+", "-", content["machine"]["processor"]).strip("-").lower()
    if "amx_bf16" in content["machine"]["instructions"]:
        name += "-amx"
    name = "{}-{}.json".format(content["date"], name)
    return os.path.join(ROOT, "benchmarks", "results", name)


if __name__ == "__main__":
    main()
