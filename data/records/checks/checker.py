"""Whether a piece of a record file is sound: the work of one checking process.

Such a process (`serve`) imports no TensorFlow, which alone takes some 400 MB.
"""

import collections
import json
import sys
import time

import google_crc32c

from common import files
from data.records.tfrecord import CUT, Damaged, Reader, walk

# A piece of a file. path; begin: its first byte; parts: [bytes, crc32c in hex digits or None] of
# the neighbouring parts it is made of, which each begin with a record; size: of the whole file.
Unit = collections.namedtuple("Unit", ["path", "begin", "parts", "size"])

# A sound part whose bytes are others than listed, a part with a damaged record, a file that the
# operating system does not give out.
REPLACED, DAMAGED, UNREADABLE = "replaced", "damaged", "unreadable"

_PROGRESS_SECONDS = 0.2


def bytes_of(unit):
    """Length of a unit."""
    return sum(length for length, _ in unit.parts)


def check(unit, advance):
    """Reads a unit: lengths and checksums of all records, and those of its parts.

    Args:
      unit: Unit.
      advance: called with numbers of bytes that have been looked at, all of the unit in the end.

    Returns:
      {"records": sound ones in front of the first fault of each part, "faults": [fault]}, one for a
      part, in order. A fault is {"kind", "text"}; with DAMAGED also "byte" and "record", counted
      from the unit's first and exact in the first fault; with REPLACED "begin" and "end", bytes.
    """
    found = {"records": 0, "faults": []}
    progress = _Progress(advance)
    try:
        with files.open_file(unit.path, "rb") as f:
            begin = unit.begin
            for length, checksum in unit.parts:
                end = begin + length
                records, crc, damage = _read_part(f, begin, end, progress.add)
                found["records"] += records
                if damage:
                    found["faults"].append(_damage_fault(damage, found["records"], end, unit.size))
                elif checksum not in (None, crc):
                    fault = {"kind": REPLACED, "begin": begin, "end": end}
                    found["faults"].append(dict(fault, text="another checksum"))
                progress.up_to(end - unit.begin)
                begin = end
    except files.failures() as error:
        found["faults"].append({"kind": UNREADABLE, "text": files.reason(error)})
    except MemoryError:
        found["faults"].append({"kind": UNREADABLE, "text": "a record is too large for the memory"})
    progress.up_to(bytes_of(unit))
    return found


class _Progress:
    """Counts what was said to be done, to say the rest at the end of a part."""

    def __init__(self, advance):
        self._advance, self._done = advance, 0

    def add(self, count):
        self._advance(count)
        self._done += count

    def up_to(self, total):
        if total > self._done:
            self.add(total - self._done)


def _read_part(f, begin, end, advance):
    """(sound records in front of the first damaged one, crc32c in hex digits, Damaged or None)."""
    records, crc = 0, 0

    def seen(content):
        nonlocal crc
        crc = google_crc32c.extend(crc, content)
        advance(len(content))

    try:
        for _ in walk(Reader(f, begin, end, seen), begin):
            records += 1
    except Damaged as damage:
        return records, None, damage
    return records, "{:08x}".format(crc), None


def _damage_fault(damage, record, end, size):
    text = str(damage)
    if text == CUT and end < size:
        text = "reaches beyond byte {}, where another should begin".format(end)
    return {"kind": DAMAGED, "record": record, "byte": damage.byte, "text": text}


def serve(requests, replies):
    """Checks units until there are no more: the main function of a checking process.

    Args:
      requests: binary file, a line of JSON (a Unit as a list) for each.
      replies: binary file for lines of JSON: numbers of bytes that have been looked at, and what
        `check` returns.
    """
    sent, waiting = time.monotonic(), 0

    def reply(value):
        replies.write(json.dumps(value).encode("ascii") + b"\n")
        replies.flush()

    def advance(count):
        nonlocal sent, waiting
        waiting += count
        if time.monotonic() - sent > _PROGRESS_SECONDS:
            reply(waiting)
            sent, waiting = time.monotonic(), 0

    try:
        for line in requests:
            found = check(Unit(*json.loads(line.decode("ascii"))), advance)
            reply(waiting)
            waiting = 0
            reply(found)
    except BrokenPipeError:  # whoever asked is gone
        sys.stderr.close()
