"""Input files cut into work units, and a unit's bytes turned into documents and sentences.

A unit is a byte range that begins and ends at a document border (a gz file is one unit). It does
not depend on the number of workers: seeds, shuffling and NSP's random documents stay inside it,
so that the same input gives the same records however many processes work.
"""

import collections
import gzip
import io
import json
import re
import zlib

import numpy as np

from data import files, sentences
from data.tokenization import code_points
from errors import UserError

FORMATS = ("raw", "text", "jsonl", "presegmented")
UNIT_BYTES = 2 << 20
_WINDOW = 1 << 16
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n")
_BOM = b"\xef\xbb\xbf"

# path: str. start, end: byte range of the file as stored.
Unit = collections.namedtuple("Unit", ["index", "path", "start", "end"])

# text: str. starts, ends: int64 [sentences] character offsets. documents: int64 [documents + 1],
# index of each document's first sentence.
Documents = collections.namedtuple("Documents", ["text", "starts", "ends", "documents"])

_QUOTES = str.maketrans("“”„‟‘’‚‛—―–…", "\"\"\"\"''''---.")


def plan_units(paths, input_format, unit_bytes=UNIT_BYTES):
    """Cuts the input files into units.

    Args:
      paths: list of file names.
      input_format: one of FORMATS.
      unit_bytes: int, nominal size of a unit.

    Returns:
      list of Unit.

    Raises:
      UserError: all files are empty, or one cannot be read.
    """
    units = []
    for path in paths:
        try:
            length = files.size(path)
            for start, end in _ranges(path, length, input_format, unit_bytes):
                units.append(Unit(len(units), path, start, end))
        except OSError as error:
            raise UserError("cannot read {}: {}".format(path, error.strerror or error)) from None
    if not units:
        raise UserError("the input is empty: {}".format(", ".join(paths)))
    return units


def _ranges(path, length, input_format, unit_bytes):
    if not length:
        return []
    if path.endswith(".gz") or length <= unit_bytes:
        return [(0, length)]
    ranges, start = [], 0
    with files.open_file(path, "rb") as f:
        while start < length:
            end = length
            if length - start > unit_bytes + unit_bytes // 2:
                end = _border_after(f, start + unit_bytes, unit_bytes, input_format)
            ranges.append((start, end))
            start = end
    return ranges


def _border_after(f, position, limit, input_format):
    border = None
    for window in (min(_WINDOW, limit), limit):
        f.seek(position)
        content = f.read(window)
        border = _document_border(content, input_format)
        if border is not None:
            break
    return position + (_emergency_border(content) if border is None else border)


def _document_border(content, input_format):
    """Offset just behind the first document border in `content`, None without one."""
    if input_format == "jsonl":
        return content.find(b"\n") + 1 or None
    match = _BLANK_LINE.search(content)
    return match.end() if match else None


def _emergency_border(content):
    """Where to cut a document larger than a unit: a line end, else a character.

    Memory stays flat whatever the file.
    """
    newline = content.find(b"\n")
    if newline >= 0:
        return newline + 1
    at = 0
    while at < len(content) and content[at] & 0xC0 == 0x80:
        at += 1
    return at


def read_unit(unit):
    """The bytes of a unit as they lie in the file."""
    with files.open_file(unit.path, "rb") as f:
        f.seek(unit.start)
        return f.read(unit.end - unit.start)


def unit_blocks(unit, input_format, block_bytes=UNIT_BYTES, content=None, lines_before=None):
    """The text bytes of a unit in blocks cut at document borders; several only for gz files.

    Args:
      unit: Unit.
      input_format: one of FORMATS.
      block_bytes: int, nominal size of a block.
      content: bytes of the unit where the caller has read them (remote files).
      lines_before: lines of the file before the unit, where the caller knows them.

    Yields:
      (bytes, function that gives the number of lines of the file before this block).

    Raises:
      UserError: the file cannot be read, or its gzip stream is damaged.
    """
    try:
        if unit.path.endswith(".gz"):
            source = unit.path if content is None else io.BytesIO(content)
            with gzip.open(source, "rb") as f:
                yield from _stream_blocks(f, input_format, block_bytes)
            return
        if content is None:
            content = read_unit(unit)
        if not unit.start and content.startswith(_BOM):
            content = content[len(_BOM) :]
        yield content, lambda: _lines_before(unit) if lines_before is None else lines_before
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError("{} is not a whole gzip file: {}".format(unit.path, error)) from None
    except OSError as error:
        raise UserError("cannot read {}: {}".format(unit.path, error.strerror or error)) from None


def _stream_blocks(f, input_format, block_bytes):
    buffer, lines, ended = b"", 0, False
    while not ended:
        buffer += f.read(2 * block_bytes - len(buffer))
        ended = len(buffer) < 2 * block_bytes
        if not lines and buffer.startswith(_BOM):
            buffer = buffer[len(_BOM) :]
        cut = len(buffer)
        if not ended:
            rest = buffer[block_bytes:]
            border = _document_border(rest, input_format)
            cut = block_bytes + (_emergency_border(rest) if border is None else border)
        block, buffer = buffer[:cut], buffer[cut:]
        if block:
            yield block, lambda lines=lines: lines
        lines += block.count(b"\n")


def _lines_before(unit):
    lines, at = 0, 0
    with files.open_file(unit.path, "rb") as f:
        while at < unit.start:
            block = f.read(min(_WINDOW, unit.start - at))
            lines += block.count(b"\n")
            at += len(block)
    return lines


def read_documents(block, lines_before, path, options):
    """Decodes a block and finds its documents and sentences.

    Args:
      block: bytes, UTF-8.
      lines_before: function that gives the number of lines before the block, for messages.
      path: file name, for messages.
      options: an object with input_format, text_fields (list of str), normalize_quotes (bool) and
        max_sentence_chars (int).

    Returns:
      Documents.

    Raises:
      UserError: not UTF-8, or a line that is no JSON object with the fields (file and line).
    """
    text = _decode(block, lines_before, path)
    if options.input_format == "jsonl":
        text = _text_of_json_lines(text, lines_before, path, options.text_fields)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if options.input_format in ("raw", "jsonl"):
        starts, ends = sentences.split_sentences(text, options.max_sentence_chars)
    else:
        starts, ends = sentences.split_lines(text)
    if options.normalize_quotes:
        text = text.translate(_QUOTES)  # one character for one: offsets stay
    return Documents(text, starts, ends, _document_borders(text, starts, ends))


def _decode(block, lines_before, path):
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        line = lines_before() + block.count(b"\n", 0, error.start) + 1
        raise UserError(
            "{} line {} is not UTF-8 (byte 0x{:02x}); convert the file, for instance with "
            "iconv -f GB18030 -t UTF-8".format(path, line, block[error.start])
        ) from None


def _text_of_json_lines(text, lines_before, path, text_fields):
    """JSON lines as raw text: the fields are paragraphs, a blank line between objects."""
    documents = []
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply")
            where = "{} line {}".format(path, lines_before() + number + 1)
            raise UserError("{} is not JSON: {}".format(where, reason)) from None
        fields = [_json_field(record, name) for name in text_fields]
        if None in fields:
            where = "{} line {}".format(path, lines_before() + number + 1)
            name = text_fields[fields.index(None)]
            raise UserError("{} has no text field {!r} (--text_fields)".format(where, name))
        body = re.sub(r"\s*\n\s*", "\n", "\n".join(fields).strip())
        # JSON can spell halves of a surrogate pair, which no text holds.
        body = re.sub("[\ud800-\udfff]", "\ufffd", body)
        documents.append(body)
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
