"""Folders that conversions write: the one of before whole, or the new one, and nothing else."""

import os
import socket

import pytest
import tensorflow.compat.v1 as tf

from common import locks
from common.errors import UserError
from modeling.conversion import folders

pytestmark = pytest.mark.tf1
OLD, NEW = {"a": "old", "b": "old"}, {"b": "new", "c": "new!"}
NAMES = ["hf", "a[1]", "a*b", "a?", "{b}", "back\\slash", " blank ", "new\nline", "-dash", "%s'\""]
NAMES += ["词表", "n" * 240, "a,b"]


def to(folder, kind="a model", **options):
    return folders.Destination("--dump={}".format(folder), str(folder), kind, **options)


def write(destination, content, sources=()):
    """Writes a folder as a conversion does."""
    with folders.staged(destination, sources) as scratch:
        for name, text in content.items():
            with open(os.path.join(scratch, name), "w") as f:
                f.write(text)
        folders.publish(scratch, destination)


def content_of(folder):
    return {name: (folder / name).read_text() for name in os.listdir(str(folder)) if name[0] != "."}


def refusal(destination, sources=()):
    with pytest.raises(UserError) as caught:
        folders.check(destination, sources)
    with pytest.raises(UserError) as again, folders.staged(destination, sources):
        raise AssertionError("it is written")
    assert str(again.value) == str(caught.value)
    message = str(caught.value)
    assert message.startswith(destination.what + ": ") and "\n" not in message
    return message


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_replaced_as_a_whole(tmp_path, name):
    place = tmp_path / "deep" / name
    for content in (OLD, NEW, OLD):
        write(to(place), content)
        assert content_of(place) == content
        assert sorted(os.listdir(str(place)))[0] == folders.RECORD
        assert os.listdir(str(tmp_path / "deep")) == [name]


def test_a_folder_that_is_empty_or_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for content in (OLD, NEW):
        write(to(tmp_path / "link"), content)
        assert content_of(tmp_path / "real") == content and (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(str(tmp_path))) == ["link", "real"]


def test_files_of_others_are_named(tmp_path):
    place = tmp_path / "hf"
    place.mkdir()
    (place / "config.json").write_text("{}")
    assert refusal(to(place)) == (
        "--dump={0}: {0} holds config.json, which no conversion wrote, and the directory would be "
        "replaced as a whole; move the file elsewhere, or name another directory".format(place)
    )
    (place / "config.json").unlink()
    write(to(place), OLD)
    for text in ("mine", "own"):  # the second is as long as what was written
        (place / "a").write_text(text)
        message = refusal(to(place))
        assert "{}/a has been changed since a conversion wrote it, and".format(place) in message
    (place / "a").unlink()
    (place / "a").symlink_to("b")
    assert "/a has been changed" in refusal(to(place))
    (place / "a").unlink()
    (place / "notes").mkdir()
    assert "hf holds notes, which no conversion wrote" in refusal(to(place))
    (place / "notes").rmdir()
    write(to(place), NEW)
    assert content_of(place) == NEW


@pytest.mark.parametrize("record", ["", "{", "[]", '{"program": "x"}', '{"files": {"a": 3}}'])
def test_a_record_that_no_conversion_wrote(tmp_path, record):
    write(to(tmp_path / "hf"), OLD)
    (tmp_path / "hf" / folders.RECORD).write_text(record)
    assert ".quanci.json, which no conversion wrote" in refusal(to(tmp_path / "hf"))


def test_results_of_another_kind_stay(tmp_path):
    write(to(tmp_path / "x", "the checkpoint a"), OLD)
    assert refusal(to(tmp_path / "x", "the checkpoint b")) == (
        "--dump={0}: {0} holds the checkpoint a of an earlier conversion, not the checkpoint b; "
        "name another directory".format(tmp_path / "x")
    )


def test_sources_are_no_destination(tmp_path):
    write(to(tmp_path / "x"), OLD)
    (tmp_path / "link").symlink_to("x")
    for source in ("x/model.ckpt", "x/a", "x/", "link/vocab.txt"):
        path = "{}/{}".format(tmp_path, source)
        message = refusal(to(tmp_path / "x"), [None, path])
        assert "{} lies there and is converted; name another".format(path.rstrip("/")) in message
    write(to(tmp_path / "y"), NEW, [str(tmp_path / "x" / "a"), "gs://x/a"])
    write(to(tmp_path / "y"), OLD, [str(tmp_path / "a")])


def test_places_that_are_no_folder(tmp_path, monkeypatch):
    os.mkfifo(str(tmp_path / "pipe"))
    (tmp_path / "file").write_text("")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    for path, kind in (
        ("/dev/null", "a device"),
        ("/dev/stdout", "a device"),
        (str(tmp_path / "pipe"), "a named pipe"),
        (str(tmp_path / "socket"), "a socket"),
        (str(tmp_path / "file"), "a file"),
    ):
        for place in (path, path + "/deep/er"):
            message = "--dump={}: {} is {}; name another directory".format(place, path, kind)
            assert refusal(to(place)) == message
    listener.close()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(str(tmp_path / "here"))
    for place in (".", str(tmp_path / "here"), "..", "/"):
        assert "{} holds the current directory and cannot".format(place) in refusal(to(place))
    assert "/proc is mounted and cannot be replaced" in refusal(to("/proc"))
    write(to("new"), NEW)
    assert content_of(tmp_path / "here" / "new") == NEW


