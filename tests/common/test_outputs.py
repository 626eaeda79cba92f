"""Files appear whole or not at all, beside other writers and in place of what is no file."""

import multiprocessing
import os
import socket
import stat

import pytest

from common import outputs
from common.errors import UserError

pytestmark = pytest.mark.tf1
LONG = "n" * 240


def names_in(folder):
    return sorted(os.listdir(str(folder)))


def write(path, content=b"new", **options):
    with outputs.replacing(str(path), **options) as f:
        f.write(content)


@pytest.mark.parametrize("name", ["f", LONG, "a[1]*?{b}", " -%s\n\"'\\", "词表", ".f"])
def test_a_file_is_there_when_it_is_whole(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    with outputs.replacing(str(path)) as f:
        f.write(b"new")
        f.flush()
        assert path.read_bytes() == b"old"
        (temporary,) = set(names_in(tmp_path)) - {name}
        assert outputs.is_temporary(temporary)
    assert path.read_bytes() == b"new" and names_in(tmp_path) == [name]
    with pytest.raises(ValueError, match="no"), outputs.replacing(str(path)) as f:
        f.write(b"half")
        raise ValueError("no")
    assert path.read_bytes() == b"new" and names_in(tmp_path) == [name]


def test_two_writers_of_one_file(tmp_path):
    path = tmp_path / "f"
    with outputs.replacing(str(path)) as f:
        f.write(b"first")
        with pytest.raises(UserError, match=r"another process is writing .*/f; wait for it"):
            write(path)
        write(tmp_path / "g")  # other files are no concern of the lock
        with pytest.raises(UserError, match="another process"):
            write(path, wait_seconds=0.05)
    assert path.read_bytes() == b"first"
    write(path)
    assert path.read_bytes() == b"new" and names_in(tmp_path) == ["f", "g"]


def write_many(path, letter):
    for _ in range(200):
        outputs.write_atomically(path, letter * 5000)


def test_many_writers_leave_a_whole_file(tmp_path):
    path = tmp_path / "f"
    processes = [
        multiprocessing.Process(target=write_many, args=(str(path), letter)) for letter in "abc"
    ]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        assert not path.exists() or path.read_text() in ("a" * 5000, "b" * 5000, "c" * 5000)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert names_in(tmp_path) == ["f"]


def leave_debris(path):
    with outputs.replacing(path) as f:
        f.write(b"half")
        f.flush()
        os._exit(9)


def test_debris_of_a_killed_writer(tmp_path):
    path = tmp_path / "f"
    for _ in range(2):
        process = multiprocessing.Process(target=leave_debris, args=(str(path),))
        process.start()
        process.join()
        assert len(names_in(tmp_path)) == 1
    write(path)
    assert path.read_bytes() == b"new" and names_in(tmp_path) == ["f"]


def test_only_dead_debris_is_removed(tmp_path):
    process = multiprocessing.Process(target=leave_debris, args=(str(tmp_path / "f"),))
    process.start()
    process.join()
    others = [".quanci-mine.tmp", "thesis.tmp", ".quanci-0123456789abcdef.tmp.bak"]
    for name in others:
        (tmp_path / name).write_text("mine")
    with outputs.replacing(str(tmp_path / "g")) as f:
        removed = outputs.remove_debris(str(tmp_path))
        assert removed == [os.path.basename(outputs.temporary_path(str(tmp_path / "f")))]
        f.write(b"new")
    assert names_in(tmp_path) == sorted([*others, "g"])


def test_a_writer_whose_file_was_taken(tmp_path):
    """Where files cannot be locked, a second writer takes the place, and the first one says so."""
    path = str(tmp_path / "f")
    refused = pytest.raises(UserError, match="another process is writing")
    with refused, outputs.replacing(path) as f:
        f.write(b"first")
        os.unlink(outputs.temporary_path(path))
        with open(outputs.temporary_path(path), "wb") as second:
            second.write(b"half")
    assert not os.path.exists(path)
    with open(outputs.temporary_path(path), "rb") as second:
        assert second.read() == b"half"


def test_special_files_are_not_replaced(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    os.symlink("/dev/null", str(tmp_path / "link"))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "socket"))
    for path, kind in (
        ("/dev/null", "a device"),
        ("/dev/stdout", "a device"),
        ("/proc/self/fd/1", "a device"),
        (str(tmp_path / "link"), "a device"),
        (str(tmp_path / "pipe"), "a named pipe"),
        (str(tmp_path / "socket"), "a socket"),
        (str(tmp_path), "a directory"),
    ):
        with pytest.raises(UserError, match="is {}".format(kind)):
            write(path)
        with pytest.raises(UserError, match=r"\(--output_file\) is {}".format(kind)):
            outputs.check(path, "--output_file")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert names_in(tmp_path) == ["link", "pipe", "socket"]
    none = ("/dev/shm/none", "/proc/none", str(tmp_path))
    assert [outputs.special_kind(path) for path in none] == [None] * 3


def test_names_that_are_too_long(tmp_path):
    for path in (tmp_path / ("n" * 256), tmp_path / ("词" * 86), tmp_path / ("n" * 256) / "f"):
        with pytest.raises(UserError, match=r"a name of 25[68] bytes is longer than the 255"):
            outputs.check(str(path), "--output_file")
    outputs.check(str(tmp_path / ("n" * 255)))
    with pytest.raises(UserError, match=r"260 bytes with .data-00000-of-00001 is longer"):
        outputs.check_length(str(tmp_path / LONG), ending=".data-00000-of-00001")
    outputs.check("gs://bucket/" + "n" * 300)


def test_a_folder_is_removed_only_where_all_is_ours(tmp_path):
    folder = tmp_path / "parts"
    assert outputs.remove_folder(str(folder), lambda name: True) == []
    folder.mkdir()
    for name in ("unit-1", "notes"):
        (folder / name).write_text("x")
    (folder / "unit-2").mkdir()
    left = outputs.remove_folder(str(folder), lambda name: name.startswith("unit-"))
    assert left == names_in(folder) == ["notes", "unit-2"]
    (folder / "unit-2").rmdir()
    (folder / "notes").unlink()
    assert outputs.remove_folder(str(folder), lambda name: True) == []
    assert not folder.exists()


def test_folders_that_cannot_be_made(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    for place, kind in (
        ("/dev/null", "a device"),
        (str(tmp_path / "pipe"), "a named pipe"),
        (str(tmp_path / "file"), "a file"),
        (str(tmp_path / "link"), "a broken link"),
    ):
        for path in (place, place + "/deep/er"):
            with pytest.raises(UserError) as caught:
                outputs.check_folder(path, "--out=x")
            expected = "--out=x: {} is {}; name another directory".format(place, kind)
            assert str(caught.value) == expected
    with pytest.raises(UserError, match=r"^--out: a name of 256 bytes is longer"):
        outputs.check_folder(str(tmp_path / ("n" * 256) / "x"), "--out")
    (tmp_path / "to").symlink_to(".")
    for path in (tmp_path, tmp_path / "to", tmp_path / "new" / LONG, "new", "gs://b/" + 2 * LONG):
        outputs.check_folder(str(path), "--out")
