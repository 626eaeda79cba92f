"""The record files that a run reads: the given ones, or copies without their damaged records."""

import dataclasses
import os
import tempfile
from typing import Any, List, Optional

from common import files
from common.errors import UserError, some
from common.log import log, warn
from data.records import tfrecord
from data.records.checks import mending, verification
from data.records.checks.checker import REPLACED, UNREADABLE
from training.checkpoints.recovery import MENDED_FOLDER
from training.failures import output_errors
from training.records.manifest_agreement import count_records


@dataclasses.dataclass
class RecordFiles:
    """The files of training and evaluation.

    Attributes:
      train_files, eval_files: paths.
      train_records, eval_records: rows in them, None where nothing says it.
      scratch: a temporary folder of copies, removed with this object.
    """

    train_files: List[str]
    eval_files: List[str]
    train_records: Optional[int]
    eval_records: Optional[int]
    scratch: Any = None

    def settings(self):
        """Fields of RunConfig."""
        names = ("train_files", "eval_files", "train_records", "eval_records")
        return {name: getattr(self, name) for name in names}


def check(train_files, eval_files, manifests, verify=False):
    """Checks the files of a run before it begins; what is damaged is an error.

    Args:
      train_files, eval_files: lists of paths, in which the same files may stand.
      manifests: {path: manifest} of them.
      verify: read them completely; otherwise their sizes are compared with the manifests'.

    Returns:
      RecordFiles.

    Raises:
      UserError: a file is damaged, or another one than a manifest lists.
    """
    paths = list(dict.fromkeys(train_files + eval_files))
    _refuse_other_kinds(paths)
    if not verify:
        verification.check_sizes(paths, manifests)
        counts = [count_records(some_files, manifests) for some_files in (train_files, eval_files)]
        return RecordFiles(train_files, eval_files, *counts)
    reports = verification.verify(paths, manifests, log)
    damaged = [report for report in reports if report.faults]
    if damaged:
        _refuse(damaged, len(paths))
    return _files_to_read(train_files, eval_files, reports, {})


def _refuse_other_kinds(paths):
    """Raises UserError for a local file that holds no records by its first bytes."""
    try:
        for path in paths:
            if not files.is_remote(path):
                tfrecord.refuse_other_kind(path)
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def mend(train_files, eval_files, manifests, output_dir, dry_run=False):
    """Reads the files of a run completely, and makes copies of damaged ones without the damage.

    A copy stands in the place of its file, so that the order of rows is the same in every run
    with the same damage.

    Args:
      train_files, eval_files, manifests: see `check`.
      output_dir: the copies go into its folder `mended`.
      dry_run: make them in a temporary folder.

    Returns:
      RecordFiles.

    Raises:
      UserError: a file holds nothing sound, is another one than a manifest lists, or cannot be
        read or written.
    """
    paths = list(dict.fromkeys(train_files + eval_files))
    reports = verification.verify(paths, manifests, log)
    damaged = [report for report in reports if report.faults]
    # A sound file that is not the listed one has no damaged record to skip.
    for report in damaged:
        if report.has(REPLACED, UNREADABLE):
            raise _cannot_be_mended(report)
    scratch = tempfile.TemporaryDirectory(prefix="quanci-") if dry_run else None
    copies = _mend_all(damaged, scratch.name if scratch else output_dir, paths) if damaged else {}
    return dataclasses.replace(
        _files_to_read(train_files, eval_files, reports, copies), scratch=scratch
    )


def _files_to_read(train_files, eval_files, reports, copies):
    """RecordFiles.

    Args:
      train_files, eval_files: lists of paths.
      reports: [Report] of them all.
      copies: {path: (path of its copy, records in it)}.
    """
    counts = {report.path: report.records for report in reports}
    counts.update((path, count) for path, (_, count) in copies.items())
    names = {path: copies[path][0] if path in copies else path for path in counts}
    return RecordFiles(
        [names[path] for path in train_files],
        [names[path] for path in eval_files],
        sum(counts[path] for path in train_files),
        sum(counts[path] for path in eval_files),
    )


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
