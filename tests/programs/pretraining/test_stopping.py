"""Signals, locks and full disks: a run ends in order, and nothing is lost."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from places import ROOT
from pretraining_runs import checkpoint_values, flags_of
from record_files import TINY_CONFIG, learnable_records, write_json, write_records
from script_driver import run_many as run_script

from cli.app import PARTS_KEPT, one_line
from common.errors import Stopped, UserError
from training.checkpoints import lock, saving
from training.stopping import StopHook, StopSignals

tf.disable_v2_behavior()

# No run here comes so far.
SAVED_EVERY = 10000000
SCRIPT = os.path.join(ROOT, "run_pretraining.py")


def run_many(command_lines):
    """What becomes of them is compared bit by bit with processes of their own."""
    return run_script("run_pretraining", command_lines, hurried=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("stop")
    write_records(path / "train.tfrecord", learnable_records(64))
    write_json(path / "config.json", dict(TINY_CONFIG, hidden_dropout_prob=0.1))
    return path


def line(folder, name, **changes):
    settings = {"output_dir": str(folder / name), "num_train_steps": 10 * SAVED_EVERY}
    settings.update(save_checkpoints_steps=SAVED_EVERY, num_warmup_steps=10)
    return flags_of(folder, **dict(settings, **changes))


EVALUATED = {
    "num_train_steps": 10,
    "num_warmup_steps": 2,
    "save_checkpoints_steps": 5,
    "do_eval": True,
}
EVEN = {"num_train_steps": 23, "save_checkpoints_steps": 5}


def evaluated(folder, name):
    return line(folder, name, eval_file=str(folder / "train.tfrecord"), **EVALUATED)


@pytest.fixture(scope="module")
def undisturbed(folder):
    """name -> [exit code, standard output, standard error] of runs that nothing stops."""
    runs = {
        "one": line(folder, "one", num_train_steps=1, num_warmup_steps=0),
        "no_stop": evaluated(folder, "no_stop"),
        "even": line(folder, "even", stop_step=7, **EVEN),
        "even again": line(folder, "even", **EVEN),
    }
    return dict(zip(runs, run_many(list(runs.values()))))


class Running:
    """A training in a process of its own; its output can be waited for. A context manager."""

    def __init__(self, arguments):
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT] + arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where the tests run in the background of a shell, it is ignored, and so it would be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    def wait_for(self, words):
        while words not in self.seen:
            text = self.process.stdout.readline()
            assert text, self.seen + self.process.stderr.read()
            self.seen += text

    def end(self):
        """(exit code, standard error)"""
        out, err = self.process.communicate(timeout=120)
        self.seen += out
        return self.process.returncode, err


def saved_steps(folder):
    names = os.listdir(str(folder))
    return sorted(int(n[11:-6]) for n in names if n.startswith("model.ckpt") and n[-6:] == ".index")


def test_a_second_trainer_is_refused_and_a_reader_is_not(folder):
    """The first one is then stopped by SIGINT, which saves as SIGTERM does."""
    with Running(line(folder, "locked")) as running:
        running.wait_for("  learning_rate ")
        refused, evaluated = run_many(
            [line(folder, "locked"), line(folder, "locked", do_train=False, do_eval=True)]
        )
        running.process.send_signal(signal.SIGINT)
        code, err = running.end()
    assert refused[0] == 1 and refused[2].count("\n") == 1, refused
    shown = "another training works in --output_dir {} (process {} on ".format(
        folder / "locked", running.process.pid
    )
    assert shown in refused[2]
    assert (evaluated[0], evaluated[2]) == (0, ""), evaluated
    assert "global_step = 0" in evaluated[1]
    assert code == 130, err
    assert "stopped by SIGINT: step {} is saved".format(saved_steps(folder / "locked")[-1]) in err
    assert "Traceback" not in err


@pytest.mark.tf1
def test_sigterm_saves_the_step_that_was_reached(folder):
    with Running(line(folder, "term")) as running:
        running.wait_for("  learning_rate ")
        began = time.time()
        running.process.send_signal(signal.SIGTERM)
        code, err = running.end()
    assert time.time() - began < 60
    assert code == 128 + signal.SIGTERM, (code, err)
    steps = saved_steps(folder / "term")
    assert steps[0] == 0 and len(steps) == 2 and steps[1] % SAVED_EVERY, steps
    assert err.splitlines() == [
        "SIGTERM: stopping after this step; once more to stop at once",
        "stopped by SIGTERM: step {} is saved in {}; the same command resumes there".format(
            steps[1], folder / "term"
        ),
    ]
    end = steps[1] + 5
    straight = line(folder, "straight", stop_step=end)
    done = run_many([line(folder, "term", stop_step=end), straight])
    assert [code for code, _, _ in done] == [0, 0], done
    assert "(step {})".format(steps[1]) in done[0][1]
    name = "model.ckpt-{}".format(end)
    whole = checkpoint_values(folder / "straight" / name)
    for variable, value in checkpoint_values(folder / "term" / name).items():
        np.testing.assert_array_equal(value, whole[variable], err_msg=variable)


def test_an_evaluation_is_left_and_made_up_for(folder, undisturbed):
    with Running(evaluated(folder, "eval")) as running:
        running.wait_for("evaluating {}".format(folder / "eval" / "model.ckpt-"))
        running.process.send_signal(signal.SIGTERM)
        code, err = running.end()
    assert code == 143, err
    assert "stopped by SIGTERM: the evaluation was interrupted; checkpoints are in" in err
    assert not (folder / "eval" / "eval_results.txt").exists()
    (done,) = run_many([evaluated(folder, "eval")])
    assert done[0] == undisturbed["no_stop"][0] == 0, (done, undisturbed["no_stop"])
    assert done[1].count("evaluating ") == 2
    for name in ("eval_results.txt", "best/eval_results.txt"):
        assert (folder / "eval" / name).read_text() == (folder / "no_stop" / name).read_text()


def test_checkpoints_lie_at_the_same_steps_after_a_stop(folder, undisturbed):
    assert undisturbed["even"][0] == undisturbed["even again"][0] == 0, undisturbed
    # Five are kept; the one of the stop is among them for as long.
    assert saved_steps(folder / "even") == [7, 10, 15, 20, 23]


@pytest.mark.tf1
def test_signals_are_kept_as_a_wish():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as signals:
        signals.check("nothing came")
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.wanted == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # the second one ends all
        with pytest.raises(Stopped) as caught:
            signals.check("all is saved")
        assert str(caught.value) == "stopped by SIGTERM: all is saved"
        assert caught.value.exit_code == 143
        with pytest.raises(Stopped, match="left"):
            StopHook(signals, "left").after_run(None, None)
    assert signal.getsignal(signal.SIGTERM) == before
    worker = threading.Thread(target=StopSignals().__enter__)  # only the main thread may
    worker.start()
    worker.join()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.wanted is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_script_says_a_word_at_sigterm(capsys):
    def main(argv):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    try:
        assert one_line(main, PARTS_KEPT)(["x"]) == 143
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert capsys.readouterr().err == (
        "stopped by SIGTERM: what is finished is kept; the same command resumes\n"
    )


def test_workers_of_one_job_share_the_lock(tmp_path):
    first, second = '{"cluster": {"worker": ["a:1", "b:1"]}}', '{"cluster": {"worker": ["c:1"]}}'
    here = str(tmp_path / "out")
    with lock.hold(here, lock.job_of(first)):
        with lock.hold(here, lock.job_of(first)):
            pass
        for job in (lock.job_of(second), None):
            with pytest.raises(UserError, match="another training works in"), lock.hold(here, job):
                pass
    with lock.hold(here, lock.job_of(second)):
        pass
    alone = lock.job_of('{"task": {}}')  # no cluster
    with lock.hold(here, alone), pytest.raises(UserError), lock.hold(here, alone):
        pass
    with pytest.raises(UserError, match="TF_CONFIG in the environment is no JSON object"):
        lock.job_of("[")


def test_a_refused_run_leaves_no_directory(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    for place in (there, tmp_path / "new"):
        with pytest.raises(UserError, match="wrong"), lock.hold(str(place)):
            raise UserError("wrong")
    assert there.exists() and not (tmp_path / "new").exists()
    with lock.hold(str(tmp_path / "new")):
        (tmp_path / "new" / "model").write_text("")
    assert (tmp_path / "new" / "model").exists()


def test_where_locks_do_not_work(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with lock.hold(str(tmp_path)):
        pass
    assert "cannot be locked (Operation not supported)" in capsys.readouterr().out
    with lock.hold("gs://bucket/out"):
        pass


@pytest.mark.tf1
def test_room_for_checkpoints(tmp_path, monkeypatch, capsys):
    usage = type("Usage", (), {"free": 10_000_000})
    monkeypatch.setattr(saving.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError) as caught:
        saving.check_space(str(tmp_path), 3_000_000, 6)
    assert "has 10.0 MB left, and one checkpoint takes 12.0 MB" in str(caught.value)
    saving.check_space(str(tmp_path), 1_000_000, 6)
    assert "10.0 MB left, and 6 checkpoints of 4.0 MB" in capsys.readouterr().out
    saving.check_space(str(tmp_path), 1_000_000, 2)
    saving.check_space("gs://bucket/out", 1 << 60, 6)
    assert capsys.readouterr().out == ""


# A small file system of one's own, for one command. $1 its size, $2 where; the rest is run.
SMALL_DISK = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def on_small_disk(size, place, *command):
    """The finished process of a command that sees a disk of `size` at `place`."""
    arguments = ["sh", "-c", SMALL_DISK, "sh", size, str(place)] + list(command)
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount"] + arguments,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )


def test_a_full_disk_stops_with_one_line(folder, undisturbed):
    place = folder / "small"
    place.mkdir()
    if on_small_disk("1m", place, "true").returncode:
        pytest.skip("no small file system can be mounted here")
    assert undisturbed["one"][0] == 0, undisturbed["one"]
    size = sum(v.nbytes for v in checkpoint_values(folder / "one" / "model.ckpt-1").values())
    # Room for the event file (0.8 MB) and two checkpoints, not for the third; then for more.
    program = (
        "{python} {script} {flags}; echo code $?; ls {out}; "
        "mount -o remount,size=50m {place}; {python} {script} {flags}; echo code $?; ls {out}"
    ).format(
        python=sys.executable,
        script=SCRIPT,
        out=place / "out",
        place=place,
        flags=" ".join(line(folder, "small/out", num_train_steps=30, save_checkpoints_steps=10)),
    )
    done = on_small_disk(str(900000 + int(2.6 * size)), place, "sh", "-c", program)
    _, _, rest = done.stdout.partition("code 1\n")
    assert rest, done.stdout + done.stderr
    errors = [text for text in done.stderr.splitlines() if text]
    assert len(errors) == 1, done.stderr
    # Which save fails depends on the size of the event file.
    failed = re.search(r"the checkpoint of step (\d+) cannot be saved in --output_dir", errors[0])
    step = int(failed.group(1))
    before = "model.ckpt-{}".format(step - 10)
    assert "the disk is full" in errors[0] and before + " is intact" in errors[0]
    left = rest.split("RESUME")[0]
    assert "_temp" not in left and "tempstate" not in left
    assert "model.ckpt-{}".format(step) not in left and before + ".index" in left
    assert "(step {})".format(step - 10) in rest and "code 0" in rest
    assert "model.ckpt-30.index" in rest
