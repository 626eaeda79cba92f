"""Small record shards with the manifest that data creation would write, and damage to them."""

import google_crc32c

from data.records.tfrecord import enframe


def write_shard(path, parts):
    """Writes records as a shard.

    Args:
      path: pathlib.Path.
      parts: list of lists of bytes, the records of each part.

    Returns:
      What a manifest lists of it.
    """
    framed = [b"".join(map(enframe, part)) for part in parts]
    path.write_bytes(b"".join(framed))
    return {
        "bytes": sum(map(len, framed)),
        "records": sum(map(len, parts)),
        "parts": [
            {"bytes": len(p), "crc32c": "{:08x}".format(google_crc32c.value(p))} for p in framed
        ],
    }


def borders(records):
    """First bytes of records in their file, and its end."""
    places = [0]
    for record in records:
        places.append(places[-1] + len(enframe(record)))
    return places


def change(path, *places):
    """Flips a bit of each byte of a file that is named."""
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 4
    path.write_bytes(bytes(content))
