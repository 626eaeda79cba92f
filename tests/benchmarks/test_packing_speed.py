"""benchmarks/packing.py on a tiny model: what of its table does not depend on the machine."""

import os
import subprocess
import sys

from places import ROOT
from record_files import TINY_CONFIG, write_json


def test_the_table(tmp_path):
    vocabulary = os.path.join(ROOT, "sample", "vocab.txt")
    with open(vocabulary, encoding="utf-8") as reader:
        size = len(reader.read().splitlines())
    config = dict(TINY_CONFIG, vocab_size=size)
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("今天天气好\n我们\n\n大学生前来应聘\n" * 20, encoding="utf-8")
    command = [
        sys.executable,
        os.path.join(ROOT, "benchmarks", "packing.py"),
        "--text=" + str(sentences),
        "--vocab_file=" + vocabulary,
        "--bert_config_file=" + write_json(tmp_path / "config.json", config),
        "--length=16",
        "--batch_size=6",
        "--rounds=1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    lines = done.stdout.splitlines()
    # Texts of 5, 2 and 7 pieces, and two special ones each.
    assert lines[0] == "60 rows, {:.1%} text".format((7 + 4 + 9) / 3 / 16)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[3:]]
    assert [row[0] for row in cells] == [
        "6 texts, a text a row",
        "6 texts, packed",
        "13 texts, packed",
    ]
    assert cells[0][1] == "6.0" and cells[0][5] == "1.00"
    assert 2.0 <= float(cells[1][1]) <= 4.0
    assert all(float(row[7].rstrip("%")) > 0 for row in cells)
