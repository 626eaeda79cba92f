"""Measures create_pretraining_data.py: CPU against a reference, peak memory, worker processes.

Tables are printed in Markdown; --output writes every run as JSON too. See README.md for the
columns.

* Same work: the pieces of the reference's tokenizer and of data.tokenizers.wordpiece on the first
  megabytes of the corpus, line by line, and how many lines differ (0 is expected).
* Speed: creation/reference.py against create_pretraining_data.py with one worker, at rows of 128
  and 20 predictions, without words (dupe 1 and 10) and with words (jieba against rjieba, dupe 1
  and 5). Both read the same file. Beyond dupe 1 that is only the first --reference_mb of the
  corpus, since the reference holds all instances in memory.
* Memory: the peak of the one process that works, by size of the corpus. Sizes above the corpus
  are made of it: its documents, then the same documents shuffled, as often as needed.
* Workers: wall time of one worker against two on the largest of these sizes.

CPU seconds are user + system of the program and of its children (os.wait4), start-up included; a
second speed excludes it. Every program runs once untimed (warm caches); then all of a table's runs
are repeated in turn, --repeat times over, and the medians reported. Temporary files (up to 2 GB,
without --quick) are in a folder under --work_dir that is removed at the end.

python benchmarks/data_creation.py --vocab_file=vocab.txt --corpus corpus.txt --output out.json
"""

import argparse
import glob
import json
import os
import platform
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks.creation.corpora import write_corpora
from benchmarks.creation.runs import Case, elsewhere, run
from benchmarks.programs import ROOT


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocab_file", required=True)
    parser.add_argument("--corpus", nargs="+", help="text format; default: sample/corpus")
    parser.add_argument("--repeat", type=int, help="repetitions, default 3 (1 with --quick)")
    parser.add_argument("--reference_mb", type=float, default=2, help="megabytes beyond dupe 1")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--output", help="JSON file for the results")
    parser.add_argument("--work_dir", help="where temporary files go")
    arguments = parser.parse_args()
    if arguments.repeat is None:
        arguments.repeat = 1 if arguments.quick else 3
    if not arguments.corpus:
        arguments.corpus = sorted(glob.glob(os.path.join(ROOT, "sample", "corpus", "*.txt")))
    if arguments.repeat < 1 or not arguments.corpus:
        parser.error("--repeat must be 1 or more, and there must be a --corpus")
    return arguments


# Runs.


def run_all(cases, arguments, folder):
    """{case: [Run, ...]}, the cases in turn, --repeat times over."""
    runs = {case: [] for case in cases}
    for turn in range(arguments.repeat):
        for case in cases:
            runs[case].append(run(case, arguments.vocab_file, folder))
            print("{}/{}: {}".format(turn + 1, arguments.repeat, said(case, runs)), file=sys.stderr)
    return runs


def said(case, runs):
    """A line about the last run of a case."""
    return "{} {:.1f} MB, {}words, dupe {}, workers {}: cpu {:.1f} s, wall {:.1f} s".format(
        case.program,
        case.corpus.megabytes,
        "" if case.words else "no ",
        case.dupe,
        case.workers,
        *runs[case][-1][:2],
    )


