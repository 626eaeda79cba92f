"""Data creation that is stopped, killed, repeated or disturbed: nothing lost, nothing mixed."""

import dataclasses
import glob
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import pytest
from conftest import ROOT
from creation_runs import BASE, CORPUS, FLAGS, contents, make

from common import locks
from common.errors import UserError
from data.creation import RecordWork
from data.jobs import executors, runner, shard
from data.jobs.job import Job
from data.records import manifest
from data.text import corpus


def test_shards_of_another_run_are_not_mixed_in(tmp_path):
    make(tmp_path, names=["r-{:05d}-of-00003".format(i) for i in range(3)])
    with pytest.raises(UserError, match="r-00000-of-00003 is of an earlier run"):
        make(tmp_path, names=["r-{:05d}-of-00002".format(i) for i in range(2)])


def test_two_processes_do_not_share_an_output(tmp_path):
    import fcntl

    folder = tmp_path / "_records.partial"
    folder.mkdir()
    with open(str(folder / "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is making"):
            make(tmp_path)
    make(tmp_path)


def test_shards_of_another_run_that_was_stopped(tmp_path):
    """It has left no manifest."""
    (tmp_path / "r-00001-of-00003").write_bytes(b"")
    (tmp_path / "r-00002-of-00003").write_bytes(b"")
    (tmp_path / "rr-00002-of-00003").write_bytes(b"")
    for names in (["r"], ["r-{:05d}-of-00002".format(i) for i in range(2)]):
        with pytest.raises(UserError, match=r"r-00001-of-00003 is of an .* \(as 1 more are\)"):
            make(tmp_path, names=names)


def left_behind(folder, monkeypatch, **changes):
    """Makes records and is killed before the folder of parts is removed; the folder."""
    monkeypatch.setattr(Job, "_remove_state", lambda job: None)
    make(folder, **changes)
    monkeypatch.undo()
    partial = folder / "_records.partial"
    assert sorted(os.listdir(str(partial))) == ["fingerprint", "lock", "shard-00000.json", "shards"]
    return partial


@pytest.mark.parametrize("gone", [(), ("shard-00000.json",), ("shard-00000.json", "fingerprint")])
def test_a_folder_that_was_left_beside_finished_records(tmp_path, monkeypatch, gone):
    partial, said = left_behind(tmp_path, monkeypatch), []
    for name in gone:
        (partial / name).unlink()
    paths = [str(tmp_path / "records")]
    with locks.take(str(partial / "lock")):  # as its writer does until the end
        runner.create(RecordWork(BASE), CORPUS, paths, say=said.append)
        assert partial.exists()
    runner.create(RecordWork(BASE), CORPUS, paths, say=said.append)
    assert said == 2 * [paths[0] + " is complete and made from the same input: kept"]
    assert sorted(os.listdir(str(tmp_path))) == ["_records.manifest.json", "records"]


def test_a_folder_of_other_flags_beside_finished_records(tmp_path, monkeypatch):
    make(tmp_path)
    before = (tmp_path / "_records.manifest.json").read_bytes()

    def stop(self, *rest):
        (tmp_path / "_records.partial" / "unit-00000.json").write_text("{}")
        sys.exit("stopped")

    monkeypatch.setattr(Job, "missing", stop)
    with pytest.raises(SystemExit):
        make(tmp_path, dupe_factor=1)
    monkeypatch.undo()
    said = []
    runner.create(RecordWork(BASE), CORPUS, [str(tmp_path / "records")], say=said.append)
    assert said[0].endswith("_records.partial is from another input or other flags: discarded")
    assert said[1].endswith(": kept") and len(said) == 2
    assert sorted(os.listdir(str(tmp_path))) == ["_records.manifest.json", "records"]
    assert (tmp_path / "_records.manifest.json").read_bytes() == before


def test_files_of_others_in_the_folder_of_parts_stay(tmp_path, monkeypatch):
    partial = left_behind(tmp_path, monkeypatch)
    for name in ("unit-1", "notes.json", "locks"):
        (partial / name).write_text("the user's own")
    (partial / "shard-00007.tmp").mkdir()
    make(tmp_path)
    (partial / "shard-00007.tmp").rmdir()
    make(tmp_path, dupe_factor=1)
    assert sorted(os.listdir(str(partial))) == ["locks", "notes.json", "unit-1"]


def test_a_failed_run_leaves_the_finished_one_alone(tmp_path):
    paths, first = make(tmp_path)
    before = contents(paths)
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"\xff")
    with pytest.raises(UserError, match="not UTF-8"):
        make(tmp_path, [str(bad)])
    assert contents(paths) == before
    assert (
        manifest.read_manifest(manifest.manifest_path(paths))["fingerprint"]
        == (first["fingerprint"])
    )


