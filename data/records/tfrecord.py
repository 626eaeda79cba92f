"""The TFRecord container, without TensorFlow: workers write it, inspection and checks read it.

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord (length, its masked CRC-32C, data,
its masked CRC-32C).
"""

import re
import struct

import google_crc32c
import numpy as np

from common import file_kinds, files
from common.errors import UserError

_HEADER, _FOOTER = 12, 4
_HEADER_FIELDS, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
_BLOCK_BYTES = 1 << 20
# Where a header is searched for; damage is mostly shorter than a record, so begin with little.
_SEARCHED_BYTES = 1 << 16

CUT = "is cut off"

# Of a file that is all text so far it is assumed to be text.
_TEXT_BYTES = 32
_CONTROL = re.compile(rb"[^\t\n\r -\x7e\x80-\xff]")


def masked_crc(content):
    """TFRecord's masked CRC-32C of bytes."""
    return _mask(google_crc32c.value(content))


def _mask(crc):
    """The masked form of a CRC: an int, or uint64 array of them."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(matrix):
    """Wraps encoded records of one size into TFRecord bytes.

    Args:
      matrix: uint8 [records, size].

    Returns:
      uint8 [records, size + 16].
    """
    count, size = matrix.shape
    framed = np.empty((count, _HEADER + size + _FOOTER), dtype=np.uint8)
    length = struct.pack("<Q", size)
    header = length + struct.pack("<I", masked_crc(length))
    framed[:, :_HEADER] = np.frombuffer(header, dtype=np.uint8)
    framed[:, _HEADER:-_FOOTER] = matrix
    rows = memoryview(np.ascontiguousarray(matrix)).cast("B")
    value = google_crc32c.value
    crcs = np.array(
        [value(bytes(rows[at : at + size])) for at in range(0, count * size, size)],
        dtype=np.uint64,
    )
    framed[:, -_FOOTER:] = _mask(crcs).astype("<u4").view(np.uint8).reshape(count, 4)
    return framed


def enframe(content):
    """The bytes of a record in a file: header, content (bytes), checksum."""
    length = struct.pack("<Q", len(content))
    return b"".join(
        (length, _CHECKSUM.pack(masked_crc(length)), content, _CHECKSUM.pack(masked_crc(content)))
    )


def describe(record, byte, text):
    """The fault of a file, from the number of its damaged record, its place and Damaged."""
    kind = "damaged" if byte else "damaged or no TFRecord file"
    return "is {}: record {} (byte {}) {}".format(kind, record, byte, text)


def refuse_other_kind(path):
    """Refuses a file whose first bytes tell that it holds no records.

    Raises:
      UserError: it is of another kind.
      OSError, tf.errors.OpError: it cannot be read.
    """
    files.refuse_other_kind(path, "records", accepted=(file_kinds.TFRECORD,))
    if files.exists(path):
        with files.open_file(path, "rb") as f:
            start = f.read(_TEXT_BYTES)
        # A header has zeros and a checksum, a text neither.
        if len(start) == _TEXT_BYTES and not _CONTROL.search(start):
            raise UserError(
                "{} is text, not records; make records of it with "
                "create_pretraining_data.py".format(path)
            )


def read_records(path):
    """Yields the bytes of each record of a file.

    Raises:
      UserError: a record is cut off or does not match its checksum (file, record, byte).
    """
    number = 0
    try:
        refuse_other_kind(path)
        with files.open_file(path, "rb") as f:
            for content in walk(Reader(f, 0, files.size(path)), 0):
                yield content
                number += 1
    except Damaged as damage:
        raise UserError(
            "{} {}; write the file anew, or skip the damaged records with --skip_damaged_records "
            "of run_pretraining.py".format(path, describe(number, damage.byte, damage))
        ) from None
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


class Damaged(Exception):
    """A record that cannot be read; the text says what is wrong with it, as "is cut off".

    Attributes:
      byte: where the record begins.
      end: byte after it, None where its length is not known.
    """

    def __init__(self, byte, text, end=None):
        super().__init__(text)
        self.byte, self.end = byte, end


class Reader:
    """A range of an open file, read in large blocks.

    Attributes:
      end: byte after the range.
    """

    def __init__(self, f, begin, end, seen=None):
        """Makes the reader.

        Args:
          f: binary file, local or remote.
          begin, end: bytes of the range.
          seen: called with the bytes of each block when it has been read.
        """
        self.end = end
        self._file, self._seen = f, seen
        self._held, self._begin = b"", begin
        f.seek(begin)

    def block(self, at, count):
        """The bytes held from byte `at` on.

        Args:
          at: place in the file.
          count: bytes that are needed; there are fewer only where range or file end.

        Returns:
          bytes, and where in them `at` is.
        """
        held_end = self._begin + len(self._held)
        if at < self._begin or at > held_end:
            self._held, self._begin = b"", at
            self._file.seek(at)
        elif at + count <= held_end:
            return self._held, at - self._begin
        kept = self._held[at - self._begin :]
        wanted = min(max(count - len(kept), _BLOCK_BYTES), self.end - at - len(kept))
        more = self._file.read(wanted) if wanted > 0 else b""
        if more and self._seen:
            self._seen(more)
        self._held, self._begin = kept + more, at
        return self._held, 0


def walk(reader, begin):
    """Yields the bytes of each record from byte `begin` to the reader's end.

    Raises:
      Damaged: at the first record that is cut off or does not match its checksums.
    """
    at, end = begin, reader.end
    value, checksum_at = google_crc32c.value, _CHECKSUM.unpack_from
    # Records often have one length; where they have many, these are still few.
    sizes = {}
    block, pos = b"", 0
    while at < end:
        if pos + _HEADER > len(block):
            block, pos = reader.block(at, _HEADER)
        header = block[pos : pos + _HEADER]
        size = sizes.get(header)
        if size is None:
            size = sizes[header] = _size_in(header, at)
        stop = pos + _HEADER + size + _FOOTER
        if at + stop - pos > end:
            raise Damaged(at, CUT)
        if stop > len(block):
            stop -= pos
            block, pos = reader.block(at, stop)
            stop += pos
            if stop > len(block):
                raise Damaged(at, CUT)
        content = block[pos + _HEADER : stop - _FOOTER]
        if _mask(value(content)) != checksum_at(block, stop - _FOOTER)[0]:
            raise Damaged(at, "does not match its checksum", at + stop - pos)
        yield content
        at, pos = at + stop - pos, stop


def _size_in(header, at):
    """Length of the record at byte `at`, from its header."""
    if len(header) < _HEADER:
        raise Damaged(at, CUT)
    size, checksum = _HEADER_FIELDS.unpack(header)
    if masked_crc(header[:8]) != checksum:
        raise Damaged(at, "has no valid header")
    return size


def next_record(reader, begin, damage_end=None):
    """The place at which reading can continue after damage.

    Args:
      reader: Reader.
      begin: byte after which to look.
      damage_end: byte after the damaged record, where its length is known.

    Returns:
      Place of the first sound record at or after `begin`, the reader's end if there is none. With
      a known end of the damaged record: that, if a header or the end of the file is there.
    """
    if damage_end is not None and _is_border(reader, damage_end):
        return damage_end
    at, width = begin, _SEARCHED_BYTES
    while at + _HEADER + _FOOTER <= reader.end:
        block, pos = reader.block(at, min(width, reader.end - at))
        window = block[pos : pos + width]
        for place in _lengths_in(window):
            if _is_sound(reader, at + place, window[place : place + _HEADER]):
                return at + place
        if len(window) < _HEADER:
            break  # the file became shorter
        at += len(window) - _HEADER + 1
        width = min(2 * width, _BLOCK_BYTES)
    return reader.end


def _is_border(reader, at):
    block, pos = reader.block(at, _HEADER)
    header = block[pos : pos + _HEADER]
    return at == reader.end or _is_header(header)


def _is_header(header):
    if len(header) < _HEADER:
        return False
    return masked_crc(header[:8]) == _HEADER_FIELDS.unpack(header)[1]


def _lengths_in(window):
    """Places where a header may begin: 8 bytes that are a length from 1 to 4 GiB."""
    byte = np.frombuffer(window, dtype=np.uint8)
    count = max(0, len(byte) - _HEADER + 1)
    low, high = ([byte[i : i + count] for i in four] for four in (range(4), range(4, 8)))
    # Zeros, the most frequent byte of padded rows and of holes in a file, are no header.
    is_length = np.bitwise_or.reduce(low) > 0
    is_length &= np.bitwise_or.reduce(high) == 0
    return np.flatnonzero(is_length).tolist()


def _is_sound(reader, at, header):
    """Whether header and content of a record at byte `at` match their checksums."""
    if not _is_header(header):
        return False
    size = _HEADER_FIELDS.unpack(header)[0]
    stop = _HEADER + size + _FOOTER
    if at + stop > reader.end:
        return False
    block, pos = reader.block(at, stop)
    if pos + stop > len(block):
        return False  # the file became shorter
    content = block[pos + _HEADER : pos + stop - _FOOTER]
    return masked_crc(content) == _CHECKSUM.unpack_from(block, pos + stop - _FOOTER)[0]
