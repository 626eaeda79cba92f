"""What reaches a terminal, and streams that are closed or full."""

import io
import os
import sys

import pytest

from common import terminal
from common.errors import UserError
from common.log import log, warn

pytestmark = pytest.mark.tf1


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


class Left(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天 a é", "今天 a é"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x9b31m \x7f \x85", "\\x9b31m \\x7f \\x85"),
        ("\u202etxt.exe\u2066 \u200f \u2028", "\\u202etxt.exe\\u2066 \\u200f \\u2028"),
        ("\udce4", "\\udce4"),
        (UserError("wrong\n"), "wrong\\n"),
    ],
)
def test_one_printable_line(text, expected):
    assert terminal.printable(text) == expected
    assert terminal.printable(text).isprintable()


def test_everything_that_is_said_is_printable(capsys):
    terminal.say("\x1b[2J")
    terminal.complain("\x9b2J")
    log("tag \x1b]0;title\x07")
    warn("\u202e")
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "\\x1b[2J" and err == "\\x9b2J\n"
    assert out.splitlines()[1].endswith("tag \\x1b]0;title\\x07")
    assert out.splitlines()[2].endswith("WARNING: \\u202e")


def test_output_on_a_full_disk(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Full())
    message = "cannot write to standard output: No space left on device"
    with pytest.raises(UserError, match=message):
        terminal.say("a")
    with pytest.raises(UserError, match=message):
        log("a")
    monkeypatch.setattr(sys, "stderr", sys.stdout)  # where results go to standard output
    with pytest.raises(UserError, match="cannot write to standard error: "):
        log("a")


def test_a_reader_that_left_is_no_failure_of_ours(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Left())
    with pytest.raises(BrokenPipeError):
        terminal.say("a")


@pytest.mark.parametrize("stream", [None, Full()])
def test_a_complaint_finds_its_way(monkeypatch, capsys, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    terminal.complain("error: a")
    assert capsys.readouterr().out == "error: a\n"
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.complain("error: a")  # nobody is there


def test_closed_streams_are_the_null_device(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        assert not terminal.is_closed(getattr(sys, name))
        monkeypatch.setattr(sys, name, None)
        assert terminal.is_closed(None)
    terminal.open_closed()
    try:
        assert all(map(terminal.is_closed, (sys.stdin, sys.stdout, sys.stderr)))
        assert sys.stdin.read() == "" and not sys.stderr.isatty()
        terminal.say("a")
        terminal.flush()
    finally:
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()


def test_what_cannot_be_written_is_dropped(monkeypatch):
    """The interpreter writes what is left at its end."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        full.write("a")
        with pytest.raises(UserError, match="cannot write to standard output"):
            terminal.flush()
        terminal.drop_unwritable()
        assert os.path.samestat(os.fstat(full.fileno()), os.stat(os.devnull))
        full.flush()
