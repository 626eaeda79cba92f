"""Checkpoints that stay readable while others remove them, and names that are no patterns."""

import os
import shutil

import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import WORDS, save
from rotation import rotating

from common import literal_paths
from common.errors import UserError
from modeling import checkpoint, checkpoint_files
from training.checkpoints import recovery

pytestmark = pytest.mark.tf1

DATA = ".data-00000-of-00001"


def remove(prefix):
    for ending in (".index", DATA):
        os.remove(prefix + ending)


def test_a_held_checkpoint_outlives_its_files(tmp_path):
    prefix = save(tmp_path / "model.ckpt-5", {WORDS: [9, 4]}, step=5)
    assert checkpoint.hold(str(tmp_path)) == prefix
    remove(prefix)
    checkpoint.verify(prefix)
    assert checkpoint.saved_step(prefix) == 5
    with tf.Graph().as_default(), tf.Session() as session:
        words = tf.get_variable(WORDS, shape=[9, 4])
        checkpoint.initialize(prefix, {WORDS: WORDS})
        session.run(words.initializer)
    # Another of that name is read from its own files.
    save(tmp_path / "model.ckpt-5", {WORDS: [7, 4]}, step=6)
    assert checkpoint.saved_step(prefix) == 6
    assert checkpoint.read_shapes(prefix)[WORDS] == [7, 4]


def test_messages_name_the_original(tmp_path):
    prefix = save(tmp_path / "model.ckpt-5", {WORDS: [900, 4]})
    with open(prefix + DATA, "r+b") as f:
        f.seek(-8, os.SEEK_END)
        f.write(b"\x55\x55")
    checkpoint.hold(prefix)
    with pytest.raises(UserError) as caught:
        checkpoint.verify(prefix)
    assert "cannot be read from {}.data-*".format(prefix) in str(caught.value)
    os.remove(prefix + DATA)  # no training removes it before the index
    assert checkpoint.hold(prefix) == prefix
    with pytest.raises(UserError) as caught:
        checkpoint.read_shapes(prefix)
    assert str(caught.value).endswith("is incomplete: {}{} is missing".format(prefix, DATA))


def test_readers_of_a_folder_in_which_checkpoints_come_and_go(tmp_path):
    model = save(tmp_path / "model", {WORDS: [900, 40]}, step=3)
    folder = tmp_path / "out"
    folder.mkdir()
    seen = set()
    with rotating(model, folder, pause=0.001):
        for _ in range(1000):  # a busy machine may take its time over the other process
            for find in (checkpoint.hold, recovery.newest_good):
                prefix = find(str(folder))
                seen.add(prefix)
                checkpoint.verify(prefix)
                assert checkpoint.saved_step(prefix) == 3
            assert checkpoint.latest(str(folder)).startswith(str(folder))
            if len(seen) > 20:
                break
    assert len(seen) > 20


def test_a_folder_that_nothing_changes_is_looked_at_once(tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-5"\n')
    calls = []

    def choose():
        calls.append(1)
        return checkpoint.resolve(str(tmp_path)), True

    with pytest.raises(UserError, match=r"names model\.ckpt-5, which is not in that directory"):
        checkpoint_files.chosen_while_it_changes(str(tmp_path), choose)
    assert calls == [1]


@pytest.mark.parametrize("find", [checkpoint.resolve, checkpoint.hold, checkpoint.latest])
def test_a_checkpoint_is_replaced_after_the_state_file_was_read(tmp_path, monkeypatch, find):
    old = save(tmp_path / "model.ckpt-5", {WORDS: [9, 4]}, step=5)
    tf.train.update_checkpoint_state(str(tmp_path), "model.ckpt-5")
    listed, calls = checkpoint.listed, []

    def then_replaced(folder):
        in_state = listed(folder)
        calls.append(in_state)
        if len(calls) == 1:
            save(tmp_path / "model.ckpt-10", {WORDS: [9, 4]}, step=10)
            tf.train.update_checkpoint_state(str(tmp_path), "model.ckpt-10")
            remove(old)
        return in_state

    monkeypatch.setattr(checkpoint, "listed", then_replaced)
    assert find(str(tmp_path)) == str(tmp_path / "model.ckpt-10")
    assert calls[0] == [old]


@pytest.mark.parametrize("odd", ["a[1]", "a*", "a?", "{a}", "a\\b", "a[", "ab\n[1] 中 '\"%s"])
def test_names_that_are_patterns(tmp_path, odd):
    """In the folder's name and in the checkpoint's own; reading and writing."""
    plain = save(tmp_path / "plain", {WORDS: [9, 4]}, step=5)
    folder = tmp_path / odd
    folder.mkdir()
    for name in ("model.ckpt-5", odd):
        for ending in (".index", DATA):
            shutil.copy(plain + ending, str(folder / name) + ending)
        prefix = str(folder / name)
        checkpoint.verify(prefix)
        assert checkpoint.saved_step(prefix) == 5
    place = literal_paths.folder(str(folder))
    assert not literal_paths.has_pattern(place)
    assert os.path.samefile(place, str(folder))
    assert literal_paths.folder(str(folder)) == place
    text = "{}/model.ckpt-5; No space left".format(place)
    assert literal_paths.shown(text) == "{}/model.ckpt-5; No space left".format(folder)


def test_plain_names_are_left_alone():
    assert literal_paths.folder("out dir/-x") == "out dir/-x"
    assert checkpoint_files.place("out/model.ckpt-5") == "out/model.ckpt-5"
    assert checkpoint_files.place("gs://bucket/out/model.ckpt-5") == "gs://bucket/out/model.ckpt-5"


@pytest.mark.parametrize("path", ["gs://bucket/run[1]/model.ckpt-5", "gs://bucket/model[1]"])
def test_remote_names_that_are_patterns_are_refused(path):
    with pytest.raises(UserError, match="which TensorFlow takes for a pattern; give it another"):
        checkpoint_files.place(path)


def test_a_folder_for_temporary_files_that_is_a_pattern(tmp_path, monkeypatch):
    monkeypatch.setattr(literal_paths, "_scratch", literal_paths._Scratch())
    monkeypatch.setattr(literal_paths.tempfile, "gettempdir", lambda: str(tmp_path / "t[1]"))
    with pytest.raises(UserError, match="set TMPDIR to another"):
        literal_paths.folder(str(tmp_path / "run[1]"))
