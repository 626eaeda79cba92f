"""The file of a training's log: only of a run that trains, appended to, never in the way."""

import re

import pytest

from common import log

pytestmark = pytest.mark.tf1


@pytest.fixture(autouse=True)
def no_log_file_is_left():
    yield
    log.close_log_file()


def lines_of(folder):
    lines = (folder / "log.txt").read_text(encoding="utf-8").splitlines()
    stamp = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)")
    return [stamp.fullmatch(line).group(1) for line in lines]


def test_lines_are_held_until_the_run_trains_and_appended(tmp_path, capsys):
    for start in (1, 2):
        log.hold_lines()
        log.log("start {}".format(start))
        log.name_log_file(str(tmp_path))
        log.warn("held")
        assert start == 2 or not (tmp_path / "log.txt").exists()
        log.open_log_file()
        log.open_log_file()  # of a second trial
        log.log("at \x1b[1m once")
        assert lines_of(tmp_path)[-1] == "at \\x1b[1m once"
        log.record("for the file alone")
        log.close_log_file()
        log.log("afterwards")
    held = ["WARNING: held", "at \\x1b[1m once", "for the file alone"]
    assert lines_of(tmp_path) == ["start 1", *held, "start 2", *held]
    assert "for the file alone" not in capsys.readouterr().out


def test_a_run_that_is_refused_leaves_no_file(tmp_path):
    log.hold_lines()
    log.name_log_file(str(tmp_path))
    log.log("refused")
    log.close_log_file()
    log.hold_lines()
    log.open_log_file()  # nothing is named yet
    log.name_log_file("gs://bucket/out")
    log.open_log_file()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path, capsys):
    log.hold_lines()
    log.name_log_file(str(tmp_path / "gone"))
    log.open_log_file()
    log.log("goes on")
    out = capsys.readouterr().out
    assert "WARNING: cannot write {}".format(tmp_path / "gone" / "log.txt") in out
    (tmp_path / "log.txt").symlink_to("/dev/full")
    log.hold_lines()
    log.name_log_file(str(tmp_path))
    log.log("held")
    log.open_log_file()
    log.log("goes on, too")
    out = capsys.readouterr().out
    assert "log.txt ends here: No space left on device" in out and "goes on, too" in out
