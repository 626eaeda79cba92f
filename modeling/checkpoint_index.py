"""Checks the index file of a checkpoint before TensorFlow opens it.

TensorFlow's reader does not validate an index: a damaged one may make it allocate absurd amounts of
memory or abort the process. The file is a sorted table in LevelDB's format: blocks of keys and
values, each with a checksum, a block that lists the others, and a footer with the offset of that
block, which no checksum covers. The values are messages of tensor_bundle.proto: dtype, shape and
location of a tensor.
"""

import contextlib
import struct
import warnings

import google_crc32c

from common import files, lazy_tensorflow
from common.lazy_tensorflow import tf

MAX_BYTES = 64 << 20
MAX_SHARDS = 100000
_FOOTER, _TRAILER = 48, 5
_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
_MAX_DIMENSIONS = 254
_HEADER_KEY = b""


class Damaged(ValueError):
    """A damaged index; the text names the damage in a few words."""


def check(prefix):
    """Checks an index, and the lengths of the data files against it.

    Args:
      prefix: of a checkpoint.

    Raises:
      Damaged: TensorFlow does not write such files.
      OSError, tf.errors.OpError: a file cannot be read.
    """
    lazy_tensorflow.load()
    from tensorflow.core.protobuf import tensor_bundle_pb2

    with files.open_file(prefix + ".index", "rb") as reader:
        content = reader.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Damaged("it has more than {} bytes".format(MAX_BYTES))
    try:
        entries = _entries(content)
    except (IndexError, struct.error):
        raise Damaged("a block is cut short") from None
    if not entries or entries[0][0] != _HEADER_KEY:
        raise Damaged("it has no header")
    header = _message(tensor_bundle_pb2.BundleHeaderProto, entries[0][1])
    if not 1 <= header.num_shards <= MAX_SHARDS or header.endianness != header.LITTLE:
        raise Damaged("its header names {} data files".format(header.num_shards))
    lengths = {}
    for key, value in entries[1:]:
        entry = _message(tensor_bundle_pb2.BundleEntryProto, value)
        if not 0 <= entry.shard_id < header.num_shards:
            raise Damaged("a tensor lies in data file {}".format(entry.shard_id))
        if entry.shard_id not in lengths:
            name = "{}.data-{:05d}-of-{:05d}".format(prefix, entry.shard_id, header.num_shards)
            lengths[entry.shard_id] = files.size(name)
        _check_tensor(key, entry, lengths[entry.shard_id])


def _message(kind, value):
    from google.protobuf.message import DecodeError

    message = kind()
    with contextlib.suppress(DecodeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message.ParseFromString(value)
        # TensorFlow's parser may be stricter than this one; both accept a canonical message.
        if message.SerializeToString() == value:
            return message
    raise Damaged("an entry cannot be read")


def _check_tensor(key, entry, length):
    name = key.decode("utf-8", "backslashreplace")
    dimensions = [dimension.size for dimension in entry.shape.dim]
    if entry.shape.unknown_rank or len(dimensions) > _MAX_DIMENSIONS:
        raise Damaged("{} has no shape".format(name))
    try:
        dtype = tf.as_dtype(entry.dtype)
    except TypeError:
        dtype = None
    if dtype is None or dtype in (tf.resource, tf.variant) or dtype != dtype.base_dtype:
        raise Damaged("{} holds no numbers".format(name))
    if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > length:
        raise Damaged("its data file ends before {}".format(name))
    if entry.slices:
        _check_slices(name, entry, dimensions)
        return
    count = 1
    for dimension in dimensions:
        count *= dimension
    # A string takes at least one byte.
    fits = count <= entry.size if dtype == tf.string else count * dtype.size == entry.size
    if not fits or min(dimensions, default=0) < 0:
        raise Damaged("the size of {} does not fit its shape".format(name))


def _check_slices(name, entry, dimensions):
    """Slices of a partitioned variable, each of which has an entry of its own."""
    seen = set()
    for piece in entry.slices:
        extents = tuple((e.start, e.length if e.HasField("length") else None) for e in piece.extent)
        fits = len(extents) == len(dimensions) and all(
            (start == 0 if length is None else start >= 0 < length <= size - start)
            for (start, length), size in zip(extents, dimensions)
        )
        if not fits or extents in seen:
            raise Damaged("{} is not made of its parts".format(name))
        seen.add(extents)


def _entries(content):
    """List of (key, value) of all blocks, in order."""
    if len(content) < _FOOTER or not content.endswith(_MAGIC):
        raise Damaged("it does not end as an index does")
    end = len(content) - _FOOTER
    footer, at = content[end:], 0
    handles = []  # offset and size of the meta index block, then of the index block
    for _ in range(4):
        number, at = _varint(footer, at)
        handles.append(number)
    _block(content, handles[0], handles[1], end)
    entries, next_offset = [], 0
    for _, handle in _pairs(_block(content, handles[2], handles[3], end)):
        offset, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        if offset < next_offset:
            raise Damaged("its blocks overlap")
        entries += _pairs(_block(content, offset, size, end))
        next_offset = offset + size + _TRAILER
    keys = [key for key, _ in entries]
    if any(a >= b for a, b in zip(keys, keys[1:])):
        raise Damaged("its keys are not in order")
    return entries


def _block(content, offset, size, end):
    """The bytes of a block without its trailer."""
    if offset + size + _TRAILER > end:
        raise Damaged("a block lies beyond its end")
    block, trailer = content[offset : offset + size], content[offset + size :][:_TRAILER]
    crc = google_crc32c.value(block + trailer[:1])
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    if struct.unpack("<I", trailer[1:])[0] != masked:
        raise Damaged("a block does not match its checksum")
    if trailer[0]:
        raise Damaged("a block is compressed, which TensorFlow does not do")
    return block


def _pairs(block):
    """List of (key, value) of a block; it stores keys without the prefix shared with the last."""
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    if not restarts > 0 or end < 0:
        raise Damaged("a block is cut short")
    at, key, pairs, begins = 0, b"", [], {0}
    while at < end:
        begin = at
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise Damaged("a block is cut short")
        if not shared:
            begins.add(begin)
        key = key[:shared] + block[at : at + own]
        at += own
        pairs.append((key, block[at : at + length]))
        at += length
    if not begins.issuperset(struct.unpack("<{}I".format(restarts), block[end:-4])):
        raise Damaged("a block does not say where its keys begin")
    return pairs


def _varint(content, at):
    """(number, offset of the byte after it)."""
    value = shift = 0
    while shift < 64:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Damaged("a number has too many digits")
