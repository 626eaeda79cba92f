"""Locks of folders: one holder, and none that holds a file which is no longer there."""

import contextlib
import multiprocessing
import os

import pytest

from common import locks

pytestmark = pytest.mark.tf1


def test_one_holder_until_it_lets_go(tmp_path):
    path = str(tmp_path / "new" / "lock")
    held = locks.take(path)
    assert locks.take(path) is None
    held.close()
    locks.take(path).close()


def take_and_remove(path, times, counted):
    """Removes lock and folder as its holder; nobody else may be in between."""
    for _ in range(times):
        held = locks.take(path)
        if held is None:
            continue
        with counted.get_lock():
            counted.value += 1
        assert locks.take(path) is None
        os.unlink(path)
        with contextlib.suppress(OSError):  # another process has begun already
            os.rmdir(os.path.dirname(path))
        held.close()


def test_a_lock_that_its_holder_removes(tmp_path):
    path, counted = str(tmp_path / "folder" / "lock"), multiprocessing.Value("i", 0)
    workers = [
        multiprocessing.Process(target=take_and_remove, args=(path, 300, counted)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0] and counted.value > 100
    assert os.listdir(str(tmp_path)) in ([], ["folder"])


def test_a_file_that_has_taken_its_name(tmp_path):
    path = str(tmp_path / "lock")
    with locks.take(path) as held:
        assert locks.is_at(held, path)
        os.unlink(path)
        assert not locks.is_at(held, path)
        with locks.take(path) as other:
            assert locks.is_at(other, path) and not locks.is_at(held, path)


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "folder").write_text("")
    with pytest.raises(FileExistsError):
        locks.take(str(tmp_path / "folder" / "lock"))