def test_workers_killed_again_and_again_end_the_run(tmp_path, monkeypatch):
    def broken(*arguments):
        raise BrokenProcessPool

    monkeypatch.setattr(executors, "_run_pool", broken)
    with pytest.raises(UserError, match="were killed 3 times"):
        make(tmp_path, workers=2)


@pytest.mark.parametrize(
    "content, message", [("{", "not valid JSON"), ("[]", "is no manifest of Quanci records")]
)
def test_a_damaged_manifest_is_named(tmp_path, content, message):
    (tmp_path / "_records.manifest.json").write_text(content)
    with pytest.raises(UserError, match="_records.manifest.json.* " + message):
        make(tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"shards": {"../x": {}}}, "shards must be an object of file names"),
        ({"shards": {"a\0": {}}}, "shards must be an object of file names"),
        ({"shards": {"x": {"bytes": "many"}}}, "shards must be an object of file names"),
        ({"records": -1}, "records must be a count, found -1"),
        ({"vocab_size": 10**30}, "vocab_size must be a count, found 1000"),
        ({"unknown_top": {"x": "y"}}, "unknown_top must be an object of counts"),
        ({"masking": {"kind": 1}}, "masking must be an object with the kind of masking"),
        ({"masking": {"kind": "dynamic"}}, "masking must be an object with kind, unit and shares"),
        ({"masking": "dynamic"}, "masking must be an object with the kind of masking"),
        ({"flags": {"user_dict": 0}}, "flags must be the settings that the records were made with"),
    ],
)
def test_a_manifest_with_values_of_other_kinds(tmp_path, changes, message):
    paths, _ = make(tmp_path)
    path = manifest.manifest_path(paths)
    with open(path, encoding="utf-8") as f:
        values = json.load(f)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dict(values, **changes), f)
    with pytest.raises(UserError, match="_records.manifest.json: " + message):
        make(tmp_path)


def test_a_manifest_with_holes_is_made_again(tmp_path):
    paths, first = make(tmp_path)
    path = manifest.manifest_path(paths)
    with open(path, encoding="utf-8") as f:
        values = json.load(f)
    del values["characters"]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(values, f)
    assert make(tmp_path)[1] == first


def test_pieces_with_nul_are_counted_and_kept(tmp_path):
    """What a manifest quotes of a text may be anything."""
    (tmp_path / "in").write_text("天气好。\nა\0ბ\n", encoding="utf-8")
    _, first = make(tmp_path, [str(tmp_path / "in")])
    assert any("\0" in piece for piece in first["unknown_top"])
    again = make(tmp_path, [str(tmp_path / "in")])[1]
    assert json.dumps(again) == json.dumps(first)


def test_a_part_whose_bytes_were_lost_is_made_again(tmp_path, monkeypatch):
    """After a power cut a file may have its length and zeros for content."""
    monkeypatch.setattr(corpus, "UNIT_BYTES", 20000)
    clean = contents(make(tmp_path / "clean")[0])
    real = shard.Shard._write
    monkeypatch.setattr(shard.Shard, "_write", lambda *_: None)
    monkeypatch.setattr(Job, "finish", lambda *_: sys.exit("stopped"))
    with pytest.raises(SystemExit):
        make(tmp_path / "o")
    part = tmp_path / "o" / "_records.partial" / "unit-00000"
    part.write_bytes(b"\0" * part.stat().st_size)
    monkeypatch.undo()
    monkeypatch.setattr(corpus, "UNIT_BYTES", 20000)
    assert shard.Shard._write is real
    assert contents(make(tmp_path / "o")[0]) == clean


def test_parts_cut_off_by_a_crash_are_made_again(tmp_path, monkeypatch):
    """The folder of a run that was stopped, with a part and a record that are not whole."""
    monkeypatch.setattr(corpus, "UNIT_BYTES", 20000)
    clean = contents(make(tmp_path / "clean")[0])
    monkeypatch.setattr(Job, "finish", lambda *_: sys.exit("stopped"))
    with pytest.raises(SystemExit):
        make(tmp_path / "o")
    monkeypatch.undo()
    monkeypatch.setattr(corpus, "UNIT_BYTES", 20000)
    partial = tmp_path / "o" / "_records.partial"
    (partial / "shard-00000.json").write_text('{"bytes": 1')
    (partial / "unit-00001").write_bytes(b"half")
    (partial / "unit-00001.json").write_text('{"bytes": 99, "crc32c": "0", "statistics": {}}')
    (partial / "unit-00002.json").write_text('{"byt')
    assert contents(make(tmp_path / "o")[0]) == clean


