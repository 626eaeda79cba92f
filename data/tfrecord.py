"""The TFRecord container, without TensorFlow: workers write it, inspection reads it.

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord (length, its masked CRC-32C, data,
its masked CRC-32C).
"""

import struct

import google_crc32c
import numpy as np

from data import files
from errors import UserError

_HEADER, _FOOTER = 12, 4


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


def read_records(path):
    """Yields the bytes of each record of a file.

    Raises:
      UserError: a record is cut off or does not match its checksum (file, record, byte).
    """
    try:
        with files.open_file(path, "rb") as f:
            number = 0
            while True:
                at = f.tell()
                header = f.read(_HEADER)
                if not header:
                    return
                yield _read_one(f, header, path, number, at)
                number += 1
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _read_one(f, header, path, number, at):
    where = "{} record {} (byte {})".format(path, number, at)
    if len(header) < _HEADER or masked_crc(header[:8]) != struct.unpack("<I", header[8:])[0]:
        raise UserError("{} is no TFRecord or is damaged".format(where))
    (size,) = struct.unpack("<Q", header[:8])
    content, footer = f.read(size), f.read(_FOOTER)
    if len(footer) < _FOOTER:
        raise UserError("{} is cut off; the file is not complete".format(where))
    if masked_crc(content) != struct.unpack("<I", footer)[0]:
        raise UserError("{} does not match its checksum; the file is damaged".format(where))
    return content
