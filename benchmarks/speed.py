"""Runs this project and what people would use instead side by side, and writes what they cost.

python benchmarks/speed.py --rounds=10                  # all comparisons, over an hour
python benchmarks/speed.py --only=training_base128      # one of them
python benchmarks/speed.py --only=training_tiny,inference_tiny --rounds=2   # shows that it runs

Every program has a process of its own; they take turns, and a ratio is the median over the rounds
of two seconds of the same round. Figures are the CPU seconds of all threads of a process: what else
the machine does changes them least.
"""

import argparse
import datetime
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks.speed import creation, curves, machine, report
from benchmarks.speed.comparisons import comparisons, python_of
from benchmarks.speed.rounds import ROOT, measure

GOOGLES_TENSORFLOW = "2.15.1"


def main():
    arguments = parse_arguments()
    known = comparisons(arguments.google_python or python_of(GOOGLES_TENSORFLOW))
    names = arguments.only.split(",") if arguments.only else [*_full(known), creation.NAME]
    drawn = arguments.curves.split(",") if arguments.curves else []
    _check(drawn, [*curves.CURVES, creation.CURVE], "--curves")
    _check(names, [*known, creation.NAME], "--only")
    rates = machine.product_rates(sys.executable, arguments.threads)
    content = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "product_rates": rates,
        "comparisons": {},
        "keys": {},
    }
    print("products: fp32 {fp32:.3g}, bf16 {bf16:.3g} operations a CPU second".format(**rates))
    path = arguments.output or _default_output(content)
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    _run_comparisons([known[name] for name in names if name in known], arguments, content, path)
    source = creation.Source(
        arguments.corpus, arguments.vocab_file, arguments.work_dir, arguments.google_programs
    )
    if creation.NAME in names:
        figures = creation.measure(source, arguments.rounds)
        print("\n" + "\n".join(creation.table(figures)), flush=True)
        content["comparisons"][creation.NAME] = figures
        content["keys"].update(creation.keys_of(figures))
    for key, value in content["keys"].items():
        print("{}: {:.2f}".format(key, value))
    content["curves"] = _drawn_curves(drawn, arguments, source, folder)
    _write(path, content)
    print("written: " + path)


def _write(path, content):
    with open(path, "w", encoding="utf-8") as writer:
        json.dump(content, writer, indent=1)


def _run_comparisons(chosen, arguments, content, path):
    """Measures networks; prints their tables, and puts their figures and keys into `content`, which
    is written after each."""
    results, rates = {}, content["product_rates"]
    for one in chosen:
        subjects = [s for s in one.subjects if _is_chosen(s.name, one.base, arguments.subjects)]
        done = results[one.name] = measure(subjects, one.steps, arguments.rounds, arguments.threads)
        shares = one.flops and report.share_of_peak(one, done, rates)
        print("\n" + "\n".join(report.table(one, done, shares)), flush=True)
        content["comparisons"][one.name] = {
            "shape": one.shape._asdict(),
            "subjects": {n: m._asdict() for n, m in done.items()},
            "share_of_peak": shares,
        }
        content["keys"] = report.keys_of(results)
        _write(path, content)


def _drawn_curves(fields, arguments, source, folder):
    """Measures and draws curves; returns dict field -> their figures."""
    made = {}
    # Before anything is drawn: a run's memory is hidden by that of a larger process that starts it.
    if creation.CURVE in fields:
        made[creation.CURVE] = creation.curve(source, arguments.rounds, arguments.largest_mb)
        print("drawn: " + creation.draw(made[creation.CURVE], folder))
    for field in (field for field in fields if field != creation.CURVE):
        seconds = curves.measured(field, arguments.rounds, arguments.threads)
        made[field] = {"values": curves.CURVES[field], "seconds": seconds}
        print("drawn: " + curves.draw(field, seconds, folder))
    return made


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="comparisons, by commas; default: all")
    parser.add_argument("--subjects", default="", help="those whose names hold one of these words")
    parser.add_argument(
        "--curves", default="", help="seq, layers, batch, corpus: by commas; matplotlib"
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--google_python", help="interpreter of the plain graph")
    parser.add_argument("--output", help="JSON file; default: results/DATE-MACHINE.json")
    sample = os.path.join(ROOT, "sample")
    corpora = sorted(glob.glob(os.path.join(sample, "corpus", "*.txt")))
    parser.add_argument(
        "--corpus", nargs="+", default=corpora, help="of data creation: text format"
    )
    parser.add_argument("--vocab_file", default=os.path.join(sample, "vocab.txt"))
    parser.add_argument(
        "--google_programs",
        help="folder of google-research/bert's package `bert` for data creation: "
        "pip download --no-deps bert-tensorflow==1.0.4, unpacked",
    )
    parser.add_argument("--largest_mb", type=int, default=1000, help="of --curves=corpus")
    parser.add_argument("--work_dir", help="where temporary files of data creation go")
    return parser.parse_args()


def _check(names, known, flag):
    for name in names:
        if name not in known:
            sys.exit("error: {}={} is none of {}".format(flag, name, ", ".join(known)))


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
