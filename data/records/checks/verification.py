"""Checks record files completely, and compares them with their manifests.

A cut file, a flipped bit and a shard that was replaced are all detected: by the checksums of
records, the counts of the manifest, and its checksums of the parts that a shard is made of.
"""

import collections
import concurrent.futures
import os
import re
import time
from typing import List, NamedTuple, Optional

from common import files
from common.errors import UserError
from common.processes import available_cores
from common.progress import Progress
from common.progress import size as shown_size
from data.records.checks.check_processes import check_all
from data.records.checks.checker import REPLACED, UNREADABLE, Section
from data.records.tfrecord import describe

# Parts are read together up to about so many bytes; a large one is a section of its own.
_SECTION_BYTES = 64 << 20
_REMOTE_CALLS = 16


class Listing(NamedTuple):
    """The entry of a manifest for a file.

    Attributes:
      manifest: its path.
      bytes, records: of the file, or None.
      parts: [bytes, crc32c] of each part, or None.
    """

    manifest: str
    bytes: Optional[int]
    records: Optional[int]
    parts: Optional[List[list]]


# Further kinds of faults: the file has fewer bytes than listed, or more.
SHORT, LONG = "short", "long"


class Fault(NamedTuple):
    """A fault of a file.

    Attributes:
      kind: DAMAGED, UNREADABLE, REPLACED, SHORT or LONG.
      text: "is damaged: record 2 (byte 340) is cut off".
    """

    kind: str
    text: str


class Report(NamedTuple):
    """The result of checking a file.

    Attributes:
      path: of the file.
      bytes: its size.
      records: how many were read.
      listing: Listing, None where no manifest has an entry for it.
      faults: list of Fault, in the file's order.
    """

    path: str
    bytes: int
    records: int
    listing: Optional[Listing]
    faults: List[Fault]

    def has(self, *kinds):
        """Whether one of its faults is of one of the kinds."""
        return any(fault.kind in kinds for fault in self.faults)

    def sentence(self):
        """Its first fault: "records.0 is cut short: ..."."""
        return "{} {}".format(self.path, self.faults[0].text)


def listings(paths, manifests):
    """The entries of manifests for files: {path: Listing}, without files that have none.

    Args:
      paths: record files.
      manifests: {path: manifest} of them.

    Raises:
      UserError: the entry of a shard cannot be true.
    """
    listed = {}
    for manifest_path, manifest in manifests.items():
        folder = os.path.dirname(manifest_path)
        for name, shard in manifest["shards"].items():
            listed[os.path.normpath(os.path.join(folder, name))] = (manifest_path, name, shard)
    wanted = ((path, listed.get(os.path.normpath(path))) for path in paths)
    return {path: _listing(*entry) for path, entry in wanted if entry}


def _listing(manifest_path, name, shard):
    parts, size = shard.get("parts"), shard.get("bytes")
    if parts is not None:
        parts = [_part(p) for p in parts] if isinstance(parts, list) else [None]
        if None in parts or sum(length for length, _ in parts) != size:
            raise UserError(
                "manifest {} contradicts itself: the parts of {} are no list of bytes and crc32c "
                "that make up its {} bytes; write the records anew".format(
                    manifest_path, name, size
                )
            )
    return Listing(manifest_path, size, shard.get("records"), parts)


def _part(part):
    """[bytes, crc32c] of a manifest's part, None if it is none."""
    part = part if isinstance(part, dict) else {}
    length, checksum = part.get("bytes"), part.get("crc32c")
    is_part = type(length) is int and length >= 0 and isinstance(checksum, str)
    return [length, checksum] if is_part and re.fullmatch("[0-9a-f]{8}", checksum) else None


def check_sizes(paths, manifests):
    """Compares the files' sizes with those that manifests list, without reading the files.

    Raises:
      UserError: naming the first that differs, and how many do.
    """
    listed = listings(paths, manifests)
    sizes = _sizes([path for path in listed if listed[path].bytes is not None])
    wrong = [path for path, size in sizes.items() if size != listed[path].bytes]
    if wrong:
        raise UserError(
            "{} {}{}; write the records anew; --verify_records finds the place, "
            "--skip_damaged_records skips the damaged records".format(
                wrong[0],
                _size_fault(listed[wrong[0]], sizes[wrong[0]]).text,
                " ({} of {} files differ)".format(len(wrong), len(sizes)) if wrong[1:] else "",
            )
        )


