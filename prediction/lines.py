"""Input and output of a prediction: lines of text, lines of JSON."""

import contextlib
import json
import os
import re
import sys
import typing

from common import files, outputs, packed, terminal
from common.errors import UserError

_CHUNK = 1 << 20  # bytes
STANDARD_INPUT = "standard input"
# What JSON does not escape and a terminal does not print: DEL and the control characters after it,
# and those that end a line or change the direction of writing.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Line(typing.NamedTuple):
    """A line of input.

    Attributes:
      text: without the end of the line.
      number: of the line, from 1.
      source: name of its file, for messages.
    """

    text: str
    number: int
    source: str

    @property
    def where(self):
        """The name of the line in messages."""
        return "{} line {}".format(self.source, self.number)


def read_lines(path):
    """Reads a text file line by line.

    Args:
      path: file name, local or remote, compressed where it ends in .gz or .bz2; None or "-" for
        standard input.

    Yields:
      Line.

    Raises:
      UserError: the file cannot be read, or a line is not UTF-8.
    """
    source = STANDARD_INPUT if _is_stream(path) else path
    try:
        with _opened(path) as reader:
            for number, content in files.lines(reader, source):
                yield Line(_decode(content, number, source), number, source)
    except files.failures() as error:
        raise UserError(
            "cannot read {} (--input_file): {}".format(source, files.reason(error))
        ) from None


def check_beginning(path):
    """Reads the first line of a file, before a model is loaded for it; not of streams and pipes,
    which can be read once only.

    Raises:
      UserError: see read_lines.
    """
    if not _is_stream(path) and not _is_pipe(path):
        next(read_lines(path), None)


def _is_pipe(path):
    is_known = os.path.isfile(path) or os.path.isdir(path)
    return os.path.exists(path) and not is_known


def count_lines(path):
    """The number of lines of a local file that is not compressed; None for all else, which is read
    once only."""
    if _is_stream(path) or files.is_remote(path) or packed.is_packed(path):
        return None
    if not os.path.isfile(path):
        return None
    count, last = 0, b"\n"
    try:
        with open(path, "rb") as reader:
            for chunk in iter(lambda: reader.read(_CHUNK), b""):
                count, last = count + chunk.count(b"\n"), chunk[-1:]
    except OSError:  # read_lines tells of it
        return None
    return count + (last != b"\n")


class ResultFile:
    """A file of JSON lines that gets its name only when it is complete; a context manager.

    A device or a named pipe (/dev/null, /dev/stdout) is written to as it is, and never replaced.
    """

    def __init__(self, path):
        """`path`: file name, compressed where it ends in .gz or .bz2; None or "-": standard output.

        Raises (as the other methods): UserError: it cannot be written.
        """
        # By its name: opened anew it would be written over, if it is a file of messages, too.
        self.is_stream = _is_stream(path) or path in ("/dev/stdout", "/dev/fd/1")
        self._path = path
        self._closing = contextlib.ExitStack()

    def __enter__(self):
        with self._failures():
            # Refused now, not after everything is computed.
            if not self.is_stream and files.is_directory(self._path):
                raise UserError("--output_file {} is a directory; name a file".format(self._path))
            self._file = self._opened()
        return self

    def _opened(self):
        if self.is_stream:
            if terminal.is_closed(sys.stdout):
                raise UserError("standard output is closed; name a file: --output_file")
            return sys.stdout.buffer
        if outputs.special_kind(self._path):
            # Appended to: what /dev/stderr is may hold messages already.
            stored = self._closing.enter_context(files.open_file(self._path, "ab"))
        else:
            stored = self._closing.enter_context(outputs.replacing(self._path))
        if not packed.is_packed(self._path):
            return stored
        return self._closing.enter_context(packed.packing(self._path, stored))

    def write(self, results):
        """Writes a line for each dict of `results`, any iterable, and flushes."""
        for result in results:
            with self._failures():
                self._file.write(_json_line(result).encode("utf-8"))
        with self._failures():
            self._file.flush()

    def __exit__(self, *error):
        with self._failures():
            self._closing.__exit__(*error)

    @contextlib.contextmanager
    def _failures(self):
        try:
            yield
        except BrokenPipeError:  # no failure: the reader of the pipe has closed it
            raise
        except files.failures() as error:
            raise UserError(
                "cannot write --output_file {}: {}".format(
                    "(standard output)" if self.is_stream else self._path, files.reason(error)
                )
            ) from None


def check_different(input_file, output_file):
    """Refuses to write over the file that is read.

    Raises:
      UserError: they are one file.
    """
    if _is_stream(input_file) or _is_stream(output_file):
        return
    if os.path.realpath(input_file) == os.path.realpath(output_file):
        raise UserError("--output_file {} is --input_file; give another name".format(output_file))


def _json_line(result):
    """A line of JSON that a terminal can show."""
    text = json.dumps(result, ensure_ascii=False, allow_nan=False)
    return _UNPRINTABLE.sub(lambda match: "\\u{:04x}".format(ord(match.group())), text) + "\n"


def _is_stream(path):
    return not path or path == "-"


@contextlib.contextmanager
def _opened(path):
    """A binary file by name, for reading; without a name standard input, left open."""
    if _is_stream(path):
        if terminal.is_closed(sys.stdin):
            raise UserError("standard input is closed; name a file: --input_file")
        yield sys.stdin.buffer
        return
    with packed.opened(path) as reader:
        yield reader


def _decode(content, number, source):
    try:
        text = content.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            "{} line {} is not UTF-8 (byte 0x{:02x}); convert it, for instance with "
            "iconv -f GB18030 -t UTF-8".format(source, number, content[error.start])
        ) from None
    text = text[:-1] if text.endswith("\n") else text
    return text[:-1] if text.endswith("\r") else text
