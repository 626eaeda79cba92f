"""The scan of a corpus by worker processes, and what becomes of its documents."""

import contextlib
import os
import tempfile

import numpy as np

from common import files, outputs
from common.progress import Progress
from data.jobs.executors import LocalProcesses
from data.scan import blocks, duplicates
from data.text import corpus, encodings

COUNTS = ("lines", *blocks.COUNTS, duplicates.EXACT, duplicates.NEAR)


class ScanWork:
    """What worker processes make processors of; see jobs.work.Work."""

    def __init__(self, settings):
        self.settings = settings

    def make_processor(self):
        """ScanProcessor.

        Raises:
          UserError: datasketch is needed and not installed.
        """
        return ScanProcessor(self.settings)


class ScanProcessor:
    """Scans units; see jobs.processor.Processor."""

    def __init__(self, settings):
        self._settings = settings
        self._sketch = duplicates.make_sketch() if settings.near_duplicates else None

    def run(self, unit, target, progress, contents=None):
        """Scans a unit.

        Args:
          unit: corpus.Unit.
          target: path that its documents are written to, where they are kept.
          progress, contents: see jobs.processor.Processor.run.

        Returns:
          list of blocks.BlockScan, in the order of the text.

        Raises:
          UserError: see corpus.unit_blocks.
        """
        found = []
        with open(target, "wb") if self._settings.keeps else contextlib.nullcontext() as out:
            for sources, read in corpus.unit_blocks(
                unit, self._settings.input_format, contents=contents, errors="replace"
            ):
                for source in sources:
                    found.append(blocks.scan(source, self._settings, self._sketch))
                    if out:
                        out.writelines(found[-1].kept)
                        found[-1].kept.clear()
                progress(read)
        return found


class Scan:
    """A corpus being scanned: a job of jobs.executors, in memory but for the kept documents.

    Attributes:
      work: ScanWork.
      units: list of corpus.Unit.
      parts: folder of the kept documents.
      found: list of the list of BlockScan of each unit, None until it is done.
    """

    def __init__(self, settings, units, parts):
        self.work, self.units, self.parts = ScanWork(settings), units, parts
        self.found = [None] * len(units)

    def part(self, unit):
        """Path of a unit's kept documents."""
        return os.path.join(self.parts, "unit-{:05d}".format(unit.index))

    def missing(self):
        """Units that are still to be done."""
        return [unit for unit in self.units if self.found[unit.index] is None]

    def unit_done(self, unit, result):
        """Takes what was found in a unit."""
        self.found[unit.index] = result


class FileScan:
    """What was found in a file.

    Attributes:
      path, encoding: of the file; encoding with "with BOM" where it begins with such a mark.
      counts: dict of "lines", blocks.COUNTS, duplicates.EXACT and NEAR -> number.
      examples: dict of blocks.FAULTS -> list of its first lines, from 1.
    """

    def __init__(self, path, encoding):
        self.path, self.encoding = path, encoding
        self.counts = dict.fromkeys(COUNTS, 0)
        self._line_ends = 0
        self.examples = {name: [] for name in blocks.FAULTS}

    def add(self, block):
        """Adds the next block; returns the number of lines before it."""
        before = self._line_ends
        self._line_ends += block.line_ends
        self.counts["lines"] = self._line_ends + block.is_open
        for name, count in block.counts.items():
            self.counts[name] += count
        for name, lines in block.examples.items():
            self.examples[name] += [before + line for line in lines]
            del self.examples[name][blocks.EXAMPLES :]
        return before


class Documents:
    """All documents of a corpus, some 30 bytes each.

    Attributes:
      files: int32 [documents], index of each one's file.
      lines: int64 [documents], its first line.
      originals: int64 [documents], the earlier document that it is a copy of, -1 without one.
      is_near: bool [documents]: the copies that are not equal.
    """

    def __init__(self, numbers, found, lines, threshold):
        """`numbers`: of the files of the blocks `found`; `lines`: list of array for each block."""
        sizes = [len(block.lines) for block in found]
        self.files = np.repeat(np.array(numbers, np.int32), sizes)
        self.lines = _joined(lines, np.int64)
        self.originals = duplicates.first_copies(_joined([b.digests for b in found], np.uint64))
        self.is_near = np.zeros(len(self.files), bool)
        if threshold and len(self.files):
            sketches = np.concatenate([b.sketches for b in found if len(b.lines)])
            self.is_near = duplicates.add_near_copies(self.originals, sketches, threshold)


def _joined(arrays, kind):
    return np.concatenate([*arrays, np.zeros(0, kind)]).astype(kind)


def scan(paths, settings, workers, say, output=None, drops=False):
    """Scans files.

    Args:
      paths: list of their names.
      settings: blocks.ScanSettings.
      workers: int, processes.
      say: called with lines for the user.
      output: path that the kept documents are written to, or None.
      drops: whether copies are not kept.

    Returns:
      (list of FileScan in the order of `paths`, Documents).

    Raises:
      UserError: a file cannot be read, is of another kind or a damaged compressed one; the output
        cannot be written.
    """
    units = corpus.plan_units(
        paths, settings.input_format, encoding=settings.encoding, unknown=encodings.UTF8
    )
    of_files = {path: FileScan(path, "") for path in paths}
    for stretch in (stretch for unit in units for stretch in unit.ranges):
        of_files[stretch.path].encoding = encodings.described(stretch.path, stretch.encoding)
    folder = os.path.dirname(output) if output and not files.is_remote(output) else None
    with tempfile.TemporaryDirectory(prefix="._quanci-scan-", dir=folder or None) as parts:
        job = Scan(settings, units, parts)
        with Progress("scan", sum(unit.size for unit in units), say) as progress:
            LocalProcesses(workers).run(job, progress, say)
        found = [block for of_unit in job.found for block in of_unit]
        lines = [of_files[block.path].add(block) + block.lines for block in found]
        numbers = {path: number for number, path in enumerate(of_files)}
        all_documents = Documents(
            [numbers[block.path] for block in found], found, lines, settings.near_duplicates
        )
        of_files = list(of_files.values())
        _count_copies(of_files, all_documents)
        if output:
            _write(job, output, all_documents.originals >= 0 if drops else None)
    return of_files, all_documents


def _count_copies(of_files, all_documents):
    is_copy = all_documents.originals >= 0
    for name, chosen in (
        (duplicates.EXACT, is_copy & ~all_documents.is_near),
        (duplicates.NEAR, all_documents.is_near),
    ):
        numbers = np.bincount(all_documents.files[chosen], minlength=len(of_files))
        for of_file, number in zip(of_files, numbers.tolist()):
            of_file.counts[name] = number


def _write(job, output, is_left_out):
    """Writes the kept documents in the order of the corpus."""
    at = 0
    with outputs.replacing(output) as out:
        for unit, found in zip(job.units, job.found):
            with open(job.part(unit), "rb") as part:
                for block in found:
                    for size in block.sizes.tolist():
                        content = part.read(size)
                        if is_left_out is None or not is_left_out[at]:
                            out.write(content)
                        at += 1
            os.remove(job.part(unit))
