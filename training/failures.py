"""Failures inside TensorFlow as one-sentence errors for the user."""

import contextlib
import logging
import re

from common.errors import UserError
from common.files import failures, reason
from common.lazy_tensorflow import tf
from common.log import log
from data.input.pipeline import OUT_OF_RANGE
from data.records import teacher_manifest
from data.records.checks import record_contents, verification

# A value out of its range, or a feature that is missing or of another length, behind the records
# that are checked at the start.
_UNFIT_RECORD = re.compile(
    OUT_OF_RANGE.format(r"\w+") + r"|(?:Key|Feature): (?P<name>\w+)[^\n]*"
    # Labels whose number the record's other features decide.
    r"|Received a label value[^\n]*"
)


@contextlib.contextmanager
def output_errors(output_dir):
    """Raises a UserError that names --output_dir if it cannot be written to."""
    try:
        yield
    except failures() as error:
        raise UserError(
            "cannot write to --output_dir {}: {}".format(output_dir, reason(error))
        ) from error


@contextlib.contextmanager
def session_errors(files, ranges=None, device_fault=lambda error: None, shards=()):
    """Raises a UserError in place of the exceptions that TensorFlow raises for damaged or unfit
    records, for a lack of memory and for devices that are not what they should be.

    Args:
      files: the records that are read.
      ranges: dict feature -> schema.Range of its values, or None.
      device_fault: Devices.session_fault.
      shards: the teacher's records that are read, too.
    """
    # TPUEstimator logs an exception before it raises it again; one report is enough.
    logger = logging.getLogger("tensorflow")
    is_outermost = _drop_recorded not in logger.filters  # an evaluation lies within a training
    logger.addFilter(_drop_recorded)
    try:
        yield
    except tf.errors.DataLossError as error:
        raise _damage(files, shards, error) from error
    except UnicodeDecodeError as error:  # TensorFlow quotes a record that it cannot parse
        place = _look_for(files)
        if not place:
            raise
        raise UserError("{}; write the records anew".format(place)) from error
    except tf.errors.InvalidArgumentError as error:
        misfit = _UNFIT_RECORD.search(error.message or "")
        if not misfit:
            raise
        place = _look_for(files, misfit.group("name"), ranges)
        if not place or misfit.group("name"):
            place = "{}, which does not fit this run: {}".format(
                place or "a record of {} and the rest".format(files[0]), misfit.group(0)
            )
        raise UserError("{}; write the records anew".format(place)) from error
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "out of memory or disk space ({}); free some, take a smaller batch or more "
            "--gradient_accumulation_steps".format((error.message or "").split("\n")[0][:200])
        ) from error
    except (tf.errors.OpError, RuntimeError) as error:
        fault = device_fault(error)
        if not fault:
            raise
        raise fault from error
    finally:
        if is_outermost:
            logger.removeFilter(_drop_recorded)


def _damage(files, shards, error):
    """UserError for a record that TensorFlow could not read."""
    log("a record cannot be read; looking for it in {} files".format(len(files) + len(shards)))
    for report in verification.verify([*files, *shards], {}, log):
        if report.faults and report.path in shards:
            return UserError("{}; {}".format(report.sentence(), teacher_manifest.ADVICE))
        if report.faults:
            return UserError(
                "{}; write the records anew, or skip the damaged records with "
                "--skip_damaged_records of run_pretraining.py (--verify_records finds it before "
                "training)".format(report.sentence())
            )
    return UserError(
        "TensorFlow could not read a record, but all are sound now; start again to resume from the "
        "last checkpoint ({})".format(_message(error))
    )


def _message(error):
    """The message of a TensorFlow error without its frame."""
    lines = [line.strip() for line in (error.message or "").split("\n")]
    return next((ln for ln in lines if ln and not ln.startswith("Graph execution")), "no reason")


def _look_for(files, feature_name=None, ranges=None):
    log("a record does not fit this run; looking for it in {} files".format(len(files)))
    try:
        return record_contents.find_misfit(files, feature_name, ranges)
    except UserError:  # damaged or removed since then; TensorFlow's message is reported
        return None


def _drop_recorded(record):
    return not str(record.msg).startswith(("Error recorded from", "Closing session due"))
