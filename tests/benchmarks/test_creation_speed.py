"""benchmarks/speed/creation.py: its figures, and that its programs run."""

import collections
import os

import pytest
from places import ROOT

from benchmarks.speed import creation

SOURCE = creation.Source(
    [os.path.join(ROOT, "sample", "corpus", "news.txt")], os.path.join(ROOT, "sample", "vocab.txt")
)


def figures_of(**seconds):
    """Figures of two rounds: name -> (CPU, wall) seconds of each run; 1000 characters."""
    return {
        name.replace("_", " "): {
            "megabytes": 1,
            "characters": 1000,
            "cpu": [cpu] * 2,
            "wall": [wall] * 2,
            "peak_mb": [100] * 2,
        }
        for name, (cpu, wall) in seconds.items()
    }


@pytest.fixture
def figures():
    made = figures_of(
        start_up_of_reference=(3, 3),
        start_up_of_google=(3, 3),
        start_up=(1, 1),
        start_up_words=(1, 1),
        reference=(23, 23),
        google=(43, 43),
        one_worker=(2, 2),
        one_worker_words=(11, 12),
        two_workers_words=(12, 6),
    )
    names = [n.replace("start up", "start-up").replace(" words", ", words") for n in made]
    return dict(zip(names, made.values()))


def test_keys(figures):
    assert creation.keys_of(figures) == {
        # 1000 characters in 1 s, and in 20 and 40 s, without the start.
        "data_creation_chars_per_cpu_second_vs_one_core_reference_dupe1": 20.0,
        "data_creation_chars_per_cpu_second_vs_one_core_google_dupe1": 40.0,
        "data_creation_two_workers_over_one": 2.0,
        # 11 s against 1 s, which no second worker shortens, and half of the other 11.
        "data_creation_two_workers_over_one_by_cpu": pytest.approx(11 / 6.5),
    }


def test_the_table(figures):
    lines = creation.table(figures)
    assert len(lines) == 2 + len(figures)
    assert "| one worker | 1 | 2.00 | 2.00 | 1,000 | 100 |" in lines


def test_sizes_without_room_are_left_out(monkeypatch, capsys):
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(creation.shutil, "disk_usage", lambda path: usage(free=0))
    assert creation.curve(SOURCE, 1, 1) == {"megabytes": [], "cpu": [], "peak_mb": []}
    assert capsys.readouterr().err == "no room on disk for a corpus of 1 MB\n"


@pytest.mark.slow
def test_the_programs_run(tmp_path):
    figures = creation.measure(SOURCE._replace(work_dir=str(tmp_path)), 1, 0.05, 0.05)
    assert len(figures) == 7
    assert all(len(row["cpu"]) == 1 and row["cpu"][0] > 0 for row in figures.values())
    assert not os.listdir(tmp_path)