def _sizes(paths):
    """{path: bytes} of files.

    Raises:
      UserError: one cannot be looked at.
    """

    def size(path):
        try:
            return files.size(path)
        except files.failures() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None

    if not any(map(files.is_remote, paths)):
        return {path: size(path) for path in paths}
    with concurrent.futures.ThreadPoolExecutor(_REMOTE_CALLS) as pool:
        return dict(zip(paths, pool.map(size, paths)))


def _size_fault(listing, size):
    has = _size_words(listing, size)
    if size < listing.bytes:
        return Fault(SHORT, "is cut short: {}".format(has))
    return Fault(LONG, "is not the file that its manifest lists: {}".format(has))


def _size_words(listing, size):
    return "it has {} bytes, manifest {} says {}".format(size, listing.manifest, listing.bytes)


def verify(paths, manifests, say, processes=None):
    """Reads files completely, each once, in as many processes as there are cores.

        paths = ["train.tfrecord"]
        reports = verify(paths, find_manifests(paths), log)
        [report.sentence() for report in reports if report.faults]

    Args:
      paths: record files, local or remote.
      manifests: {path: manifest} of them.
      say: called with lines for the user.
      processes: int; None: one to a core.

    Returns:
      [Report], one for each of the different files in the order of `paths`.

    Raises:
      UserError: see `listings`; a file is not there, or the processes are killed.
    """
    paths = list(dict.fromkeys(paths))
    listed, sizes = listings(paths, manifests), _sizes(paths)
    sections = [
        section for path in paths for section in _sections(path, sizes[path], listed.get(path))
    ]
    begin = time.monotonic()
    with Progress("verifying", sum(sizes.values()), say) as progress:
        results = check_all(sections, processes or available_cores(), progress)
    by_path = collections.defaultdict(list)
    for section, result in zip(sections, results):
        by_path[section.path].append(result)
    reports = [_report(path, sizes[path], listed.get(path), by_path[path]) for path in paths]
    _say_total(reports, time.monotonic() - begin, say)
    return reports


def _sections(path, size, listing):
    """Cuts a file into Sections at the borders of its listed parts."""
    sections, parts, begin, end = [], [], 0, 0
    for length, checksum in _parts(size, listing):
        if parts and end - begin + length > _SECTION_BYTES:
            sections.append(Section(path, begin, parts, size))
            parts, begin = [], end
        parts.append([length, checksum])
        end += length
    return sections + [Section(path, begin, parts, size)]


def _parts(size, listing):
    """[bytes, crc32c or None] of the parts that a file of `size` bytes holds."""
    parts, end = [], 0
    for length, checksum in (listing.parts if listing else None) or ():
        if end + length > size:
            break
        parts.append([length, checksum])
        end += length
    return parts + ([[size - end, None]] if end < size else [])


def _report(path, size, listing, results):
    records, faults = 0, []
    for result in results:
        faults += [_fault(fault, records, listing) for fault in result["faults"]]
        records += result["records"]
    if listing and listing.bytes not in (None, size):
        if faults:
            first = faults[0]
            text = "{} ({})".format(first.text, _size_words(listing, size))
            faults[0] = first._replace(text=text)
        faults.append(_size_fault(listing, size))
    elif listing and not faults and listing.records not in (None, records):
        text = "is not the file that manifest {} lists: it has {} records, that one {}"
        faults.append(Fault(REPLACED, text.format(listing.manifest, records, listing.records)))
    return Report(path, size, records, listing, faults)


def _fault(fault, records_before, listing):
    kind = fault["kind"]
    if kind == UNREADABLE:
        return Fault(kind, "cannot be read: {}".format(fault["text"]))
    if kind == REPLACED:
        text = (
            "is not the file that manifest {} lists: its records are sound, but bytes {} to {} "
            "have another checksum"
        )
        return Fault(kind, text.format(listing.manifest, fault["begin"], fault["end"]))
    return Fault(kind, describe(records_before + fault["record"], fault["byte"], fault["text"]))


def _say_total(reports, seconds, say):
    total = sum(report.bytes for report in reports)
    line = "verified: {} files, {:,} records, {} in {:.1f} s ({:.0f} MB/s), {} damaged".format(
        len(reports),
        sum(report.records for report in reports),
        shown_size(total),
        seconds,
        total / 1e6 / max(seconds, 1e-3),
        sum(bool(report.faults) for report in reports) or "none",
    )
    unlisted = sum(not report.listing or report.listing.bytes is None for report in reports)
    if unlisted:
        line += "; no manifest lists {} of them: a missing end would not be seen".format(unlisted)
    say(line)
