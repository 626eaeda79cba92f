"""Input files cut into work units, and the text of a unit.

A unit is a byte range that begins and ends at a document border, or several small files; a
compressed file (.gz, .bz2) is one unit. It does not depend on the number of workers: seeds,
shuffling and NSP's random documents stay inside it, so that the same input gives the same records
however many processes work.
"""

import io
import re
from typing import Callable, List, NamedTuple

from common import file_kinds, files, packed
from common.errors import UserError
from data.text.input_kinds import refuse_other_kind

UNIT_BYTES = 2 << 20
_WINDOW = 1 << 16
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n")
# The blank line before a CoNLL-U sentence with which a document begins.
_NEWDOC = re.compile(_BLANK_LINE.pattern + rb"(?=(?:#[^\n]*\n)*?#[ \t]*newdoc\b)")
_BOM = b"\xef\xbb\xbf"


class Range(NamedTuple):
    """Bytes start to end of a file as stored."""

    path: str
    start: int
    end: int


class Unit(NamedTuple):
    """The quantum of a worker: a range of a file, or several whole small files.

    Attributes:
      index: number of the unit, from 0.
      ranges: list of Range.
    """

    index: int
    ranges: List[Range]

    @property
    def size(self):
        """Bytes as stored."""
        return sum(r.end - r.start for r in self.ranges)


class Source(NamedTuple):
    """Part of a file's text.

    Attributes:
      content: bytes, UTF-8.
      path: for messages.
      lines_before: function that gives the number of lines of the file before the content.
    """

    content: bytes
    path: str
    lines_before: Callable[[], int]

    def line(self, number):
        """A line of the content, counted from 1, for messages."""
        return files.line_of(self.path, self.lines_before() + number)


def _behind(pattern):
    """A function of bytes: the offset after the first match, None without one."""

    def find(content):
        match = pattern.search(content)
        return match.end() if match else None

    return find


def _character(content):
    """Offset of the first byte that begins a character, for text without any line."""
    at = 0
    while at < len(content) and content[at] & 0xC0 == 0x80:
        at += 1
    return at


_LINE = _behind(re.compile(rb"\n"))
_PLAIN = (_behind(_BLANK_LINE), _LINE, _character)
# Input format -> functions of bytes that find a place to cut, None without one. Between documents
# first; the others are for documents larger than a unit, so that memory stays flat. A JSON line
# and a CoNLL-U sentence are never cut.
_BORDERS = {
    "raw": _PLAIN,
    "text": _PLAIN,
    "jsonl": (_LINE,),
    "presegmented": _PLAIN,
    "conllu": (_behind(_NEWDOC), _behind(_BLANK_LINE)),
}
FORMATS = tuple(_BORDERS)


def plan_units(paths, input_format, unit_bytes=UNIT_BYTES, document_bytes=UNIT_BYTES):
    """Cuts the input files into units.

        plan_units(["news.txt", "law.txt.gz"], "raw")  # [Unit(index=0, ranges=(Range(...),)), ...]

    Args:
      paths: list of file names.
      input_format: one of FORMATS.
      unit_bytes: int, nominal size of a unit: larger files are cut, smaller ones go together.
      document_bytes: int, a longer document may be cut.

    Returns:
      list of Unit.

    Raises:
      UserError: all files are empty, or one cannot be read or is of another kind.
    """
    units, small, small_bytes = [], [], 0

    def close_small():
        if small:
            units.append(Unit(len(units), tuple(small)))
            small.clear()

    for path in paths:
        try:
            _check_kind(path, input_format)
            ranges = _ranges(path, files.size(path), input_format, unit_bytes, document_bytes)
        except files.failures() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
        if len(ranges) == 1 and not packed.is_packed(path):
            if small_bytes + ranges[0].end > unit_bytes:
                close_small()
                small_bytes = 0
            small += ranges
            small_bytes += ranges[0].end
        elif ranges:
            close_small()
            small_bytes = 0
            units += [Unit(len(units) + i, (r,)) for i, r in enumerate(ranges)]
    close_small()
    if not units:
        raise UserError("the input is empty: {}".format(", ".join(paths[:5])))
    return units


def _check_kind(path, input_format):
    """Before any work; remote files when they are read."""
    if not files.is_remote(path):
        with packed.opened(path) as f:
            refuse_other_kind(path, f.read(file_kinds.START_BYTES), input_format)


def _ranges(path, length, input_format, unit_bytes, document_bytes):
    if not length:
        return []
    if packed.is_packed(path) or length <= unit_bytes:
        return [Range(path, 0, length)]
    ranges, start = [], 0
    with files.open_file(path, "rb") as f:
        while start < length:
            end = length
            if length - start > unit_bytes + unit_bytes // 2:
                end = _border_after(f, start + unit_bytes, document_bytes, input_format)
                if end is None:
                    place = Range(path, start + unit_bytes, length)
                    line = files.line_of(path, _lines_before(place) + 1)
                    raise files.line_too_long(line, files.LINE_BYTES)
            ranges.append(Range(path, start, end))
            start = end
    return ranges


