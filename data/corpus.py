"""Input files cut into work units, and a unit's bytes turned into documents and sentences.

A unit is a byte range that begins and ends at a document border, or several small files; a gz file
is one unit. It does not depend on the number of workers: seeds, shuffling and NSP's random
documents stay inside it, so that the same input gives the same records however many processes work.
"""

import collections
import gzip
import io
import re
import zlib

import numpy as np

import bounded_json
from data import files, sentences
from data.tokenization import code_points
from errors import UserError

FORMATS = ("raw", "text", "jsonl", "presegmented")
UNIT_BYTES = 2 << 20
_WINDOW = 1 << 16
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n")
_BOM = b"\xef\xbb\xbf"

# Bytes start to end of a file as stored.
Range = collections.namedtuple("Range", ["path", "start", "end"])


class Unit(collections.namedtuple("Unit", ["index", "ranges"])):
    """What one worker does at a time: a range of a file, or several whole small files."""

    @property
    def size(self):
        """Bytes as stored."""
        return sum(r.end - r.start for r in self.ranges)


# Part of a file's text. content: bytes, UTF-8; path: for messages; lines_before: function that
# gives the number of lines of the file before the content.
Source = collections.namedtuple("Source", ["content", "path", "lines_before"])

# text: str. starts, ends: int64 [sentences] character offsets. documents: int64 [documents + 1],
# index of each document's first sentence.
Documents = collections.namedtuple("Documents", ["text", "starts", "ends", "documents"])

_QUOTES = str.maketrans("“”„‟‘’‚‛—―–…", "\"\"\"\"''''---.")


def plan_units(paths, input_format, unit_bytes=UNIT_BYTES, document_bytes=UNIT_BYTES):
    """Cuts the input files into units.

    Args:
      paths: list of file names.
      input_format: one of FORMATS.
      unit_bytes: int, nominal size of a unit: larger files are cut, smaller ones go together.
      document_bytes: int, a document that goes on for longer than this may be cut.

    Returns:
      list of Unit.

    Raises:
      UserError: all files are empty, or one cannot be read.
    """
    units, small, small_bytes = [], [], 0

    def close_small():
        if small:
            units.append(Unit(len(units), tuple(small)))
            small.clear()

    for path in paths:
        try:
            ranges = _ranges(path, files.size(path), input_format, unit_bytes, document_bytes)
        except files.failures() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
        if len(ranges) == 1 and not path.endswith(".gz"):
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


def _ranges(path, length, input_format, unit_bytes, document_bytes):
    if not length:
        return []
    if path.endswith(".gz") or length <= unit_bytes:
        return [Range(path, 0, length)]
    ranges, start = [], 0
    with files.open_file(path, "rb") as f:
        while start < length:
            end = length
            if length - start > unit_bytes + unit_bytes // 2:
                end = _border_after(f, start + unit_bytes, document_bytes, input_format)
                if end is None:
                    place = Range(path, start + unit_bytes, length)
                    raise files.line_too_long(_line_of(path, _lines_before(place) + 1))
            ranges.append(Range(path, start, end))
            start = end
    return ranges


def _border_after(f, position, limit, input_format):
    """Where to cut a file behind `position`; None where a JSON line there is too long."""
    window = min(_WINDOW, limit)
    while True:
        f.seek(position)
        content = f.read(window)
        border = _document_border(content, input_format)
        if border is not None:
            return position + border
        if len(content) < window:
            return position + len(content)
        # A JSON line is never cut; another document is, where it goes on for too long.
        if window >= limit and input_format != "jsonl":
            return position + _emergency_border(content, input_format)
        if window > files.LINE_BYTES:
            return None
        window = max(limit, 2 * window)


def _document_border(content, input_format):
    """Offset just behind the first document border in `content`, None without one."""
    if input_format == "jsonl":
        return content.find(b"\n") + 1 or None
    match = _BLANK_LINE.search(content)
    return match.end() if match else None


def _emergency_border(content, input_format):
    """Where to cut a document larger than a unit: a line end, else a character.

    Memory stays flat whatever the file, but for a JSON line, which has no place to cut.
    """
    newline = content.find(b"\n")
    if newline >= 0:
        return newline + 1
    if input_format == "jsonl":
        return len(content)
    at = 0
    while at < len(content) and content[at] & 0xC0 == 0x80:
        at += 1
    return at


def read_range(part):
    """The bytes of a Range as they lie in the file."""
    with files.open_file(part.path, "rb") as f:
        f.seek(part.start)
        return f.read(part.end - part.start)


