"""Runs of create_pretraining_data.py, of the reference and of Google's own program, and what they
cost."""

import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from benchmarks.creation.corpora import MEGABYTE, Corpus
from benchmarks.programs import ROOT

ROW = ("--max_seq_length=128", "--max_predictions_per_seq=20")


class Run(NamedTuple):
    """One measured run: CPU and wall time in seconds, peak memory in MB, records written."""

    cpu: float
    wall: float
    peak_mb: float
    records: int


class Case(NamedTuple):
    """A program to time, "reference", "quanci" or the folder of google-research/bert's package;
    words: with a segmenter and whole words."""

    program: str
    words: bool
    dupe: int
    workers: int
    corpus: Corpus


def command_of(case, vocab_file, target):
    """Argument list of a case; --do_whole_word_mask has its name from google-research/bert."""
    files = ["--input_file=" + case.corpus.path, "--output_file=" + target]
    files += ["--vocab_file=" + vocab_file, "--dupe_factor={}".format(case.dupe), *ROW]
    if case.program == "reference":
        script = os.path.join(ROOT, "benchmarks", "creation", "reference.py")
        words = ["--words=jieba", "--do_whole_word_mask"] if case.words else []
        return [sys.executable, script, *files, *words]
    if case.program != "quanci":
        return [sys.executable, "-m", "bert.create_pretraining_data", *files]
    words = ["--segmenter={}".format("rjieba" if case.words else "none")]
    words += ["--do_whole_word_mask={}".format(str(case.words).lower())]
    workers = "--num_workers={}".format(case.workers)
    script = os.path.join(ROOT, "create_pretraining_data.py")
    return [sys.executable, script, *files, *words, workers, "--input_format=text"]


def run(case, vocab_file, folder):
    """Runs a case in a fresh folder and measures it.

    Raises:
      RuntimeError: the program failed, or used less memory than this one, which Linux hides.
    """
    inner = tempfile.mkdtemp(dir=folder)
    log = os.path.join(inner, "log")
    command = command_of(case, vocab_file, os.path.join(inner, "records"))
    # As users run it, with compiled modules kept.
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="")
    if case.program not in ("reference", "quanci"):
        environment["PYTHONPATH"] = os.path.abspath(case.program)
    with open(log, "wb") as f:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=f, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(log, encoding="utf-8", errors="replace") as f:
        output = f.read()
    shutil.rmtree(inner)
    written = re.search(r"^([\d,]+) records|Wrote (\d+) total instances", output, re.MULTILINE)
    if process.returncode or not written:
        raise RuntimeError("{} failed:\n{}".format(" ".join(command), output[-2000:]))
    # Linux lets a child begin with the peak of the process that started it.
    if usage.ru_maxrss <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
        raise RuntimeError("{}: peak memory hidden by this program's".format(" ".join(command)))
    records = int((written.group(1) or written.group(2)).replace(",", ""))
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024 / MEGABYTE, records)


def elsewhere(function, *arguments):
    """Calls a function in a process of its own: this one must stay small, see run()."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)