def median(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


# What is measured.


def count_mismatches(paths, vocab_file, words):
    """(lines, lines whose pieces differ between reference and data.tokenizers.wordpiece)."""
    import numpy as np

    from benchmarks.creation import reference as reference_create
    from data.tokenizers.wordpiece import Vocabulary, WordPieceTokenizer

    lines = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            lines.extend(line.strip() for line in f if line.strip())
    starts = np.cumsum([0] + [len(line) + 1 for line in lines])
    pieces = WordPieceTokenizer(Vocabulary(vocab_file)).tokenize("\n".join(lines), starts[:-1])
    borders = np.searchsorted(pieces.starts, starts).tolist()
    ids = pieces.ids.tolist()
    reference = reference_create.Tokenizer(vocab_file, words)
    differing = 0
    for line, start, end in zip(lines, borders, borders[1:]):
        tokens = reference_create.without_marks(reference.tokenize(line))
        differing += ids[start:end] != [reference.ids[token] for token in tokens]
    return len(lines), differing


def check_same_work(corpus, vocab_file):
    """Rows of the first table."""
    rows = []
    for words in ("none", "jieba"):
        lines, differing = elsewhere(count_mismatches, [corpus.path], vocab_file, words)
        rows.append({"words": words, "lines": lines, "mismatches": differing})
    return rows


def measure_speed(arguments, corpora, folder):
    """Rows of the speed table: reference and quanci on the same file, without and with words."""
    whole, part = corpora["whole"], corpora["part"]
    plan = [(False, 1, whole), (False, 10, part), (True, 1, whole), (True, 5, part)]
    programs = ("reference", "quanci")
    begins = {
        (p, w): Case(p, w, 1, 1, corpora["start_up"]) for p in programs for w in (False, True)
    }
    for case in begins.values():
        run(case, arguments.vocab_file, folder)  # fills caches: files, jieba's dictionary
    cases = [Case(p, words, dupe, 1, corpus) for words, dupe, corpus in plan for p in programs]
    runs = run_all([*begins.values(), *cases], arguments, folder)
    rows = []
    for case in cases:
        begin = median(runs[begins[case.program, case.words]], "cpu")
        rows.append(speed_row(case, runs[case], begin))
    for reference, quanci in zip(rows[::2], rows[1::2]):
        for key in ("characters_per_cpu_second", "without_start_up"):
            known = quanci[key] is not None and reference[key] is not None
            quanci["ratio_" + key] = quanci[key] / reference[key] if known else None
    return rows


def speed_row(case, runs, start_up):
    cpu = median(runs, "cpu")
    work = cpu - start_up
    return {
        "program": case.program,
        "words": case.words,
        "dupe": case.dupe,
        "megabytes": case.corpus.megabytes,
        "characters": case.corpus.characters,
        "records": int(median(runs, "records")),
        "cpu": cpu,
        "start_up_cpu": start_up,
        "characters_per_cpu_second": case.corpus.characters / cpu,
        "without_start_up": case.corpus.characters / work if work > 0.2 * cpu else None,
        "peak_mb": median(runs, "peak_mb"),
        "runs": [run._asdict() for run in runs],
    }


def measure_memory_and_workers(arguments, corpora, folder):
    """Rows of the two last tables: one worker on all corpora, two on the largest."""
    cases = [Case("quanci", True, 1, 1, corpus) for corpus in corpora]
    cases.append(cases[-1]._replace(workers=2))
    runs = run_all(cases, arguments, folder)
    return [
        {
            "megabytes": case.corpus.megabytes,
            "characters": case.corpus.characters,
            "workers": case.workers,
            "records": int(median(runs[case], "records")),
            "wall": median(runs[case], "wall"),
            "cpu": median(runs[case], "cpu"),
            "peak_mb": median(runs[case], "peak_mb"),
            "runs": [run._asdict() for run in runs[case]],
        }
        for case in cases
    ]


# Reports.


def environment(arguments):
    """What the numbers depend on, as far as the machine reports it."""
    from importlib.metadata import version

    libraries = ("numpy", "tokenizers", "tensorflow", "protobuf", "jieba", "rjieba")
    return {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "libraries": {name: version(name) for name in libraries},
        "load_at_start": os.getloadavg()[0],
        "repeat": arguments.repeat,
        "quick": arguments.quick,
    }


def print_table(header, rows):
    print("| {} |".format(" | ".join(header)))
    print("|{}|".format("|".join(" --- " for _ in header)))
    for row in rows:
        print("| {} |".format(" | ".join(row)))
    print()


def print_report(result):
    print("{}\n".format(json.dumps(result["environment"])))
    print_table(
        ("words", "lines", "lines tokenised differently"),
        [(r["words"], str(r["lines"]), str(r["mismatches"])) for r in result["same_work"]],
    )
    print_table(
        ("program", "words", "dupe", "MB", "records", "CPU s", "of it start-up", "chars/CPU-s",
         "without start-up", "ratio", "without start-up", "peak MB"),
        [speed_cells(row) for row in result["speed"]],
    )  # fmt: skip
    single = [row for row in result["scaling"] if row["workers"] == 1]
    print_table(
        ("corpus MB", "peak MB, one worker"),
        [("{megabytes:.1f}".format(**r), "{peak_mb:.0f}".format(**r)) for r in single],
    )
    one, two = result["scaling"][-2:]
    print_table(
        ("corpus MB", "workers", "wall s", "CPU s", "chars/s", "speed-up"),
        [
            "{megabytes:.1f} {workers} {wall:.1f} {cpu:.1f}".format(**row).split()
            + ["{:,.0f}".format(row["characters"] / row["wall"])]
            + ["{:.2f}".format(one["wall"] / row["wall"])]
            for row in (one, two)
        ],
    )


def speed_cells(row):
    used = {"reference": "jieba", "quanci": "rjieba"}[row["program"]] if row["words"] else "none"
    cells = [row["program"], used, str(row["dupe"])]
    cells += ["{megabytes:.1f}".format(**row), "{records:,}".format(**row)]
    cells += ["{cpu:.2f}".format(**row), "{start_up_cpu:.2f}".format(**row)]
    speeds = [row[key] for key in ("characters_per_cpu_second", "without_start_up")]
    ratios = [row.get("ratio_" + key) for key in ("characters_per_cpu_second", "without_start_up")]
    cells += ["" if speed is None else "{:,.0f}".format(speed) for speed in speeds]
    cells += ["" if ratio is None else "{:.2f}".format(ratio) for ratio in ratios]
    return cells + ["{peak_mb:.0f}".format(**row)]


def sizes_of(arguments):
    """{name: megabytes} of the corpora: for speed, and by size."""
    part = 0.5 if arguments.quick else arguments.reference_mb
    sizes = {"part": part, "whole": part if arguments.quick else None, "1": 1, "20": 20}
    if not arguments.quick:
        sizes["200"] = 200
    return sizes


def main():
    arguments = parse_arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    result = {"environment": environment(arguments)}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=arguments.work_dir) as folder:
        os.environ["TMPDIR"] = folder  # jieba leaves its cache there
        corpora = elsewhere(write_corpora, arguments.corpus, sizes_of(arguments), folder)
        by_size = [corpora[name] for name in ("1", "20", "200") if name in corpora]
        result["same_work"] = check_same_work(corpora["part"], arguments.vocab_file)
        result["speed"] = measure_speed(arguments, corpora, folder)
        result["scaling"] = measure_memory_and_workers(arguments, by_size, folder)
    print_report(result)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
