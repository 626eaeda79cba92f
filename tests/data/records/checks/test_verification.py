"""Record files checked completely, and what is left of damaged ones."""

import glob
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_files import borders, change, write_shard

from common import files
from common.errors import UserError
from data.records.checks import check_processes, checker, mending, verification
from data.records.tfrecord import enframe, read_records

pytestmark = pytest.mark.tf1

RECORDS = [bytes([65 + i]) * (40 + i % 3) for i in range(12)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder; tests of many examples write the same files in it again."""
    return tmp_path_factory.mktemp("shards")


def quiet(line):
    del line


def report_of(path, listed=None, **options):
    """The Report of a single file, listed in a manifest or not."""
    manifests = {}
    if listed is not None:
        name = os.path.join(os.path.dirname(str(path)), "_m.manifest.json")
        manifests = {name: {"shards": {os.path.basename(str(path)): listed}}}
    return verification.verify([str(path)], manifests, quiet, **options)[0]


def texts(report):
    return [fault.text for fault in report.faults]


def kept(path):
    """The records of a damaged file's copy; none where nothing in it is sound."""
    copy = str(path) + ".copy"
    try:
        mended = mending.mend(str(path), copy)
    except UserError as error:
        assert "holds no sound record" in str(error)
        assert not glob.glob(copy + "*")
        return []
    found = list(read_records(copy))
    os.remove(copy)
    assert mended.records == len(found)
    return found


contents = st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(contents, st.data())
def test_flipped_bits_are_found_and_left_out(place, records, data):
    path, places = place / "flipped", borders(records)
    listed = write_shard(path, [records[:3], records[3:]])
    content = bytearray(path.read_bytes())
    hit = data.draw(st.sets(st.integers(0, len(content) - 1), min_size=1, max_size=6))
    for byte in hit:
        content[byte] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    damaged = [i for i in range(len(records)) if hit & set(range(places[i], places[i + 1]))]
    for manifest in (None, listed):
        first = report_of(path, manifest).faults[0]
        assert first.kind == checker.DAMAGED
        assert ": record {} (byte {}) ".format(damaged[0], places[damaged[0]]) in first.text
    assert kept(path) == [r for i, r in enumerate(records) if i not in damaged]


@settings(max_examples=150, deadline=None)
@given(contents, st.data())
def test_cuts_are_found_and_what_is_in_front_is_kept(place, records, data):
    path, places = place / "cut", borders(records)
    listed = write_shard(path, [records[:3], records[3:]])
    size = data.draw(st.integers(0, listed["bytes"] - 1))
    path.write_bytes(path.read_bytes()[:size])
    whole = sum(end <= size for end in places[1:])
    expected = "is cut short: it has {} bytes, manifest ".format(size)
    if size not in places:
        expected = ": record {} (byte {}) is cut off (it has {} bytes, manifest ".format(
            whole, places[whole], size
        )
        assert "byte {}) is cut off".format(places[whole]) in texts(report_of(path))[0]
    else:
        assert report_of(path).faults == []  # no manifest, so nobody knows
    report = report_of(path, listed)
    assert expected in texts(report)[0] and report.has(verification.SHORT)
    assert kept(path) == records[:whole]


@settings(max_examples=150, deadline=None)
@given(contents, st.data(), st.binary(max_size=20))
def test_bytes_taken_out_or_put_in_cost_no_other_record(place, records, data, put_in):
    path = place / "shifted"
    write_shard(path, [records])
    content = path.read_bytes()
    begin = data.draw(st.integers(0, len(content)))
    end = begin + data.draw(st.integers(0, min(25, len(content) - begin)))
    path.write_bytes(content[:begin] + put_in + content[end:])
    if content[begin:end] != put_in:
        assert kept(path) == still_whole(records, content, path.read_bytes())


def still_whole(records, old, new):
    """The records whose frames stand in the new content, in front of the change or behind it.

    Where frames begin alike the place of a change is ambiguous (of two equal records, the last
    bytes of one and the first of the other taken out leave one whole), so the two contents are
    compared and not the place where the test made its cut.
    """
    places = borders(records)
    moved = len(new) - len(old)
    in_front = alike(old, new)
    behind = len(old) - alike(old[::-1], new[::-1])
    first = [i for i in range(len(records)) if places[i + 1] <= in_front]
    last = [
        i
        for i in range(len(first), len(records))
        if places[i] >= behind and places[i] + moved >= places[len(first)]
    ]
    return [records[i] for i in first + last]


def alike(one, other):
    """How many bytes both begin with."""
    differing = (i for i, (a, b) in enumerate(zip(one, other)) if a != b)
    return next(differing, min(len(one), len(other)))


def test_holes_and_repeated_damage_are_passed_quickly(tmp_path):
    records = [os.urandom(300) for _ in range(3000)]
    path, places = tmp_path / "a", borders(records)
    write_shard(path, [records])
    change(path, *places[1:-1:2])  # the length of every second record
    content = path.read_bytes()
    path.write_bytes(content + bytes(8 << 20) + enframe(b"behind the hole"))
    assert kept(path) == [*records[::2], b"behind the hole"]


def test_a_large_damaged_record_is_passed_over_by_its_length(tmp_path):
    records = [b"a", os.urandom(5 << 20), b"c"]
    path = tmp_path / "a"
    write_shard(path, [records])
    change(path, 1 << 20)
    report = report_of(path)
    assert texts(report) == ["is damaged: record 1 (byte 17) does not match its checksum"]
    assert kept(path) == [b"a", b"c"]


def test_a_shard_that_was_replaced_by_a_sound_one(tmp_path):
    listed = write_shard(tmp_path / "a", [RECORDS[:6], RECORDS[6:]])
    assert report_of(tmp_path / "a", listed).faults == []
    begin, end = borders(RECORDS)[6], listed["bytes"]
    write_shard(tmp_path / "a", [RECORDS[:6], [r.swapcase() for r in RECORDS[6:]]])
    manifest = tmp_path / "_m.manifest.json"
    assert texts(report_of(tmp_path / "a", listed)) == [
        "is not the file that manifest {} lists: its records are sound, but bytes {} to {} have "
        "another checksum".format(manifest, begin, end)
    ]
    # Records of other lengths in as many bytes: the parts begin in the middle of them.
    write_shard(tmp_path / "a", [[b"x" * (end - 16)]])
    assert texts(report_of(tmp_path / "a", listed))[0] == (
        "is damaged or no TFRecord file: record 0 (byte 0) reaches beyond byte {}, where another "
        "should begin".format(begin)
    )
    write_shard(tmp_path / "a", [RECORDS, [b"more"]])
    assert texts(report_of(tmp_path / "a", listed)) == [
        "is not the file that its manifest lists: it has {} bytes, manifest {} says {}".format(
            end + 20, manifest, end
        )
    ]
    write_shard(tmp_path / "a", [RECORDS])
    del listed["parts"]
    listed["records"] = 13
    assert texts(report_of(tmp_path / "a", listed)) == [
        "is not the file that manifest {} lists: it has 12 records, that one 13".format(manifest)
    ]


@pytest.mark.parametrize(
    "parts",
    [7, [{"bytes": 1}], [{"bytes": 688, "crc32c": "x"}], [{"bytes": 1, "crc32c": "00000000"}]],
)
def test_a_manifest_that_contradicts_itself(tmp_path, parts):
    listed = dict(write_shard(tmp_path / "a", [RECORDS]), parts=parts)
    with pytest.raises(UserError, match="contradicts itself: the parts of a are no list of bytes"):
        report_of(tmp_path / "a", listed)


def test_sizes_alone(tmp_path):
    shards = {name: write_shard(tmp_path / name, [RECORDS]) for name in "abc"}
    manifests = {str(tmp_path / "_m.manifest.json"): {"shards": dict(shards, d={})}}
    paths = [str(tmp_path / name) for name in "abc"]
    verification.check_sizes(paths, manifests)
    (tmp_path / "d").write_bytes(b"not listed with a size")
    size = shards["b"]["bytes"]
    (tmp_path / "b").write_bytes((tmp_path / "b").read_bytes()[:-3])
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes() + b"!")
    with pytest.raises(UserError) as caught:
        verification.check_sizes([*paths, str(tmp_path / "d")], manifests)
    assert str(caught.value).startswith(
        "{0}/b is cut short: it has {1} bytes, manifest {0}/_m.manifest.json says {2} (2 of 3 "
        "files differ); write the records anew; --verify_records finds".format(
            tmp_path, size - 3, size
        )
    )
    os.remove(paths[0])
    with pytest.raises(UserError, match=r"cannot read .*a: No such file or directory"):
        verification.check_sizes(paths, manifests)