def test_a_finished_run_is_kept_and_other_flags_replace_it(tmp_path):
    said = []
    paths, first = make(tmp_path)
    before = os.stat(paths[0]).st_mtime_ns
    again = runner.create(RecordWork(BASE), CORPUS, paths, say=said.append)
    assert json.dumps(again) == json.dumps(first) and os.stat(paths[0]).st_mtime_ns == before
    assert len(said) == 1 and "kept" in said[0]
    once = RecordWork(dataclasses.replace(BASE, dupe_factor=1))
    changed = runner.create(once, CORPUS, paths, say=said.append)
    assert changed["fingerprint"] != first["fingerprint"]
    assert changed["records"] < first["records"]
    assert said[1] == "{} was made with other flags, input or libraries: made anew".format(paths[0])
    assert len(said) == 3 and said[2].endswith(" characters/s")


def test_parts_of_another_run_are_discarded(tmp_path):
    partial = tmp_path / "_records.partial"
    partial.mkdir()
    (partial / "fingerprint").write_text("another")
    (partial / "unit-00000").write_bytes(b"rubbish")
    (partial / "unit-00000.json").write_text("{}")
    clean = contents(make(tmp_path / "clean")[0])
    assert contents(make(tmp_path)[0]) == clean
    assert not partial.exists()


def start(output, **flags):
    command = [sys.executable, "create_pretraining_data.py"]
    command += ["--{}={}".format(k, v) for k, v in dict(FLAGS, output_file=output, **flags).items()]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # Where the tests run in the background of a shell, it is ignored, and so it would be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def workers_of(process):
    """Process ids of the workers, found by their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/{}/stat".format(pid)) as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open("/proc/{}/cmdline".format(pid)) as f:
                if parent == process.pid and "spawn_main" in f.read():
                    found.append(int(pid))
        except OSError:
            continue
    return found


def wait_for_parts(process, folder):
    """Waits until a first part is complete."""
    pattern = os.path.join(str(folder), "_*.partial", "*.json")
    while not glob.glob(pattern):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    process = start(folder / "r", num_workers=2)
    assert process.wait(120) == 0, process.stderr.read().decode()
    return contents(sorted(glob.glob(str(folder / "r-*"))))


def test_a_killed_worker_is_replaced(tmp_path, undisturbed):
    process = start(tmp_path / "r", num_workers=2)
    wait_for_parts(process, tmp_path)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    assert b"a worker process was killed" in out
    assert contents(sorted(glob.glob(str(tmp_path / "r-*")))) == undisturbed


@pytest.mark.parametrize("whom", ["all", "parent"])
def test_a_killed_run_goes_on_where_it_was(tmp_path, undisturbed, whom):
    process = start(tmp_path / "r", num_workers=2)
    wait_for_parts(process, tmp_path)
    workers = workers_of(process)
    if whom == "all":
        os.killpg(process.pid, signal.SIGKILL)
    else:  # its workers leave with it
        os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    deadline = time.monotonic() + 30
    while any(os.path.exists("/proc/{}".format(pid)) for pid in workers):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.02)
    assert not os.path.exists(manifest.manifest_path([str(tmp_path / "r-00000-of-00008")] * 8))
    again = start(tmp_path / "r", num_workers=1)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err.decode()
    assert b"kept from an earlier run" in out
    assert contents(sorted(glob.glob(str(tmp_path / "r-*")))) == undisturbed
    assert not glob.glob(str(tmp_path / "_*.partial"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_stopped_by_a_signal_says_so(tmp_path, undisturbed, number):
    process = start(tmp_path / "r", num_workers=2)
    wait_for_parts(process, tmp_path)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err.decode()
    assert "Traceback" not in err.decode()
    last = err.decode().splitlines()[-1]
    assert last.startswith("stopped by {}: what is finished is kept".format(number.name))
    again = start(tmp_path / "r", num_workers=2)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err.decode()
    assert b"kept from an earlier run" in out
    assert contents(sorted(glob.glob(str(tmp_path / "r-*")))) == undisturbed


def test_a_worker_that_is_stopped_does_not_hold_up_the_end(tmp_path):
    process = start(tmp_path / "r", num_workers=2)
    wait_for_parts(process, tmp_path)
    workers = workers_of(process)
    os.kill(workers[0], signal.SIGSTOP)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err.decode()
    assert err.decode().splitlines()[-1].startswith("stopped by SIGTERM: what is finished is kept")
    assert not any(os.path.exists("/proc/{}".format(pid)) for pid in workers)
