"""Where results go: files, streams, devices, pipes; and that a terminal can show them."""

import io
import json
import os
import stat
import sys
import threading
from unittest import mock

import pytest

from common.errors import UserError
from prediction.lines import ResultFile, count_lines, read_lines

pytestmark = pytest.mark.tf1


def test_a_device_is_written_to_and_stays_one():
    for path in ("/dev/null", "/dev/full"):
        before = os.lstat(path)
        try:
            with ResultFile(path) as results:
                results.write([{"a": 1}])
        except UserError as error:
            assert str(error) == "cannot write --output_file /dev/full: No space left on device"
        after = os.lstat(path)
        assert stat.S_ISCHR(after.st_mode) and after.st_ino == before.st_ino


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_named_pipe_is_written_to(tmp_path, is_whole):
    path, read = str(tmp_path / "pipe"), []
    os.mkfifo(path)

    def reader():
        with open(path, encoding="utf-8") as f:
            read.append(f.read())

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        with ResultFile(path) as results:
            results.write([{"a": 1}])
            if not is_whole:
                raise KeyError
    except KeyError:
        assert not is_whole
    thread.join(30)
    assert read == ['{"a": 1}\n']
    assert os.listdir(str(tmp_path)) == ["pipe"] and stat.S_ISFIFO(os.stat(path).st_mode)


@pytest.mark.parametrize("path", [None, "-", "/dev/stdout"])
def test_standard_output_is_the_stream(path):
    out = io.TextIOWrapper(io.BytesIO())
    with mock.patch.object(sys, "stdout", out), ResultFile(path) as results:
        assert results.is_stream
        results.write([{"a": 1}])
    assert out.buffer.getvalue() == b'{"a": 1}\n'


def test_two_predictions_into_one_file(tmp_path):
    path = tmp_path / "out.jsonl"
    with ResultFile(str(path)) as results:
        message = "another process is writing {}; wait for it".format(path)
        with pytest.raises(UserError, match=message), ResultFile(str(path)):
            pass
        results.write([{"a": 1}])
    assert path.read_text() == '{"a": 1}\n'


def test_a_terminal_can_show_the_results(tmp_path):
    text = "\x1b[31m\x07\x7f\x9b31m\u202e\u2066\u2028今天 \u00e9"
    with ResultFile(str(tmp_path / "out.jsonl")) as results:
        results.write([{"text": text}])
    line = (tmp_path / "out.jsonl").read_bytes().decode("utf-8")
    assert line[:-1].isprintable() and "今天 \u00e9" in line and line.endswith('"}\n')
    assert json.loads(line) == {"text": text}


def test_closed_streams_are_said():
    with open(os.devnull, "r+", encoding="utf-8") as closed:
        with mock.patch.object(sys, "stdin", closed):
            message = "standard input is closed; name a file: --input_file"
            with pytest.raises(UserError, match=message):
                list(read_lines("-"))
        with mock.patch.object(sys, "stdout", closed):
            message = "standard output is closed; name a file: --output_file"
            with pytest.raises(UserError, match=message), ResultFile(None):
                pass


def test_the_number_of_lines_is_that_of_what_is_read(tmp_path):
    for text in ("", "a", "a\n", "a\r\nb\n\nc"):
        (tmp_path / "lines.txt").write_bytes(text.encode())
        path = str(tmp_path / "lines.txt")
        assert count_lines(path) == len(list(read_lines(path)))
    assert [count_lines(path) for path in (None, "-", "gs://a/b", "a.gz", "/dev/null")] == [
        None
    ] * 5
