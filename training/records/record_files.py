"""The record files that a run reads: the given ones, or copies without their damaged records."""

import dataclasses
import os
import tempfile
from typing import Any, Dict, Optional, Tuple

from common import files
from common.errors import UserError, some
from common.log import log, warn
from data.records import tfrecord
from data.records.checks import mending, verification
from data.records.checks.checker import REPLACED, UNREADABLE
from training.checkpoints.recovery import MENDED_FOLDER
from training.failures import output_errors


@dataclasses.dataclass
class RecordFiles:
    """The files of training and evaluation.

    Attributes:
      places: {path that the user named: (path to read, rows in it, None where nothing says it)}.
      scratch: a temporary folder of copies, removed with this object.
    """

    places: Dict[str, Tuple[str, Optional[int]]]
    scratch: Any = None

    def of(self, paths):
        """([path to read], rows in all of them or None) of some of the files."""
        places = [self.places[path] for path in paths]
        counts = [count for _, count in places]
        return [place for place, _ in places], None if None in counts else sum(counts)


def check(paths, manifests, verify=False):
    """Checks the files of a run before it begins; what is damaged is an error.

    Args:
      paths: of the files.
      manifests: {path: manifest} of them.
      verify: read them completely; otherwise their sizes are compared with the manifests'.

    Returns:
      RecordFiles.

    Raises:
      UserError: a file is damaged, or another one than a manifest lists.
    """
    paths = list(dict.fromkeys(paths))
    _refuse_other_kinds(paths)
    if not verify:
        verification.check_sizes(paths, manifests)
        listed = verification.listings(paths, manifests)
        counts = {path: listed[path].records for path in listed}
        return RecordFiles({path: (path, counts.get(path)) for path in paths})
    reports = verification.verify(paths, manifests, log)
    damaged = [report for report in reports if report.faults]
    if damaged:
        _refuse(damaged, len(paths))
    return _files_to_read(reports, {})


def _refuse_other_kinds(paths):
    """Raises UserError for a local file that holds no records by its first bytes."""
    try:
        for path in paths:
            if not files.is_remote(path):
                tfrecord.refuse_other_kind(path)
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def mend(paths, manifests, output_dir, dry_run=False):
    """Reads the files of a run completely, and makes copies of damaged ones without the damage.

    A copy stands in the place of its file, so that the order of rows is the same in every run
    with the same damage.

    Args:
      paths, manifests: see `check`.
      output_dir: the copies go into its folder `mended`.
      dry_run: make them in a temporary folder.

    Returns:
      RecordFiles.

    Raises:
      UserError: a file holds nothing sound, is another one than a manifest lists, or cannot be
        read or written.
    """
    paths = list(dict.fromkeys(paths))
    reports = verification.verify(paths, manifests, log)
    damaged = [report for report in reports if report.faults]
    # A sound file that is not the listed one has no damaged record to skip.
    for report in damaged:
        if report.has(REPLACED, UNREADABLE):
            raise _cannot_be_mended(report)
    scratch = tempfile.TemporaryDirectory(prefix="quanci-") if dry_run else None
    copies = _mend_all(damaged, scratch.name if scratch else output_dir, paths) if damaged else {}
    return dataclasses.replace(_files_to_read(reports, copies), scratch=scratch)


def _files_to_read(reports, copies):
    """RecordFiles.

    Args:
      reports: [Report] of them all.
      copies: {path: (path of its copy, records in it)}.
    """
    read = {report.path: (report.path, report.records) for report in reports}
    return RecordFiles({**read, **copies})


def _refuse(damaged, files_in_all):
    others = ""
    if len(damaged) > 1:
        for report in damaged:
            warn(report.sentence())
        others = " ({} of {} files are not sound, each is named above)".format(
            len(damaged), files_in_all
        )
    raise UserError(
        "{}{}; write the records anew, or skip the damaged records with "
        "--skip_damaged_records".format(damaged[0].sentence(), others)
    )


def _cannot_be_mended(report):
    return UserError(
        "{}; --skip_damaged_records cannot repair this: write the records anew, or take the "
        "file out of --input_file and --eval_file".format(report.sentence())
    )


def _mend_all(damaged, output_dir, paths):
    """{path: (path of its copy, records in it)} of damaged files.

    Args:
      damaged: [Report] of them.
      output_dir: where the folder for copies is.
      paths: all record files of the run.
    """
    folder = os.path.join(output_dir, MENDED_FOLDER)
    with output_errors(output_dir):
        files.make_directories(folder)
    names = mending.copy_names([report.path for report in damaged], folder, paths)
    copies = {report.path: mending.mend(report.path, names[report.path]) for report in damaged}
    for report in damaged:
        mended = copies[report.path]
        if not mended.gaps and not report.has(verification.SHORT):
            files.remove_if_there(names[report.path])
            raise _cannot_be_mended(report)
        warn(_loss(report, mended, names[report.path]))
    log(
        "skipped: {:,} bytes of {} files; {:,} records of them are kept".format(
            sum(mended.bytes for mended in copies.values()),
            len(copies),
            sum(mended.records for mended in copies.values()),
        )
    )
    return {path: (names[path], mended.records) for path, mended in copies.items()}


def _loss(report, mended, copy):
    """The loss of a file, as a sentence."""
    lost = "{:,} bytes are lost".format(mended.bytes)
    listed = report.listing and report.listing.records
    if listed is not None:
        lost = "{:,} are lost of {:,} that manifest {} lists".format(
            max(0, listed - mended.records), listed, report.listing.manifest
        )
    places = [str(byte) for byte in mended.first_bytes]
    places += [""] * (mended.gaps - len(places))
    return "{}; {:,} records are kept, {}{}; read in its place: {}".format(
        report.sentence(),
        mended.records,
        lost,
        " (at byte {})".format(some(places, mending.SHOWN_GAPS)) if places else "",
        copy,
    )
