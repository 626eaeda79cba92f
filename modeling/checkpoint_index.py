"""Checks the index file of a checkpoint before TensorFlow opens it.

TensorFlow's reader trusts an index: a damaged one may make it ask for absurd amounts of memory or
end the whole process. The file is a table of sorted keys (LevelDB's format): blocks of keys and
values, each with a checksum, a block that lists the others, and a footer with the place of that
one, which no checksum covers. The values are tensor_bundle.proto's: what a tensor is, and where its
bytes lie.
"""

import contextlib
import struct
import warnings

import google_crc32c
import tensorflow.compat.v1 as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import tensor_bundle_pb2

MOST_BYTES = 64 << 20
MOST_SHARDS = 100000
_FOOTER, _TRAILER = 48, 5
_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
_MOST_DIMENSIONS = 254
_HEADER_KEY = b""


class Damaged(ValueError):
    """What is wrong with an index, in a few words."""


def check(prefix):
    """Checks an index and that the data files are as long as it says.

    Args:
      prefix: of a checkpoint.

    Raises:
      Damaged: they are not what TensorFlow writes.
      tf.errors.OpError: a file cannot be read.
    """
    with tf.io.gfile.GFile(prefix + ".index", "rb") as reader:
        content = reader.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Damaged("it has more than {} bytes".format(MOST_BYTES))
    try:
        entries = _entries(content)
    except (IndexError, struct.error):
        raise Damaged("a block is cut short") from None
    if not entries or entries[0][0] != _HEADER_KEY:
        raise Damaged("it has no header")
    header = _message(tensor_bundle_pb2.BundleHeaderProto, entries[0][1])
    if not 1 <= header.num_shards <= MOST_SHARDS or header.endianness != header.LITTLE:
        raise Damaged("its header names {} data files".format(header.num_shards))
    lengths = {}
    for key, value in entries[1:]:
        entry = _message(tensor_bundle_pb2.BundleEntryProto, value)
        if not 0 <= entry.shard_id < header.num_shards:
            raise Damaged("a tensor lies in data file {}".format(entry.shard_id))
        if entry.shard_id not in lengths:
            name = "{}.data-{:05d}-of-{:05d}".format(prefix, entry.shard_id, header.num_shards)
            lengths[entry.shard_id] = tf.io.gfile.stat(name).length
        _check_tensor(key, entry, lengths[entry.shard_id])


def _message(kind, value):
    message = kind()
    with contextlib.suppress(DecodeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message.ParseFromString(value)
        # What this library takes, TensorFlow's own may not; both agree on what it would write.
        if message.SerializeToString() == value:
            return message
    raise Damaged("an entry cannot be read")


def _check_tensor(key, entry, length):
    name = key.decode("utf-8", "backslashreplace")
    dimensions = [dimension.size for dimension in entry.shape.dim]
    if entry.shape.unknown_rank or len(dimensions) > _MOST_DIMENSIONS:
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
    # A text takes what it takes, but a byte at least.
    fits = count <= entry.size if dtype == tf.string else count * dtype.size == entry.size
    if not fits or min(dimensions, default=0) < 0:
        raise Damaged("the size of {} does not fit its shape".format(name))


def _check_slices(name, entry, dimensions):
    """Parts of a variable, each of which has an entry of its own."""
    seen = set()
    for part in entry.slices:
        extents = tuple((e.start, e.length if e.HasField("length") else None) for e in part.extent)
        fits = len(extents) == len(dimensions) and all(
            (start == 0 if length is None else start >= 0 < length <= size - start)
            for (start, length), size in zip(extents, dimensions)
        )
        if not fits or extents in seen:
            raise Damaged("{} is not made of its parts".format(name))
        seen.add(extents)


def _entries(content):
    """[(key, value)] of all blocks, in order."""
    if len(content) < _FOOTER or not content.endswith(_MAGIC):
        raise Damaged("it does not end as an index does")
    end = len(content) - _FOOTER
    footer, at = content[end:], 0
    places = []
    for _ in range(4):
        number, at = _varint(footer, at)
        places.append(number)
    _block(content, places[0], places[1], end)
    entries, behind = [], 0
    for _, place in _pairs(_block(content, places[2], places[3], end)):
        offset, at = _varint(place, 0)
        size, _ = _varint(place, at)
        if offset < behind:
            raise Damaged("its blocks overlap")
        entries += _pairs(_block(content, offset, size, end))
        behind = offset + size + _TRAILER
    keys = [key for key, _ in entries]
    if any(a >= b for a, b in zip(keys, keys[1:])):
        raise Damaged("its keys are not in order")
    return entries


def _block(content, offset, size, end):
    """The bytes of a block without its trailer."""
    if offset + size + _TRAILER > end:
        raise Damaged("a block lies behind its end")
    block, trailer = content[offset : offset + size], content[offset + size :][:_TRAILER]
    crc = google_crc32c.value(block + trailer[:1])
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    if struct.unpack("<I", trailer[1:])[0] != masked:
        raise Damaged("a block does not match its checksum")
    if trailer[0]:
        raise Damaged("a block is compressed, which TensorFlow does not do")
    return block


def _pairs(block):
    """[(key, value)] of a block: keys without what they share with the one before."""
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
    """(number, place behind it)."""
    value = shift = 0
    while shift < 64:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Damaged("a number has too many digits")