def test_names_that_are_too_long(tmp_path):
    message = refusal(to(tmp_path / "x", longest="n" * 250 + ".index"))
    assert "a name of 256 bytes is longer than" in message
    assert "a name of 256 bytes is longer" in refusal(to(tmp_path / ("n" * 256)))
    assert os.listdir(str(tmp_path)) == []


def test_a_failed_conversion_leaves_nothing(tmp_path):
    write(to(tmp_path / "old"), OLD)
    for place in (tmp_path / "new" / "deep" / "x", tmp_path / "old"):
        with pytest.raises(ValueError, match="no"), folders.staged(to(place)) as scratch:
            with open(os.path.join(scratch, "a"), "w") as f:
                f.write("half")
            raise ValueError("no")
        assert os.listdir(str(tmp_path)) == ["old"] and content_of(tmp_path / "old") == OLD


def test_two_conversions_of_one_folder(tmp_path):
    with folders.staged(to(tmp_path / "x")) as scratch:
        with pytest.raises(UserError, match=r"x: another process is writing .*/x; wait for it"):
            write(to(tmp_path / "x"), OLD)
        write(to(tmp_path / "y"), OLD)
        folders.publish(scratch, to(tmp_path / "x"))
        write(to(tmp_path / "x"), NEW)  # the next one does not wait for what is left to do
    assert content_of(tmp_path / "x") == NEW
    assert sorted(os.listdir(str(tmp_path))) == ["x", "y"]


class Killed(BaseException):
    pass


def killed_before(number, monkeypatch):
    """Renames and removals end from the `number`th on, as if the process were gone."""
    done = [0]

    def counted(real):
        def call(*arguments):
            done[0] += 1
            if done[0] >= number:
                raise Killed
            return real(*arguments)

        return call

    for name in ("rename", "remove", "rmdir", "unlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return done


@pytest.mark.parametrize("first", [None, {}, OLD])
def test_killed_before_every_rename_and_removal(tmp_path, monkeypatch, first):
    """What is there is the old folder, the new one, or none; the same again ends as if alone."""
    for number in range(1, 20):
        place = tmp_path / str(number) / "x"
        place.parent.mkdir()
        if first is not None:
            place.mkdir()
        if first:
            write(to(place), first)
        before = content_of(place) if place.exists() else None
        with monkeypatch.context() as patch:
            done = killed_before(number, patch)
            try:
                write(to(place), NEW)
            except Killed:
                assert not place.exists() or content_of(place) in (before, NEW)
        write(to(place), NEW)
        assert content_of(place) == NEW and os.listdir(str(place.parent)) == ["x"]
        if done[0] < number:
            break
    else:
        raise AssertionError("it never ends")
    assert number > (4 if first else 1)


def test_a_folder_between_two_names_is_put_back(tmp_path, monkeypatch):
    """Even where the conversion that finds it fails."""
    write(to(tmp_path / "x"), OLD)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_before(2, patch)
        write(to(tmp_path / "x"), NEW)
    assert not (tmp_path / "x").exists()
    with pytest.raises(ValueError, match="no"), folders.staged(to(tmp_path / "x")):
        raise ValueError("no")
    assert content_of(tmp_path / "x") == OLD and os.listdir(str(tmp_path)) == ["x"]


def test_files_that_come_while_a_folder_is_replaced_stay(tmp_path, monkeypatch):
    write(to(tmp_path / "x"), OLD)
    check = folders._check_content
    (tmp_path / "x" / "notes").write_text("mine")
    monkeypatch.setattr(folders, "_check_content", lambda *_: None)
    with pytest.raises(UserError, match=r"\.old is a directory of before, and holds notes, which"):
        write(to(tmp_path / "x"), NEW)
    monkeypatch.setattr(folders, "_check_content", check)
    (old,) = [name for name in os.listdir(str(tmp_path)) if name.endswith(".old")]
    assert content_of(tmp_path / "x") == NEW and content_of(tmp_path / old) == {"notes": "mine"}
    with pytest.raises(UserError, match="holds notes, which no conversion wrote; move it"):
        write(to(tmp_path / "x"), OLD)
    os.rename(str(tmp_path / old / "notes"), str(tmp_path / "notes"))
    write(to(tmp_path / "x"), OLD)
    assert sorted(os.listdir(str(tmp_path))) == ["notes", "x"]


def test_the_lock_is_of_the_folder_that_is_written(tmp_path):
    """Not of the one that took its place: a reader may be as slow as it likes."""
    write(to(tmp_path / "x"), OLD)
    with locks.take(str(tmp_path / "x" / folders.RECORD)):
        write(to(tmp_path / "x"), NEW)
    assert content_of(tmp_path / "x") == NEW


def test_a_remote_folder_is_written_once(tmp_path):
    """ram:// is a remote file system to us as gs:// is."""
    if tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 1.15 has no ram://")
    destination = to("ram://conversion/x")
    for _ in range(2):  # one that failed leaves nothing that is in the way
        with pytest.raises(ValueError, match="no"), folders.staged(destination):
            raise ValueError("no")
    with folders.staged(destination) as scratch:
        for name in ("x.index", "x.data-00000-of-00001"):
            with tf.io.gfile.GFile(os.path.join(scratch, name), "w") as f:
                f.write(name)
        folders.publish(scratch, destination)
    names = tf.io.gfile.listdir("ram://conversion/x")
    assert sorted(names) == ["x.data-00000-of-00001", "x.index"]
    message = refusal(destination)
    assert "x holds x.data-00000-of-00001; a remote directory is written where nothing" in message
