"""python -m data.scan_corpus: what it finds, for any number of workers, and what it keeps."""

import gzip
import json
import sys
from subprocess import CompletedProcess

import numpy as np
import pytest
from script_driver import run_many

from common.errors import UserError
from data.scan import blocks, duplicates, job, report
from data.text import corpus

ONE, TWO, THREE = (
    "甲病历。体温正常！\n血压正常。\n",
    "乙病历。咳嗽三天。\n",
    "丙病历。头痛，发热。\n",
)


def scanned(paths, workers=1, output=None, drops=False, **changes):
    settings = blocks.ScanSettings(keeps=bool(output), **changes)
    return job.scan([str(p) for p in paths], settings, workers, lambda line: None, output, drops)


def text_of(path):
    with open(path, encoding="utf-8") as reader:
        return reader.read()


def rows_of(of_files, found):
    return [line.split("\t") for line in report.duplicate_rows(of_files, found)][1:]


@pytest.fixture
def files(tmp_path):
    contents = {
        "a.txt": (ONE + "\n" + TWO + "\n" + ONE.replace("。", "。 ")).encode(),
        "b.txt": (ONE + "\n\n" + THREE).encode("gb18030") + b"\xff\xff\nend\x07\n",
        "c.txt": ("\ufeff" + TWO).encode("utf-16-le"),
        "d.txt": ("\ufeff" + "长" * 60 + "\n").encode()
        + "坏".encode("gb18030")
        + "\n\ufffd".encode(),
        "e.txt": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with gzip.open(str(tmp_path / "f.txt.gz"), "wb") as f:
        f.write(THREE.encode())
    return [tmp_path / name for name in (*contents, "f.txt.gz")]


def test_what_is_found(files):
    of_files, found = scanned(files, long_line_chars=50)
    assert [one.encoding for one in of_files] == [
        "utf-8",
        "gb18030",
        "utf-16-le with BOM",
        "utf-8 with BOM",
        "",
        "utf-8",
    ]
    names = ("lines", *blocks.FAULTS, "documents", duplicates.EXACT, "sentences")
    counted = [tuple(one.counts[name] for name in names) for one in of_files]
    # lines, damaged, empty, long, control characters, U+FFFD, documents, duplicates, sentences
    assert counted == [
        (7, 0, 2, 0, 0, 0, 3, 1, 8),
        (7, 1, 2, 0, 1, 0, 2, 1, 6),
        (1, 0, 0, 0, 0, 0, 1, 1, 2),
        (3, 1, 0, 1, 0, 1, 1, 0, 2),
        (0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, 0, 0, 0, 0, 0, 1, 0, 2),
    ]
    assert of_files[1].examples[blocks.DAMAGED] == [6]
    assert of_files[1].examples[blocks.CONTROL] == [7]
    assert of_files[3].examples[blocks.LOST] == [3]
    assert of_files[3].counts[blocks.ELSEWHERE] == 1
    a, b, c = (str(path) for path in files[:3])
    assert rows_of(of_files, found) == [
        [a, "6", a, "1", "exact"],
        [b, "1", a, "1", "exact"],
        [c, "1", a, "4", "exact"],
    ]
    lines = report.table(of_files, False)
    assert lines[0].split()[:4] == ["file", "encoding", "lines", "damaged"]
    assert lines[-1].split()[:4] == ["6", "files", "19", "2"]
    notes = "\n".join(report.notes(of_files, "raw"))
    assert "b.txt: damaged lines 6\n" in notes
    assert "d.txt: damaged lines 2 (1 whole in another encoding)" in notes
    assert "files in gb18030, utf-16-le: give --encoding=auto to the other programs" in notes
    said = "\n".join([*lines, notes, json.dumps(report.to_json(of_files, blocks.ScanSettings()))])
    assert not set("甲乙丙病历体温长") & set(said)  # no text of the corpus


def test_kept_documents(files, tmp_path):
    """All of them without damaged lines, in UTF-8; or the first of each alone."""
    output = str(tmp_path / "kept")
    scanned(files, output=output)
    a, b, c, d, f = ONE.replace("。", "。 "), "end\x07\n", TWO, "长" * 60 + "\n\ufffd\n", THREE
    kept = [ONE, TWO, a, ONE, THREE + b, c, d, f]
    assert text_of(output) == "\n".join(kept) + "\n"
    scanned(files, output=output, drops=True)
    assert text_of(output) == "\n".join([ONE, TWO, THREE + b, d, f]) + "\n"
    again, _ = scanned([output])
    assert again[0].counts["documents"] == 5 and not again[0].counts[duplicates.EXACT]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_damage_in_utf16_is_counted_as_lost(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe" + "甲\n".encode("utf-16-le") + b"\x00\xd8\n\x00")
    of_files, _ = scanned([tmp_path / "a.txt"])
    assert of_files[0].examples[blocks.LOST] == [2]


def test_json_lines(tmp_path):
    rows = [
        '{"text": "甲。乙", "id": 1}',
        "{",
        '{"body": "丙"}',
        "",
        '{"text": "甲。\\n乙"}',
        '{"text": ""}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(rows), encoding="utf-8")
    output = str(tmp_path / "kept.jsonl")
    of_files, found = scanned(
        [tmp_path / "a.jsonl"], output=output, drops=True, input_format="jsonl"
    )
    counts = of_files[0].counts
    assert (counts["lines"], counts["documents"], counts["sentences"]) == (6, 2, 4)
    assert of_files[0].examples[blocks.DAMAGED] == [2, 3]
    assert sorted(of_files[0].examples[blocks.EMPTY]) == [4, 6]
    assert [(row[1], row[3]) for row in rows_of(of_files, found)] == [("5", "1")]
    assert text_of(output) == rows[0] + "\n"
    (tmp_path / "b.jsonl").write_text(rows[2] + "\n", encoding="utf-8")
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    of_files, _ = scanned(paths, input_format="jsonl")
    without = "no line is an object with the fields of --text_fields: {}".format(paths[1])
    assert report.notes(of_files, "jsonl")[-1] == without


def test_units_and_workers_change_nothing(tmp_path, monkeypatch):
    """Line numbers, counts and kept documents are those of one unit a file."""
    text = "\n\n".join("第{}份病历。\n体温{}度。".format(i % 50, i % 7) for i in range(200))
    (tmp_path / "a.txt").write_bytes(text.encode("gb18030"))
    (tmp_path / "b.txt").write_bytes(text.encode() + b"\n\xff\n")
    paths, results = [tmp_path / "a.txt", tmp_path / "b.txt"], []
    plan = corpus.plan_units
    for unit_bytes, workers in ((1 << 20, 1), (500, 1), (500, 2)):
        monkeypatch.setattr(
            corpus, "plan_units", lambda *a, n=unit_bytes, **m: plan(*a, n, 300, **m)
        )
        output = str(tmp_path / "kept")
        of_files, found = scanned(paths, workers, output, drops=True)
        kept = text_of(output)
        found = report.to_json(of_files, blocks.ScanSettings()), rows_of(of_files, found)
        results.append((*found, kept))
    assert results[0] == results[1] == results[2]
    assert of_files[0].counts["documents"] == 200 and of_files[1].examples[blocks.DAMAGED] == [600]
    assert len(kept.strip().split("\n\n")) == 200 == len(results[0][1])


def test_near_copies(tmp_path):
    """By the share of common stretches of five characters, computed apart from the library."""
    pytest.importorskip("datasketch")
    base = "".join(chr(0x4E00 + i * 37 % 5000) for i in range(400))
    texts = [base, base[:397] + "改一点", base[:200] + base[:150:-1], base, "短文"]
    (tmp_path / "a.txt").write_text("\n\n".join(texts), encoding="utf-8")

    def share(one, other):
        sets = [{t[i : i + 5] for i in range(len(t) - 4)} for t in (one, other)]
        return len(sets[0] & sets[1]) / len(sets[0] | sets[1])

    assert share(texts[0], texts[1]) > 0.9 and share(texts[0], texts[2]) < 0.6
    of_files, found = scanned([tmp_path / "a.txt"], near_duplicates=0.8)
    assert found.originals.tolist() == [-1, 0, -1, 0, -1]
    assert found.is_near.tolist() == [False, True, False, False, False]
    assert of_files[0].counts[duplicates.NEAR] == 1 == of_files[0].counts[duplicates.EXACT]


def test_copies_of_near_copies():
    pytest.importorskip("datasketch")
    sketch = duplicates.make_sketch()
    sketches = np.array([sketch(t) for t in ("甲" * 3 + "乙丙丁" * 9, "乙丙丁" * 9, "乙丙丁" * 9)])
    originals = duplicates.first_copies(np.array([5, 9, 9], np.uint64))
    is_near = duplicates.add_near_copies(originals, sketches, 0.3)
    assert originals.tolist() == [-1, 0, 0] and is_near.tolist() == [False, True, False]


def test_datasketch_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(UserError, match="needs the package datasketch, which is not installed"):
        duplicates.make_sketch()


REFUSED = [
    ({"drop_duplicates": True}, "--drop_duplicates needs --output_file; remove it, or give that"),
    ({"near_duplicate_similarity": 0.5}, "--near_duplicate_similarity needs --near_duplicates"),
    ({"text_fields": "a"}, "--text_fields needs --input_format=jsonl"),
    ({"long_line_chars": 0}, "--long_line_chars must be 1 or more, found 0"),
    ({"num_workers": -1}, "--num_workers must be 0 or more, found -1"),
    (
        {"near_duplicates": True, "near_duplicate_similarity": 1},
        "must be above 0 and below 1",
    ),
    ({"output_file": "{}/a.txt"}, "--output_file {}/a.txt is one of the input files"),
    ({"report_file": "{}/a.txt/r"}, "cannot write {}/a.txt/r (--report_file): "),
    ({"report_file": "{}/r.gz"}, "--report_file {}/r.gz would not be compressed"),
]


def test_the_program(tmp_path, one_line_error):
    (tmp_path / "a.txt").write_text(ONE + "\n" + ONE, encoding="utf-8")
    usual = {"input_file": tmp_path / "a.txt", "num_workers": 1}
    kept = {
        "output_file": tmp_path / "kept",
        "drop_duplicates": True,
        "report_file": tmp_path / "new" / "r",
    }
    runs = [dict(usual, **kept)]
    runs += [
        dict(usual, **{n: v.format(tmp_path) if isinstance(v, str) else v for n, v in more.items()})
        for more, _ in REFUSED
    ]
    lines = [["--{}={}".format(*flag) for flag in one.items()] for one in runs]
    several = run_many("data.scan_corpus", lines)
    done, *refused = [CompletedProcess(line, *one) for line, one in zip(lines, several)]
    assert done.returncode == 0, done.stderr
    assert "1 files" in done.stdout and str(tmp_path / "kept.duplicates.tsv") in done.stdout
    assert json.loads((tmp_path / "new" / "r").read_text())["total"]["duplicates"] == 1
    assert (tmp_path / "kept").read_text(encoding="utf-8") == ONE + "\n"
    assert (tmp_path / "kept.duplicates.tsv").read_text().endswith("\t1\texact\n")
    for one, (_, message) in zip(refused, REFUSED):
        one_line_error(one, message.format(tmp_path))


def test_long_tables_show_what_has_a_fault():
    of_files = [job.FileScan("f[{}].txt".format(i), "utf-8") for i in range(100)]
    for i in range(50):
        of_files[2 * i].counts[blocks.DAMAGED] = 1
        of_files[2 * i].examples[blocks.DAMAGED] = [7]
    lines = report.table(of_files, False)
    assert [line.split()[0] for line in lines[1:4]] == ["f[0].txt", "f[2].txt", "f[4].txt"]
    assert lines[-2] == "... 60 more files, in the sum and in --report_file"
    assert lines[-1].split()[:4] == ["100", "files", "0", "50"]
    notes = report.notes(of_files, "raw")
    assert notes[0] == "f[0].txt: damaged lines 7"
    assert notes[40:] == ["... 10 more lines of this kind, in --report_file"]