def unit_blocks(unit, input_format, block_bytes=UNIT_BYTES, contents=None):
    """The text of a unit in blocks cut at document borders; several only for gz files.

    Args:
      unit: Unit.
      input_format: one of FORMATS.
      block_bytes: int, nominal size of a block.
      contents: bytes of each range where the caller has read them (remote files).

    Yields:
      (list of Source, share of the unit that is read with it, from 0 to 1).

    Raises:
      UserError: a file cannot be read, or its gzip stream is damaged.
    """
    path = unit.ranges[0].path
    contents = contents or [None] * len(unit.ranges)
    try:
        if path.endswith(".gz"):
            yield from _gz_blocks(path, contents[0], input_format, block_bytes)
            return
        sources = []
        for part, content in zip(unit.ranges, contents):
            path = part.path
            content = read_range(part) if content is None else content
            if not part.start and content.startswith(_BOM):
                content = content[len(_BOM) :]
            sources.append(Source(content, path, lambda part=part: _lines_before(part)))
        yield sources, 1.0
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError("{} is not a whole gzip file: {}".format(path, error)) from None
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _gz_blocks(path, content, input_format, block_bytes):
    stored = files.size(path) if content is None else len(content)
    buffer, lines, ended = b"", 0, False
    with open(path, "rb") if content is None else io.BytesIO(content) as raw:
        f = gzip.GzipFile(fileobj=raw)
        while not ended:
            buffer += f.read(2 * block_bytes - len(buffer))
            ended = len(buffer) < 2 * block_bytes
            if not lines and buffer.startswith(_BOM):
                buffer = buffer[len(_BOM) :]
            cut = len(buffer)
            if not ended:
                cut, buffer = _cut_stream(f, buffer, block_bytes, input_format)
                if cut is None:
                    line = lines + buffer.count(b"\n", 0, block_bytes) + 1
                    raise files.line_too_long(_line_of(path, line))
            block, buffer = buffer[:cut], buffer[cut:]
            if block:
                yield [Source(block, path, lambda lines=lines: lines)], raw.tell() / stored
            lines += block.count(b"\n")


def _cut_stream(f, buffer, block_bytes, input_format):
    """(where to cut, the buffer); reads on where a JSON line does not end in the buffer, and cuts
    at None where it is too long."""
    border = _document_border(buffer[block_bytes:], input_format)
    while border is None and input_format == "jsonl":
        more = f.read(block_bytes)
        if not more:
            break
        buffer += more
        if len(buffer) > block_bytes + files.LINE_BYTES:
            return None, buffer
        border = _document_border(buffer[block_bytes:], input_format)
    if border is None:
        border = _emergency_border(buffer[block_bytes:], input_format)
    return block_bytes + border, buffer


def _line_of(path, number):
    return "{} line {}".format(path, number)


def _lines_before(part):
    lines, at = 0, 0
    with files.open_file(part.path, "rb") as f:
        while at < part.start:
            block = f.read(min(_WINDOW, part.start - at))
            lines += block.count(b"\n")
            at += len(block)
    return lines


def read_documents(sources, options):
    """Decodes a block and finds its documents and sentences.

    Args:
      sources: list of Source; where one ends, a document ends.
      options: an object with input_format, text_fields (list of str), normalize_quotes (bool) and
        max_sentence_chars (int).

    Returns:
      Documents.

    Raises:
      UserError: not UTF-8, or a line that is no JSON object with the fields (file and line).
    """
    text = "\n\n".join(_text_of(source, options) for source in sources)
    if options.input_format in ("raw", "jsonl"):
        starts, ends = sentences.split_sentences(text, options.max_sentence_chars)
    else:
        starts, ends = sentences.split_lines(text)
    if options.normalize_quotes:
        text = text.translate(_QUOTES)  # one character for one: offsets stay
    return Documents(text, starts, ends, _document_borders(text, starts, ends))


def _text_of(source, options):
    text = _decode(source)
    if options.input_format == "jsonl":
        return _text_of_json_lines(text, source, options.text_fields)
    return re.sub(r"\r+\n?", "\n", text) if "\r" in text else text


def _decode(source):
    try:
        return source.content.decode("utf-8")
    except UnicodeDecodeError as error:
        lines = source.content.count(b"\n", 0, error.start)
        raise UserError(
            "{} line {} is not UTF-8 (byte 0x{:02x}); convert the file, for instance with "
            "iconv -f GB18030 -t UTF-8".format(
                source.path, source.lines_before() + lines + 1, source.content[error.start]
            )
        ) from None


def _text_of_json_lines(text, source, text_fields):
    """JSON lines as raw text: the fields are paragraphs, a blank line between objects."""

    def where(number):
        return _line_of(source.path, source.lines_before() + number + 1)

    documents = []
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        try:
            record = bounded_json.decode(line, strict=False)
        except bounded_json.Malformed as error:
            raise UserError("{} is not JSON: {}".format(where(number), error.reason)) from None
        fields = [_json_field(record, name) for name in text_fields]
        if None in fields:
            name = text_fields[fields.index(None)]
            raise UserError("{} has no text field {!r} (--text_fields)".format(where(number), name))
        # JSON can spell halves of a surrogate pair, which no text holds.
        body = re.sub("[\ud800-\udfff]", "\ufffd", "\n".join(fields))
        lines = (part.strip() for part in re.split("[\r\n]+", body))
        documents.append("\n".join(part for part in lines if part))
    return "\n\n".join(documents)


def _json_field(record, name):
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def _document_borders(text, starts, ends):
    """Index of each document's first sentence, and the number of sentences at the end.

    A document border is a blank line, that is a gap between sentences with two line ends.
    """
    if not len(starts):
        return np.zeros(1, dtype=np.int64)
    newlines = np.flatnonzero(code_points(text) == ord("\n"))
    lines = np.searchsorted(newlines, starts[1:]) - np.searchsorted(newlines, ends[:-1])
    return np.concatenate([[0], np.flatnonzero(lines >= 2) + 1, [len(starts)]])
