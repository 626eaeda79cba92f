"""Data creation: against others, two workers against one, and by size of the corpus.

Programs run as a user starts them, in turn; a run's seconds are those of all its processes. Speeds
of one core are without the start-up, which is the same command on four sentences.
"""

import os
import shutil
import statistics
import sys
import tempfile
import typing

from benchmarks.creation.corpora import MEGABYTE, write_corpora
from benchmarks.creation.runs import Case, elsewhere, run

NAME, CURVE = "data_creation", "corpus"
# Megabytes of text. The reference holds all its instances in memory.
REFERENCE_MB, CORPUS_MB = 5, 100
CURVE_MB = (1, 10, 100, 1000)
# Room that a job needs while it runs, records and parts of a shard, for each byte of text.
_ROOM = 20
_START, _REFERENCE, _GOOGLE, _ONE, _WORDS, _TWO = (
    "start-up",
    "reference",
    "google",
    "one worker",
    "one worker, words",
    "two workers, words",
)


class Source(typing.NamedTuple):
    """What corpora are made of.

    Attributes:
      paths: files of the text format.
      vocab_file: vocab.txt.
      work_dir: where temporary files go; None: the system's folder for them.
      google_programs: folder of google-research/bert's package `bert`, or None.
    """

    paths: list
    vocab_file: str
    work_dir: typing.Optional[str] = None
    google_programs: typing.Optional[str] = None


def measure(source, rounds, corpus_mb=CORPUS_MB, reference_mb=REFERENCE_MB):
    """Measures the programs in turn.

    Args:
      source: Source.
      rounds: int; one run of each before them only fills caches.
      corpus_mb, reference_mb: megabytes of text of this project's programs, of the reference.

    Returns:
      dict name -> {"megabytes", "characters", "cpu", "wall", "peak_mb"}; the last three are lists.
    """
    sizes = {"large": corpus_mb, "small": reference_mb}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=source.work_dir) as folder:
        corpora = elsewhere(write_corpora, source.paths, sizes, folder)
        start, large = corpora["start_up"], corpora["large"]
        others = {_REFERENCE: "reference"}
        if source.google_programs:
            others[_GOOGLE] = source.google_programs
        cases = {_start_of(n): Case(program, False, 1, 1, start) for n, program in others.items()}
        cases.update({n: Case(p, False, 1, 1, corpora["small"]) for n, p in others.items()})
        cases.update(
            {
                _START: Case("quanci", False, 1, 1, start),
                _START + ", words": Case("quanci", True, 1, 1, start),
                _ONE: Case("quanci", False, 1, 1, large),
                _WORDS: Case("quanci", True, 1, 1, large),
                _TWO: Case("quanci", True, 1, 2, large),
            }
        )
        return _in_turn(cases, source, rounds, folder)


def _start_of(name):
    return "{} of {}".format(_START, name)


def _in_turn(cases, source, rounds, folder):
    figures = {
        name: {
            "megabytes": case.corpus.megabytes,
            "characters": case.corpus.characters,
            "cpu": [],
            "wall": [],
            "peak_mb": [],
        }
        for name, case in cases.items()
    }
    for number in range(rounds + 1):
        for name, case in cases.items():
            if number or name.startswith(_START):
                done = run(case, source.vocab_file, folder)
            if number:
                for key in ("cpu", "wall", "peak_mb"):
                    figures[name][key].append(getattr(done, key))
    return figures


def speeds(figures):
    """dict reference, google, one worker -> list of characters a CPU second of each round."""
    made = {}
    starts = {_REFERENCE: _start_of(_REFERENCE), _GOOGLE: _start_of(_GOOGLE), _ONE: _START}
    for name, start in ((n, s) for n, s in starts.items() if n in figures):
        begin = statistics.median(figures[start]["cpu"])
        made[name] = [figures[name]["characters"] / (cpu - begin) for cpu in figures[name]["cpu"]]
    return made


def keys_of(figures):
    """dict key -> number: medians over rounds.

    `..._vs_one_core_google_dupe1` is there where Google's program was run.
    `data_creation_two_workers_over_one` is of wall seconds, so it needs two idle cores.
    `..._by_cpu` is what two cores would give that do nothing else: all work is divided by two but
    the start-up of the program itself.
    """
    speed, keys = speeds(figures), {}
    for name in (n for n in (_REFERENCE, _GOOGLE) if n in speed):
        ratios = [ours / theirs for ours, theirs in zip(speed[_ONE], speed[name])]
        key = "data_creation_chars_per_cpu_second_vs_one_core_{}_dupe1".format(name)
        keys[key] = statistics.median(ratios)
    one, two = figures[_WORDS], figures[_TWO]
    begin = statistics.median(figures[_START + ", words"]["cpu"])
    by_cpu = [a / (begin + (b - begin) / 2) for a, b in zip(one["cpu"], two["cpu"])]
    by_wall = [a / b for a, b in zip(one["wall"], two["wall"])]
    return dict(
        keys,
        data_creation_two_workers_over_one=statistics.median(by_wall),
        data_creation_two_workers_over_one_by_cpu=statistics.median(by_cpu),
    )


def table(figures):
    """Lines of Markdown."""
    lines = [
        "| {} | MB | CPU s | wall s | chars/CPU-s without start-up | peak MB |".format(NAME),
        "| --- | --- | --- | --- | --- | --- |",
    ]
    speed = speeds(figures)
    for name, row in figures.items():
        cpu, wall, peak = (statistics.median(row[key]) for key in ("cpu", "wall", "peak_mb"))
        shown = "{:,.0f}".format(statistics.median(speed[name])) if name in speed else ""
        cells = name, row["megabytes"], cpu, wall, shown, peak
        lines.append("| {} | {:.0f} | {:.2f} | {:.2f} | {} | {:.0f} |".format(*cells))
    return lines


def curve(source, rounds, largest_mb):
    """Seconds and memory of one worker by size of the corpus.

    Sizes whose records the disk has no room for are left out, which a line on stderr says.

    Args:
      source: Source.
      rounds: int.
      largest_mb: the largest of CURVE_MB that is taken.

    Returns:
      dict "megabytes", "cpu", "peak_mb" -> list of medians.
    """
    made = {"megabytes": [], "cpu": [], "peak_mb": []}
    for size in (n for n in CURVE_MB if n <= largest_mb):
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=source.work_dir) as folder:
            if shutil.disk_usage(folder).free < _ROOM * size * MEGABYTE:
                print("no room on disk for a corpus of {} MB".format(size), file=sys.stderr)
                break
            corpus = elsewhere(write_corpora, source.paths, {"one": size}, folder)["one"]
            case = Case("quanci", True, 1, 1, corpus)
            row = _in_turn({"one": case}, source, rounds, folder)["one"]
        made["megabytes"].append(size)
        for key in ("cpu", "peak_mb"):
            made[key].append(statistics.median(row[key]))
    return made


def draw(made, folder):
    """Draws a curve as creation-by-corpus.png in `folder`; returns its path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    left.plot(made["megabytes"], made["cpu"], marker="o")
    left.set_yscale("log")
    left.set_ylabel("CPU seconds")
    right.plot(made["megabytes"], made["peak_mb"], marker="o")
    right.set_ylim(bottom=0)
    right.set_ylabel("peak memory, MB")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("corpus, MB")
    path = os.path.join(folder, "creation-by-corpus.png")
    figure.savefig(path, dpi=110)
    return path
