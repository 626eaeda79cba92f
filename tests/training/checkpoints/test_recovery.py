"""What a start finds in output_dir: damaged checkpoints, lost state files, debris."""

import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import WORDS, save
from pretraining_runs import checkpoint_values, flags_of, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records

from common import outputs
from common.errors import UserError
from modeling import checkpoint
from training.checkpoints import recovery

pytestmark = pytest.mark.tf1


def save_steps(folder, *steps, state=True):
    """Checkpoints of a training; the state file lists them."""
    for step in steps:
        save(folder / "model.ckpt-{}".format(step), {WORDS: [9, 4]}, step=step)
    if state:
        recovery.write_state(str(folder), ["model.ckpt-{}".format(step) for step in steps])


def damage(path, at=-20):
    """Changes one byte of a file."""
    with open(str(path), "r+b") as f:
        f.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x55]))


def cut(path, size):
    with open(str(path), "r+b") as f:
        f.truncate(size)


DATA = ".data-00000-of-00001"

# name -> (what is done to a folder with steps 4, 8, 12; the step it resumes from; words of the log)
FAULTS = {
    "nothing": (lambda f: None, 12, []),
    "a byte": (lambda f: damage(f / ("model.ckpt-12" + DATA)), 8, ["model.ckpt-12 is damaged"]),
    "cut data": (lambda f: cut(f / ("model.ckpt-12" + DATA), 30), 8, ["model.ckpt-12 is damaged"]),
    "no data": (lambda f: os.remove(str(f / ("model.ckpt-12" + DATA))), 8, ["is incomplete"]),
    "cut index": (lambda f: cut(f / "model.ckpt-12.index", 40), 8, ["model.ckpt-12 is damaged"]),
    "empty index": (lambda f: cut(f / "model.ckpt-12.index", 0), 8, ["model.ckpt-12 is damaged"]),
    "two of them": (
        lambda f: [cut(f / "model.ckpt-{}.index".format(s), 40) for s in (8, 12)],
        4,
        ["model.ckpt-12 is damaged", "model.ckpt-8 is damaged", "from {}/model.ckpt-4 instead"],
    ),
    "no state": (lambda f: os.remove(str(f / "checkpoint")), 12, []),
    "empty state": (lambda f: cut(f / "checkpoint", 0), 12, []),
    "no text": (lambda f: (f / "checkpoint").write_bytes(b"\xff\x00\xfe" * 9), 12, []),
    "its latest is gone": (lambda f: os.remove(str(f / "model.ckpt-12.index")), 8, []),
    # A user may go back by hand, and what is newer is left alone.
    "an older one chosen": (lambda f: recovery.write_state(str(f), ["model.ckpt-4"]), 4, []),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_the_checkpoint_to_go_on_from(tmp_path, capsys, name):
    make, step, words = FAULTS[name]
    save_steps(tmp_path, 4, 8, 12)
    make(tmp_path)
    before = sorted(os.listdir(str(tmp_path)))
    expected = str(tmp_path / "model.ckpt-{}".format(step))
    assert recovery.newest_good(str(tmp_path)) == expected
    assert sorted(os.listdir(str(tmp_path))) == before, "a reader changed something"
    said = capsys.readouterr().out
    for word in words:
        assert word.format(tmp_path) in said
    assert recovery.recover(str(tmp_path)) == expected
    # TensorFlow's own choice, and a second start, give the same without a message.
    assert tf.train.latest_checkpoint(str(tmp_path)) == expected
    capsys.readouterr()
    assert recovery.recover(str(tmp_path)) == expected
    assert capsys.readouterr().out == ""
    gone = {"model.ckpt-{}".format(s) for s in (4, 8, 12) if s > step} if words else set()
    aside = tmp_path / "damaged"
    moved = {n.rsplit(".", 1)[0] for n in os.listdir(str(aside))} if aside.exists() else set()
    assert moved == gone


def test_all_damaged_is_an_error_and_a_first_save_cut_off_is_not(tmp_path):
    save_steps(tmp_path, 4, 8)
    for step in (4, 8):
        cut(tmp_path / "model.ckpt-{}.index".format(step), 40)
    with pytest.raises(UserError) as caught:
        recovery.recover(str(tmp_path))
    assert "no checkpoint in --output_dir" in str(caught.value)
    assert "model.ckpt-8, model.ckpt-4" in str(caught.value)
    os.remove(str(tmp_path / "checkpoint"))  # then no save was ever finished
    assert recovery.recover(str(tmp_path)) is None
    assert recovery.recover(str(tmp_path / "nowhere")) is None


def test_a_checkpoint_out_of_reach_is_not_taken_for_damaged(tmp_path, monkeypatch):
    save_steps(tmp_path, 4, 8)
    real = tf.io.gfile.GFile

    def unreachable(path, mode="r"):
        if path.endswith(DATA):
            raise tf.errors.UnavailableError(None, None, "the network is down")
        return real(path, mode)

    def unreadable(prefix, hint):
        raise UserError("checkpoint {} is damaged".format(prefix))

    monkeypatch.setattr(checkpoint, "verify", unreadable)
    monkeypatch.setattr(tf.io.gfile, "GFile", unreachable)
    with pytest.raises(UserError, match=r"cannot read .*: the network is down"):
        recovery.recover(str(tmp_path))
    assert (tmp_path / ("model.ckpt-8" + DATA)).exists()


def test_a_copied_folder_goes_on_from_its_own_files(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    save_steps(first, 4)
    recovery.write_state(str(first), [str(first / "model.ckpt-4")])
    shutil.copytree(str(first), str(second))
    assert recovery.recover(str(second)) == str(second / "model.ckpt-4")
    shutil.rmtree(str(first))
    assert tf.train.latest_checkpoint(str(second)) == str(second / "model.ckpt-4")


def test_debris_is_removed_and_nothing_else(tmp_path, capsys):
    save_steps(tmp_path, 4)
    kept = {"model.ckpt-4.index", "model.ckpt-4" + DATA, "checkpoint", "notes.txt", "best"}
    kept |= {"vocab.data-00000-of-00001", "bert_model.ckpt.meta", "run_config.json"}
    # Names that are not exactly those of a save are the user's.
    kept |= {"thesis.tmp", "checkpoint.tmp1f", "graph.pbtxt.tmp.txt", "model.ckpt-8.txt"}
    kept |= {"my.tempstate1", "model.ckpt-8.data-mine", ".quanci-mine.tmp"}
    unique = "0123456789abcdef" * 2
    debris = {"model.ckpt-8_temp", "model.ckpt-8" + DATA, "model.ckpt-6.meta"}
    debris |= {"checkpoint.tmp" + unique, "graph.pbtxt.tmp" + unique}
    debris |= {"model.ckpt-8" + DATA + ".tempstate123", ".quanci-0123456789abcdef.tmp"}
    for name in kept | debris:
        if not (tmp_path / name).exists():
            (tmp_path / name).write_bytes(b"x")
    os.remove(str(tmp_path / "model.ckpt-8_temp"))
    (tmp_path / "model.ckpt-8_temp").mkdir()
    (tmp_path / "model.ckpt-8_temp" / "part-00000-of-00001.index").write_bytes(b"x")
    folders = {"model.ckpt-9_temp_" + unique, "x_temp", "model.ckpt-9_temp"}
    for name in folders:
        (tmp_path / name).mkdir()
    (tmp_path / "model.ckpt-9_temp" / "mine.txt").write_text("x")
    recovery.recover(str(tmp_path))
    kept |= {"x_temp", "model.ckpt-9_temp"}
    assert set(os.listdir(str(tmp_path))) == kept
    assert os.listdir(str(tmp_path / "model.ckpt-9_temp")) == ["mine.txt"]
    assert "model.ckpt-8_temp" in capsys.readouterr().out


def test_a_checkpoint_that_a_save_has_dropped_is_removed(tmp_path, capsys):
    """The process died between the state file and the removal."""
    save_steps(tmp_path, 4, 8, 12)
    recovery.write_state(str(tmp_path), ["model.ckpt-8", "model.ckpt-12"])
    for kept in (None, 3):  # the state file is not full: another one may belong to the run
        recovery.recover(str(tmp_path), kept)
        assert (tmp_path / "model.ckpt-4.index").exists()
    recovery.write_state(str(tmp_path), ["model.ckpt-8", "model.ckpt-12"])
    assert "removed" not in capsys.readouterr().out
    recovery.recover(str(tmp_path), 2)
    assert "removed {}, which a save".format(tmp_path / "model.ckpt-4") in capsys.readouterr().out
    names = {name for name in os.listdir(str(tmp_path)) if "ckpt" in name}
    assert names == {"model.ckpt-{}{}".format(s, e) for s in (8, 12) for e in (".index", DATA)}
    # A user who goes back loses nothing.
    recovery.write_state(str(tmp_path), ["model.ckpt-8"])
    assert recovery.recover(str(tmp_path), 1) == str(tmp_path / "model.ckpt-8")
    assert (tmp_path / "model.ckpt-12.index").exists()


def test_a_damaged_checkpoint_that_was_half_set_aside(tmp_path):
    save_steps(tmp_path, 4, 8)
    (tmp_path / "damaged").mkdir()
    os.rename(str(tmp_path / ("model.ckpt-8" + DATA)), str(tmp_path / "damaged" / "data"))
    assert recovery.recover(str(tmp_path)) == str(tmp_path / "model.ckpt-4")
    assert sorted(os.listdir(str(tmp_path / "damaged"))) == ["data", "model.ckpt-8.index"]


def test_debris_in_the_folders_below_is_removed(tmp_path):
    save_steps(tmp_path, 4)
    for folder in ("best", "damaged", "mended"):
        (tmp_path / folder).mkdir()
        for name in (".quanci-0123456789abcdef.tmp", "mine.tmp"):
            (tmp_path / folder / name).write_bytes(b"x")
    recovery.recover(str(tmp_path))
    for folder in ("best", "damaged", "mended"):
        assert os.listdir(str(tmp_path / folder)) == ["mine.tmp"]


def test_the_folder_of_a_user_is_kept(tmp_path):
    (tmp_path / "thesis.tmp").mkdir()
    (tmp_path / "thesis.tmp" / "chapter1").write_text("x")
    (tmp_path / "model.ckpt-3.meta").mkdir()
    recovery.recover(str(tmp_path))
    assert sorted(os.listdir(str(tmp_path))) == ["model.ckpt-3.meta", "thesis.tmp"]
    assert os.listdir(str(tmp_path / "thesis.tmp")) == ["chapter1"]


def test_a_file_that_is_being_written_is_kept(tmp_path):
    with outputs.replacing(str(tmp_path / "predictions.jsonl")) as f:
        f.write(b"x")
        recovery.recover(str(tmp_path))
    assert (tmp_path / "predictions.jsonl").read_bytes() == b"x"


def test_runs_go_on_as_if_nothing_had_happened(tmp_path):
    """Through the script: the weights at the end are those of the run without a fault."""
    write_records(tmp_path / "train.tfrecord", learnable_records(50))
    write_json(tmp_path / "config.json", dict(TINY_CONFIG, hidden_dropout_prob=0.1))

    def line(name, **changes):
        settings = {"output_dir": str(tmp_path / name), "num_train_steps": 12}
        return flags_of(tmp_path, save_checkpoints_steps=4, **dict(settings, **changes))

    ((code, _, err),) = run_many([line("straight")])
    assert (code, err) == (0, ""), err
    names = ("data", "index", "state", "debris")
    for name in names:
        shutil.copytree(str(tmp_path / "straight"), str(tmp_path / name))
    damage(tmp_path / "data" / ("model.ckpt-12" + DATA))
    cut(tmp_path / "index" / "model.ckpt-12.index", 99)
    os.remove(str(tmp_path / "state" / "checkpoint"))
    os.remove(str(tmp_path / "state" / "model.ckpt-12.index"))
    recovery.write_state(str(tmp_path / "debris"), ["model.ckpt-4"])
    (tmp_path / "debris" / "model.ckpt-12_temp").mkdir()
    done = run_many([line("data", do_train=False, do_eval=True)] + [line(name) for name in names])
    assert [code for code, _, _ in done] == [0] * 5, done
    assert "evaluating {}".format(tmp_path / "data" / "model.ckpt-8") in done[0][1]
    for name, (_, out, _) in zip(names, done[1:]):
        step = 4 if name == "debris" else 8
        assert "RESUME: continuing from {}".format(tmp_path / name) in out
        assert "(step {})".format(step) in out, out
    straight = checkpoint_values(tmp_path / "straight" / "model.ckpt-12")
    for name in names:
        again = checkpoint_values(tmp_path / name / "model.ckpt-12")
        for variable, value in straight.items():
            np.testing.assert_array_equal(again[variable], value, err_msg=variable)
