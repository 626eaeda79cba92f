"""Whether a piece of a record file is sound: the work of one checking process.

Such a process (`serve`) imports no TensorFlow, which alone takes some 400 MB.
"""

import json
import sys
import time
from typing import List, NamedTuple

import google_crc32c

from common import files
from data.records.tfrecord import CUT, Damaged, Reader, walk


class Section(NamedTuple):
    """A stretch of a record file that is checked by one process.

    Attributes:
      path: of the file.
      begin: its first byte.
      parts: [bytes, crc32c in hex digits or None] of the neighbouring parts of the shard that it is
        made of, which each begin with a record.
      size: bytes of the whole file.
    """

    path: str
    begin: int
    parts: List[list]
    size: int


# A sound part whose bytes are others than listed, a part with a damaged record, a file that cannot
# be read.
REPLACED, DAMAGED, UNREADABLE = "replaced", "damaged", "unreadable"

_PROGRESS_SECONDS = 0.2


def bytes_of(section):
    """Length of a section."""
    return sum(length for length, _ in section.parts)


def check(section, advance):
    """Reads a section: lengths and checksums of all records, and those of its parts.

    Args:
      section: Section.
      advance: called with numbers of bytes that have been looked at, all of the section in the end.

    Returns:
      {"records": sound ones before the first fault of each part, "faults": [fault]}, one for a
      part, in order. A fault is {"kind", "text"}; with DAMAGED also "byte" and "record", counted
      from the section's first and exact in the first fault; with REPLACED "begin" and "end", bytes.
    """
    result = {"records": 0, "faults": []}
    progress = _Progress(advance)
    try:
        with files.open_file(section.path, "rb") as f:
            begin = section.begin
            for length, checksum in section.parts:
                end = begin + length
                records, crc, damage = _read_part(f, begin, end, progress.add)
                result["records"] += records
                if damage:
                    result["faults"].append(
                        _damage_fault(damage, result["records"], end, section.size)
                    )
                elif checksum not in (None, crc):
                    fault = {"kind": REPLACED, "begin": begin, "end": end}
                    result["faults"].append(dict(fault, text="another checksum"))
                progress.up_to(end - section.begin)
                begin = end
    except files.failures() as error:
        result["faults"].append({"kind": UNREADABLE, "text": files.reason(error)})
    except MemoryError:
        result["faults"].append(
            {"kind": UNREADABLE, "text": "a record is too large for the memory"}
        )
    progress.up_to(bytes_of(section))
    return result


class _Progress:
    """Counts the bytes reported as done, to report the rest at the end of a part."""

    def __init__(self, advance):
        self._advance, self._done = advance, 0

    def add(self, count):
        self._advance(count)
        self._done += count

    def up_to(self, total):
        if total > self._done:
            self.add(total - self._done)


def _read_part(f, begin, end, advance):
    """(sound records before the first damaged one, crc32c in hex digits, Damaged or None)."""
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
    """Checks sections until there are no more: the main function of a checking process.

    Args:
      requests: binary file, a line of JSON (a Section as a list) for each.
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
            result = check(Section(*json.loads(line.decode("ascii"))), advance)
            reply(waiting)
            waiting = 0
            reply(result)
    except BrokenPipeError:  # the parent has exited
        sys.stderr.close()
