"""Input files cut into work units, and the text of a unit.

A unit is a byte range that begins and ends at a document border, or several small files; a
compressed file (.gz, .bz2) is one unit. It does not depend on the number of workers: seeds,
shuffling and NSP's random documents stay inside it, so that the same input gives the same records
however many processes work.
"""

import collections
import functools
import io
import re
from typing import Callable, List, NamedTuple

from common import file_kinds, files, packed
from common.errors import UserError
from data.text import encodings
from data.text.input_kinds import refuse_other_kind

UNIT_BYTES = 2 << 20
# Of units from which few documents are taken: they need some that are neighbours.
JOINED_BYTES = 16 << 20
_WINDOW = 1 << 16
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n")
# The blank line before a CoNLL-U sentence with which a document begins.
_NEWDOC = re.compile(_BLANK_LINE.pattern + rb"(?=(?:#[^\n]*\n)*?#[ \t]*newdoc\b)")


class Range(NamedTuple):
    """Bytes start to end of a file as stored, and the encoding of the file."""

    path: str
    start: int
    end: int
    encoding: str = encodings.UTF8

    @property
    def is_stream(self):
        """Whether the file can only be read from its beginning, in blocks."""
        return packed.is_packed(self.path) or encodings.is_stream(self.encoding)


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
      content: bytes.
      path: for messages.
      lines_before: function that gives the number of lines of the file before the content.
      encoding: of the content.
    """

    content: bytes
    path: str
    lines_before: Callable[[], int]
    encoding: str = encodings.UTF8

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
# In GB18030 and Big5 such a byte is always a character.
_LONE_BYTE = _behind(re.compile(rb"[\x00-\x2f\x3a-\x3f]"))
# Input format -> functions of bytes that find a place to cut, None without one. Between documents
# first; the others are for documents larger than a unit, so that memory stays flat. A JSON line,
# a CoNLL-U sentence and a pair are never cut.
_BORDERS = {
    "raw": _PLAIN,
    "text": _PLAIN,
    "jsonl": (_LINE,),
    "presegmented": _PLAIN,
    "conllu": (_behind(_NEWDOC), _behind(_BLANK_LINE)),
    "pairs": (_LINE,),
}
FORMATS = tuple(_BORDERS)
# Two sentences a line, see sentence_pairs.py; the other formats hold running text.
PAIRS = "pairs"
RUNNING_TEXT = tuple(name for name in FORMATS if name != PAIRS)


def plan_units(
    paths,
    input_format,
    unit_bytes=UNIT_BYTES,
    document_bytes=UNIT_BYTES,
    encoding=encodings.UTF8,
    unknown=None,
):
    """Cuts the input files into units.

        plan_units(["news.txt", "law.txt.gz"], "raw")  # [Unit(index=0, ranges=(Range(...),)), ...]

    Args:
      paths: list of file names.
      input_format: one of FORMATS.
      unit_bytes: int, nominal size of a unit: larger files are cut, smaller ones go together.
      document_bytes: int, a longer document may be cut.
      encoding: of all files, or encodings.AUTO: of each by its beginning.
      unknown: see encodings.encoding_of.

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
            whole = Range(path, 0, files.size(path), encodings.encoding_of(path, encoding, unknown))
            _check_kind(whole, input_format)
            ranges = _ranges(whole, input_format, unit_bytes, document_bytes)
        except files.failures() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
        if len(ranges) == 1 and not whole.is_stream:
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


def by_encoding(units):
    """{encoding: list of the files in it}, the most frequent encoding first."""
    of_files = {stretch.path: stretch.encoding for unit in units for stretch in unit.ranges}
    groups = collections.defaultdict(list)
    for path, encoding in of_files.items():
        groups[encoding].append(path)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))


def joined_units(units, unit_bytes=JOINED_BYTES):
    """The units with neighbours joined up to a size; files that are read as a stream stay alone.

    Documents are cut where they were, so that they are the same ones.

    Args:
      units: list of Unit.
      unit_bytes: int.

    Returns:
      list of Unit.
    """
    joined = []
    for unit in units:
        with_last = joined and joined[-1].size + unit.size <= unit_bytes
        if with_last and not any(u.ranges[0].is_stream for u in (joined[-1], unit)):
            joined[-1] = joined[-1]._replace(ranges=joined[-1].ranges + unit.ranges)
        else:
            joined.append(unit._replace(index=len(joined)))
    return joined


def _check_kind(whole, input_format):
    """Before any work; remote files when they are read."""
    if not files.is_remote(whole.path):
        with packed.opened(whole.path) as f:
            if encodings.is_stream(whole.encoding):
                f = encodings.Utf8Stream(f, whole.path, whole.encoding, "replace")
            refuse_other_kind(whole.path, f.read(file_kinds.START_BYTES), input_format)