@pytest.fixture
def sections(tmp_path, monkeypatch):
    """Sections of three files, one of them damaged, for processes of their own."""
    monkeypatch.setattr(check_processes, "_SMALL_BYTES", 0)
    made = []
    for name in "abc":
        listed = write_shard(tmp_path / name, [RECORDS[:5], RECORDS[5:]])
        size = listed["bytes"]
        for part, begin in zip(listed["parts"], (0, listed["parts"][0]["bytes"])):
            parts = [[part["bytes"], part["crc32c"]]]
            made.append(checker.Section(str(tmp_path / name), begin, parts, size))
    change(tmp_path / "b", made[3].begin + 70)
    return made


def test_processes_find_what_one_finds(sections):
    advances = [[], []]
    alone = check_processes.check_all(sections, 1, advances[0].append)
    together = check_processes.check_all(sections, 3, advances[1].append)
    assert alone == together
    assert [len(found["faults"]) for found in alone] == [0, 0, 0, 1, 0, 0]
    assert alone[3]["faults"][0]["record"] == 1
    total = sum(map(checker.bytes_of, sections))
    assert sum(advances[0]) == sum(advances[1]) == total


KILL = "import os; os.kill(os.getpid(), 9)"


def test_a_killed_process_is_replaced(sections, tmp_path, monkeypatch):
    whole = check_processes.check_all(sections, 1, quiet)
    mark = str(tmp_path / "killed")
    once = "import os\nif not os.path.exists({0!r}):\n  open({0!r}, 'w').close(); {1}\n".format(
        mark, KILL
    )
    monkeypatch.setattr(check_processes, "_PROGRAM", once + check_processes._PROGRAM)
    advances = []
    assert check_processes.check_all(sections, 2, advances.append) == whole
    assert os.path.exists(mark) and sum(advances) == sum(map(checker.bytes_of, sections))


