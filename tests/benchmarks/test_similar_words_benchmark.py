"""benchmarks/similar_words.py: a small table, and the published vectors where they are at hand."""

import glob
import os
import subprocess
import sys

import pytest
from places import ROOT, SHARED

from benchmarks import similar_words
from data.similarity.table import read_table

# The file words.vector of the package synonyms; see the benchmark.
VECTORS = os.environ.get("QUANCI_SYNONYMS_VECTORS")


def test_a_row_of_the_table_and_the_words_to_show():
    counts = {"医生": 5, "，": 3, "在": 2, "大夫": 2, "CT2": 1}
    one, other = {"医生": ("大夫",), "大夫": ("医生", "医师")}, {"医生": ("医师",), "在": ("于",)}
    row = similar_words.row("published", 1234, one, counts, (1.26, 2.0, 3.4))
    assert row == "| published | 1,234 | 2 | 1.5 | 53.8% | 1 | 2 | 3 |"
    assert similar_words.shared_words(counts, one, other) == ["医生"]


def test_words_are_counted_without_signs(tmp_path):
    (tmp_path / "a.txt").write_text("医生在医院。\n医生，医生\n", encoding="utf-8")
    assert similar_words.counted_words(str(tmp_path / "a.txt")) == {"医生": 3, "在": 1, "医院": 1}


@pytest.mark.slow
@pytest.mark.skipif(not VECTORS, reason="QUANCI_SYNONYMS_VECTORS names no file of vectors")
def test_the_published_vectors(tmp_path, shared):
    """Their number is known, and a reader knows some of the neighbours."""
    vocab_file = os.path.join(SHARED, "datasets", "vocab", "vocab.txt")
    flags = ["--vectors=" + VECTORS, "--vocab_file=" + vocab_file]
    read, _, _, peak_mb = similar_words.made(flags, str(tmp_path / "table"))
    assert read == 125796 and peak_mb < 600
    table = read_table(str(tmp_path / "table"))
    found = dict(zip(table.words, table.neighbours))
    assert 60000 < len(found) < 90000
    for word, other in (("医生", "护士"), ("汽车", "卡车"), ("合同", "合约"), ("北京", "上海")):
        assert other in found[word]
        assert {len(near) for near in found[word]} == {len(word)}


@pytest.mark.slow
@pytest.mark.skipif(not VECTORS, reason="QUANCI_SYNONYMS_VECTORS names no file of vectors")
def test_the_benchmark(tmp_path, shared):
    texts = glob.glob(os.path.join(ROOT, "sample", "corpus", "*.txt"))
    with open(str(tmp_path / "corpus"), "wb") as corpus:
        for path in sorted(texts):
            with open(path, "rb") as text:
                corpus.write(text.read() + b"\n\n")
    command = [sys.executable, os.path.join(ROOT, "benchmarks", "similar_words.py")]
    command += ["--vectors", VECTORS, "--corpus", "corpus"]
    command += ["--vocab_file", os.path.join(SHARED, "datasets", "vocab", "vocab.txt")]
    done = subprocess.run(command, cwd=str(tmp_path), capture_output=True, text=True, check=True)
    tables = [part.splitlines() for part in done.stdout.split("\n\n")]
    assert [len(lines) for lines in tables] == [4, 12] and done.stderr == ""