def _ranges(whole, input_format, unit_bytes, document_bytes):
    path, length = whole.path, whole.end
    if not length:
        return []
    if whole.is_stream or length <= unit_bytes:
        return [whole]
    ranges, start = [], 0
    borders = _borders_of(input_format, whole.encoding)
    with files.open_file(path, "rb") as f:
        while start < length:
            end = length
            if length - start > unit_bytes + unit_bytes // 2:
                end = _border_after(f, start + unit_bytes, document_bytes, borders)
                if end is None:
                    place = Range(path, start + unit_bytes, length)
                    line = files.line_of(path, _lines_before(place) + 1)
                    raise files.line_too_long(line, files.LINE_BYTES)
            ranges.append(whole._replace(start=start, end=end))
            start = end
    return ranges


def _borders_of(input_format, encoding):
    """The functions of _BORDERS for text in an encoding that is no stream's."""
    borders = _BORDERS[input_format]
    if encoding == encodings.UTF8:
        return borders
    return tuple(_LONE_BYTE if find is _character else find for find in borders)


def _border_after(f, position, limit, borders):
    """Place to cut a file after `position`; None if an indivisible stretch is too long."""
    window = min(_WINDOW, limit)
    while True:
        f.seek(position)
        content = f.read(window)
        border = borders[0](content)
        if border is None and len(content) < window:
            border = len(content)
        if border is None and window >= limit:
            border = _emergency_border(content, borders)
        if border is not None:
            return position + border
        if window > files.LINE_BYTES:
            return None
        window = max(limit, 2 * window)


def _emergency_border(content, borders):
    """Place to cut a document larger than a unit; None without a place."""
    places = (find(content) for find in borders[1:])
    return next((place for place in places if place is not None), None)


def read_range(stretch):
    """The bytes of a Range as they lie in the file."""
    with files.open_file(stretch.path, "rb") as f:
        f.seek(stretch.start)
        return f.read(stretch.end - stretch.start)


def unit_blocks(unit, input_format, block_bytes=UNIT_BYTES, contents=None, errors="strict"):
    """The text of a unit in blocks cut at document borders; several only for streams.

    Args:
      unit: Unit.
      input_format: one of FORMATS.
      block_bytes: int, nominal size of a block.
      contents: bytes of each range where the caller has read them (remote files).
      errors: what becomes of what cannot be decoded in a stream, see encodings.Utf8Stream.

    Yields:
      (list of Source, share of the unit that is read with it, from 0 to 1).

    Raises:
      UserError: a file cannot be read or is of another kind, or its compressed stream is damaged.
    """
    path = unit.ranges[0].path
    contents = contents or [None] * len(unit.ranges)
    try:
        if unit.ranges[0].is_stream:
            yield from _stream_blocks(
                unit.ranges[0], contents[0], input_format, block_bytes, errors
            )
            return
        sources = []
        for stretch, content in zip(unit.ranges, contents):
            path = stretch.path
            content = read_range(stretch) if content is None else content
            if not stretch.start:
                refuse_other_kind(path, content, input_format)
                content = encodings.without_mark(content, stretch.encoding)
            lines_before = functools.partial(_lines_before, stretch)
            sources.append(Source(content, path, lines_before, stretch.encoding))
        yield sources, 1.0
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _stream_blocks(whole, content, input_format, block_bytes, errors):
    path, stored, encoding = whole.path, whole.end, whole.encoding
    buffer, lines, ended = b"", 0, False
    with open(path, "rb") if content is None else io.BytesIO(content) as raw:
        stream = packed.unpacked(path, raw)
        if encodings.is_stream(encoding):
            stream = encodings.Utf8Stream(stream, path, encoding, errors)
            encoding = encodings.UTF8
        f, borders = _LineCounter(path, stream), _borders_of(input_format, encoding)
        while not ended:
            buffer += f.read(2 * block_bytes - len(buffer))
            ended = len(buffer) < 2 * block_bytes
            if not lines:
                refuse_other_kind(path, buffer, input_format)
                buffer = encodings.without_mark(buffer, encoding)
            cut = len(buffer)
            if not ended:
                cut, buffer = _cut_stream(f, buffer, block_bytes, borders)
                if cut is None:
                    line = lines + buffer.count(b"\n", 0, block_bytes) + 1
                    raise files.line_too_long(files.line_of(path, line), files.LINE_BYTES)
            block, buffer = buffer[:cut], buffer[cut:]
            if block:
                source = Source(block, path, lambda lines=lines: lines, encoding)
                yield [source], raw.tell() / stored
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


def _cut_stream(f, buffer, block_bytes, borders):
    """(where to cut, the buffer); reads on until there is a place, and cuts at None where what must
    stay whole is too long."""
    while True:
        rest = buffer[block_bytes:]
        border = borders[0](rest)
        if border is None:
            border = _emergency_border(rest, borders)
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
