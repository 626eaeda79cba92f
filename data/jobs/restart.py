"""Results of an earlier run that a restart may keep: JSON records beside their files.

Incomplete or altered results are made again.
"""

import google_crc32c

from common import bounded_json, files
from common.errors import UserError
from common.validation import is_count, is_object, is_text
from data.jobs.statistics import are_statistics

_BLOCK_BYTES = 1 << 20


def finished_part(path, empty):
    """The result of Processor.run for the part `path` if both are whole, else None.

    Args:
      path: str.
      empty: statistics without counts, whose entries the part's must have.
    """
    result = _read(path + ".json", bounded_json.CONFIG_BYTES)
    if not _is_part(result) or not are_statistics(result.get("statistics"), empty):
        return None
    try:
        return result if _length_and_checksum(path) == (result["bytes"], result["crc32c"]) else None
    except OSError:
        return None


def finished_shard(path, empty):
    """The record of a shard (see Shard) in the file `path`; None where it is not whole.

    Args:
      path: str.
      empty: see `finished_part`.
    """
    record = _read(path, bounded_json.MANIFEST_BYTES)
    is_whole = (
        is_object(record)
        and is_count(record.get("bytes"))
        and isinstance(record.get("parts"), list)
        and all(map(_is_part, record["parts"]))
        and are_statistics(record.get("statistics"), empty)
    )
    return record if is_whole else None


def _read(path, max_bytes):
    if not files.exists(path):
        return None
    try:
        with files.open_file(path, "rb") as f:
            return bounded_json.load(f, path, max_bytes, nul=True)
    except (UserError, *files.failures()):
        return None


def _is_part(value):
    return is_object(value) and is_count(value.get("bytes")) and is_text(value.get("crc32c"))


def _length_and_checksum(path):
    length, checksum = 0, google_crc32c.Checksum()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(_BLOCK_BYTES), b""):
            checksum.update(block)
            length += len(block)
    return length, checksum.hexdigest().decode("ascii")
