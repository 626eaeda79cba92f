"""Runs of data creation on the sample, shared by the tests of it."""

import dataclasses
import glob
import os

from places import ROOT

from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.jobs import runner
from data.jobs.executors import LocalProcesses

VOCAB = os.path.join(ROOT, "sample", "vocab.txt")


CORPUS = sorted(glob.glob(os.path.join(ROOT, "sample", "corpus", "*.txt")))


BASE = CreationSettings(VOCAB, input_format="raw", dupe_factor=2)


def make(folder, inputs=None, workers=1, names=("records",), **changes):
    """Runs data creation in this process; returns the shard paths and the manifest."""
    chosen = dataclasses.replace(BASE, **changes)
    paths = [os.path.join(str(folder), name) for name in names]
    work, executor = RecordWork(chosen), LocalProcesses(workers)
    result = runner.create(work, inputs or CORPUS, paths, executor, say=lambda line: None)
    return paths, result


def contents(paths):
    contents = []
    for path in paths:
        with open(path, "rb") as f:
            contents.append(f.read())
    return contents


FLAGS = {
    "input_file": os.path.join(ROOT, "sample", "corpus", "*.txt"),
    "input_format": "raw",
    "vocab_file": VOCAB,
    "num_shards": 8,
    "dupe_factor": 300,
}
