"""Copies of damaged record files that hold what is sound in them."""

import itertools
from typing import List, NamedTuple

from common import files, outputs
from common.errors import UserError
from data.records.tfrecord import Damaged, Reader, enframe, next_record, walk

SHOWN_GAPS = 4
_WAIT_SECONDS = 600.0


class Mended(NamedTuple):
    """The content of a copy of a damaged file.

    Attributes:
      records: how many.
      gaps: how many places were skipped.
      first_bytes: where the first of them begin.
      bytes: of all of them.
    """

    records: int
    gaps: int
    first_bytes: List[int]
    bytes: int


def mend(source, target):
    """Writes all records of a damaged file whose checksums hold, in order.

    The same damage gives the same bytes. A record with a sound header is passed over by its
    length; elsewhere the next place is searched where header and content of a record hold.

    Args:
      source: record file, local or remote.
      target: name of the copy; written under another name first.

    Returns:
      Mended.

    Raises:
      UserError: nothing in the file is sound, or a file cannot be read or written.
    """
    try:
        # A training and an evaluation may mend the same file at the same time.
        with files.open_file(source, "rb") as f, outputs.replacing(target, _WAIT_SECONDS) as out:
            mended = _copy_sound(Reader(f, 0, files.size(source)), out)
            if not mended.records:
                raise UserError(
                    "{} holds no sound record; write it anew, or remove it from "
                    "--input_file".format(source)
                )
    except files.failures() as error:
        raise UserError(
            "cannot mend {} as {}: {}".format(source, target, files.reason(error))
        ) from None
    return mended


def _copy_sound(reader, out):
    records = gaps = left_out = at = 0
    first_bytes = []
    while at < reader.end:
        try:
            for content in walk(reader, at):
                framed = enframe(content)
                out.write(framed)
                records += 1
                at += len(framed)
            break
        except Damaged as damage:
            begin, at = damage.byte, next_record(reader, damage.byte + 1, damage.end)
        gaps += 1
        left_out += at - begin
        if gaps <= SHOWN_GAPS:
            first_bytes.append(begin)
    return Mended(records, gaps, first_bytes, left_out)


def copy_names(paths, folder, taken):
    """Names in one folder for copies of files, whose own names may be the same.

    Args:
      paths: files to be copied, in an order that stays.
      folder: where the copies go.
      taken: paths that must not be used.

    Returns:
      {path: path of its copy}.
    """
    names, used = {}, set(taken)
    for path in paths:
        stem = "{}/{}".format(folder.rstrip("/"), path.rsplit("/", 1)[-1])
        candidates = (stem if n == 1 else "{}.{}".format(stem, n) for n in itertools.count(1))
        names[path] = next(name for name in candidates if name not in used)
        used.add(names[path])
    return names