def test_processes_killed_again_and_again(sections, monkeypatch):
    monkeypatch.setattr(check_processes, "_PROGRAM", KILL)
    with pytest.raises(UserError) as caught:
        check_processes.check_all(sections, 2, quiet)
    message = "processes that check the records were killed 3 times, last with {}/"
    assert str(caught.value).startswith(message.format(os.path.dirname(sections[0].path)))


def test_processes_that_cannot_be_started(sections, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(UserError, match="cannot start a process that checks the records: No such"):
        check_processes.check_all(sections, 2, quiet)


def test_files_that_cannot_be_read(sections, monkeypatch):
    os.remove(sections[0].path)
    for processes in (1, 2):
        found = check_processes.check_all(sections, processes, quiet)
        gone = {"kind": checker.UNREADABLE, "text": "No such file or directory"}
        assert found[0] == {"records": 0, "faults": [gone]} and not found[4]["faults"]
    path = sections[2].path

    def fails(*arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "open_file", fails)
    assert texts(report_of(path, processes=1)) == ["cannot be read: Input/output error"]


def test_checking_processes_import_no_tensorflow_and_end_with_their_parent():
    program = "import atexit, sys; atexit.register(lambda: sys.exit('tensorflow' in sys.modules)); "
    command = [sys.executable, "-c", program + check_processes._PROGRAM, ROOT]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(json.dumps([__file__, 0, [[40, None]], 40]).encode() + b"\n")
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline().decode()) for _ in range(2)]
    assert answers[0] == 40 and answers[1]["faults"][0]["record"] == 0
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    process.stdout.close()


def test_remote_files_are_read_here(sections, monkeypatch):
    """ram:// is a remote file system to us as gs:// is."""
    tf = pytest.importorskip("tensorflow.compat.v1")
    if not hasattr(tf.io.gfile, "GFile") or tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 1.15 has no ram://")
    monkeypatch.setattr(check_processes, "_PROGRAM", KILL)
    tf.io.gfile.makedirs("ram://verify")
    for unit in sections[::2]:
        remote = "ram://verify/" + os.path.basename(unit.path)
        with open(unit.path, "rb") as f, tf.io.gfile.GFile(remote, "wb") as out:
            out.write(f.read())
    paths = ["ram://verify/" + name for name in "abc"]
    reports = verification.verify(paths, {}, quiet)
    assert [report.records for report in reports] == [12, 6, 12]
    assert "is damaged: record 6 (byte " in reports[1].sentence()
    mended = mending.mend(paths[1], "ram://verify/mended/b")
    assert (mended.records, mended.gaps) == (11, 1)
    assert len(list(read_records("ram://verify/mended/b"))) == 11
    with pytest.raises(UserError, match="cannot read ram://verify/none"):
        verification.verify(["ram://verify/none"], {}, quiet)


def test_what_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("common.progress._LINE_SECONDS", -1)
    listed = write_shard(tmp_path / "a", [RECORDS])
    write_shard(tmp_path / "b", [RECORDS])
    manifests = {str(tmp_path / "_m.manifest.json"): {"shards": {"a": listed}}}
    lines = []
    verification.verify([str(tmp_path / n) for n in "aba"], manifests, lines.append)
    assert lines[0] == "verifying: 684B of 1.37kB"
    assert lines[-1].startswith("verified: 2 files, 24 records, 1.37kB in 0.0 s (")
    assert lines[-1].endswith(
        " MB/s), none damaged; no manifest lists 1 of them: a missing end would not be seen"
    )


def test_names_of_copies(tmp_path):
    names = mending.copy_names(["x/a", "gs://y/a", "b", "m/a"], "m", ["m/a", "m/a.2"])
    assert names == {"x/a": "m/a.3", "gs://y/a": "m/a.4", "b": "m/b", "m/a": "m/a.5"}
    write_shard(tmp_path / "a", [RECORDS])
    with pytest.raises(UserError, match=r"cannot mend .* as /proc/nowhere/a: "):
        mending.mend(str(tmp_path / "a"), "/proc/nowhere/a")
    assert os.listdir(str(tmp_path)) == ["a"]
