"""Damaged index files of checkpoints, with wrong and with right checksums.

An index is a table of sorted keys (LevelDB's format): blocks, each followed by a byte that says how
it is compressed and a masked CRC-32C, and a footer with the places of two of them, which no
checksum covers.
"""

import struct

from fuzzing.mutations import mutate_bytes

FOOTER, TRAILER = 48, 5
_MAGIC = bytes.fromhex("57fb808b247547db")
_NUMBERS = [0, 1, 2, 47, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1]


def mutate_index(rng, content):
    """The bytes of an index with some damage."""
    kind = rng.randrange(4)
    if kind == 0:
        return mutate_bytes(rng, content)
    if kind == 1:
        return _mutate_footer(rng, content)
    if kind == 2:
        return _mutate_block(rng, content)
    return _mutate_entries(rng, content)


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_varint(content, at):
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _handles(content):
    """[meta offset, meta size, index offset, index size] of the footer."""
    footer, at, values = content[-FOOTER:], 0, []
    for _ in range(4):
        value, at = read_varint(footer, at)
        values.append(value)
    return values


def _mutate_footer(rng, content):
    handles = _handles(content)
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(4)
        handles[at] = rng.choice(
            [*_NUMBERS, len(content), handles[at] + 1, max(0, handles[at] - 1)]
        )
    packed = b"".join(map(varint, handles))[: FOOTER - len(_MAGIC)]
    return content[:-FOOTER] + packed.ljust(FOOTER - len(_MAGIC), b"\x00") + _MAGIC


def _sealed(block, kind=0):
    """A block with its trailer."""
    from data.records.tfrecord import masked_crc

    body = block + bytes([kind])
    return body + struct.pack("<I", masked_crc(body))


def _blocks(content):
    """[(offset, size)] of data block (TensorFlow writes one for few variables), meta, index."""
    handles = _handles(content)
    return [(0, handles[0] - TRAILER), tuple(handles[:2]), tuple(handles[2:])]


def _mutate_block(rng, content):
    """Damage inside a block whose checksum is right again, of the same length or another."""
    offset, size = rng.choice(_blocks(content))
    block = content[offset : offset + size]
    changed = mutate_bytes(rng, block)[:size].ljust(size, b"\x00")
    if rng.random() < 0.5:
        changed = bytearray(block)
        for _ in range(rng.choice([1, 1, 2, 5])):
            at = rng.randrange(max(1, size))
            changed[at : at + 1] = bytes([rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])])
        changed = bytes(changed[:size])
    kind = rng.choice([0] * 8 + [1, 2])
    return content[:offset] + _sealed(changed, kind) + content[offset + size + TRAILER :]


def read_entries(content):
    """[(key, value)] of the first block."""
    size = _blocks(content)[0][1]
    block = content[:size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end, at, key, entries = size - 4 * (restarts + 1), 0, b"", []
    while at < end:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        length, at = read_varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        entries.append((key, block[at : at + length]))
        at += length
    return entries


def table(entries):
    """The bytes of an index with these entries in one block."""
    block = b""
    for key, value in entries:
        block += b"\x00" + varint(len(key)) + varint(len(value)) + key + value
    data = _sealed(block + struct.pack("<II", 0, 1))
    meta = _sealed(struct.pack("<II", 0, 1))
    place = varint(0) + varint(len(data) - TRAILER)
    last = entries[-1][0] + b"\x00" if entries else b""
    index = b"\x00" + varint(len(last)) + varint(len(place)) + last + place
    index = _sealed(index + struct.pack("<II", 0, 1))
    handles = (len(data), len(meta) - TRAILER, len(data) + len(meta), len(index) - TRAILER)
    packed = b"".join(map(varint, handles)).ljust(FOOTER - len(_MAGIC), b"\x00")
    return data + meta + index + packed + _MAGIC


def _mutate_entries(rng, content):
    """A well-formed table with absurd entries for its tensors."""
    from tensorflow.core.protobuf import tensor_bundle_pb2

    entries = read_entries(content)
    for _ in range(rng.choice([1, 1, 3])):
        at = rng.randrange(len(entries))
        key, value = entries[at]
        kind = tensor_bundle_pb2.BundleEntryProto if key else tensor_bundle_pb2.BundleHeaderProto
        message = kind()
        try:
            message.ParseFromString(value)
        except Exception:  # of a change before
            continue
        if key:
            _mutate_entry(rng, message)
        else:
            message.num_shards = rng.choice([0, -1, 2, 10**6, 2**31 - 1])
            message.endianness = rng.choice([0, 1])
            message.version.min_consumer = rng.choice([0, 99])
        value = message.SerializeToString()
        if rng.random() < 0.1:
            value = mutate_bytes(rng, value)
        entries[at] = (key, value)
    if rng.random() < 0.2:
        rng.shuffle(entries)
    if rng.random() < 0.2:
        del entries[rng.randrange(len(entries))]
    if rng.random() < 0.1:
        entries += [(b"\xff\x00zz", entries[-1][1])]
    return table(entries)


def _mutate_entry(rng, entry):
    number = rng.choice([*_NUMBERS[:-2], -1, -(2**62)])
    kind = rng.randrange(7)
    if kind == 0:
        entry.dtype = rng.choice([0, 2, 3, 7, 9, 14, 20, 21, 101, 999])
    elif kind == 1 and entry.shape.dim:
        entry.shape.dim[rng.randrange(len(entry.shape.dim))].size = number
    elif kind == 2:
        for _ in range(rng.choice([1, 2, 300])):
            entry.shape.dim.add().size = rng.choice([number, 1, 2, 0])
    elif kind == 3:
        entry.offset = number
    elif kind == 4:
        entry.size = number
    elif kind == 5:
        entry.shard_id = rng.choice([1, -1, 2**31 - 1])
    elif rng.random() < 0.5:
        entry.shape.unknown_rank = True
    else:
        for _ in range(rng.choice([1, 3])):
            extent = entry.slices.add().extent.add()
            extent.start, extent.length = rng.choice([0, 1, number]), rng.choice([1, number])