def _border_after(f, position, limit, input_format):
    """Place to cut a file after `position`; None if an indivisible stretch is too long."""
    window = min(_WINDOW, limit)
    while True:
        f.seek(position)
        content = f.read(window)
        border = _document_border(content, input_format)
        if border is None and len(content) < window:
            border = len(content)
        if border is None and window >= limit:
            border = _emergency_border(content, input_format)
        if border is not None:
            return position + border
        if window > files.LINE_BYTES:
            return None
        window = max(limit, 2 * window)


def _document_border(content, input_format):
    """Offset just after the first document border in `content`, None without one."""
    return _BORDERS[input_format][0](content)


def _emergency_border(content, input_format):
    """Place to cut a document larger than a unit; None without a place."""
    borders = (find(content) for find in _BORDERS[input_format][1:])
    return next((border for border in borders if border is not None), None)


def read_range(stretch):
    """The bytes of a Range as they lie in the file."""
    with files.open_file(stretch.path, "rb") as f:
        f.seek(stretch.start)
        return f.read(stretch.end - stretch.start)


def unit_blocks(unit, input_format, block_bytes=UNIT_BYTES, contents=None):
    """The text of a unit in blocks cut at document borders; several only for compressed files.

    Args:
      unit: Unit.
      input_format: one of FORMATS.
      block_bytes: int, nominal size of a block.
      contents: bytes of each range where the caller has read them (remote files).

    Yields:
      (list of Source, share of the unit that is read with it, from 0 to 1).

    Raises:
      UserError: a file cannot be read or is of another kind, or its compressed stream is damaged.
    """
    path = unit.ranges[0].path
    contents = contents or [None] * len(unit.ranges)
    try:
        if packed.is_packed(path):
            yield from _packed_blocks(path, contents[0], input_format, block_bytes)
            return
        sources = []
        for stretch, content in zip(unit.ranges, contents):
            path = stretch.path
            content = read_range(stretch) if content is None else content
            if not stretch.start:
                refuse_other_kind(path, content, input_format)
                content = content[len(_BOM) :] if content.startswith(_BOM) else content
            sources.append(Source(content, path, lambda stretch=stretch: _lines_before(stretch)))
        yield sources, 1.0
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _packed_blocks(path, content, input_format, block_bytes):
    stored = files.size(path) if content is None else len(content)
    buffer, lines, ended = b"", 0, False
    with open(path, "rb") if content is None else io.BytesIO(content) as raw:
        f = _LineCounter(path, packed.unpacked(path, raw))
        while not ended:
            buffer += f.read(2 * block_bytes - len(buffer))
            if not lines:
                refuse_other_kind(path, buffer, input_format)
            ended = len(buffer) < 2 * block_bytes
            if not lines and buffer.startswith(_BOM):
                buffer = buffer[len(_BOM) :]
            cut = len(buffer)
            if not ended:
                cut, buffer = _cut_stream(f, buffer, block_bytes, input_format)
                if cut is None:
                    line = lines + buffer.count(b"\n", 0, block_bytes) + 1
                    raise files.line_too_long(files.line_of(path, line), files.LINE_BYTES)
            block, buffer = buffer[:cut], buffer[cut:]
            if block:
                yield [Source(block, path, lambda lines=lines: lines)], raw.tell() / stored
            lines += block.count(b"\n")


class _LineCounter:
    """A compressed stream whose faults are told with the line before them."""

    def __init__(self, path, stream):
        self._path, self._stream, self._lines = path, stream, 0

    def read(self, count):
        """`count` bytes, fewer only at the end.

        Raises:
          UserError: the stream is damaged or cut off.
        """
        parts = []
        with packed.whole(self._path, lambda: " (after line {:,})".format(self._lines)):
            while count:
                part = self._stream.read(min(count, _WINDOW))
                if not part:
                    break
                parts.append(part)
                self._lines += part.count(b"\n")
                count -= len(part)
        return b"".join(parts)


def _cut_stream(f, buffer, block_bytes, input_format):
    """(where to cut, the buffer); reads on until there is a place, and cuts at None where what must
    stay whole is too long."""
    while True:
        rest = buffer[block_bytes:]
        border = _document_border(rest, input_format)
        if border is None:
            border = _emergency_border(rest, input_format)
        if border is not None:
            return block_bytes + border, buffer
        more = f.read(block_bytes)
        if not more:
            return len(buffer), buffer
        buffer += more
        if len(buffer) > block_bytes + files.LINE_BYTES:
            return None, buffer


# {path: (byte, lines before it)} of the last answer: who asks for one unit asks for later ones.
_COUNTED = {}


def _lines_before(stretch):
    at, lines = _COUNTED.get(stretch.path, (0, 0))
    if at > stretch.start:
        at, lines = 0, 0
    with files.open_file(stretch.path, "rb") as f:
        f.seek(at)
        while at < stretch.start:
            block = f.read(min(_WINDOW, stretch.start - at))
            if not block:  # the file became shorter
                break
            lines += block.count(b"\n")
            at += len(block)
    _COUNTED[stretch.path] = at, lines
    return lines
