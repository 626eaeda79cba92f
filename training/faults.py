"""What goes wrong inside TensorFlow, as sentences for the user."""

import contextlib
import logging
import re

import tensorflow.compat.v1 as tf

from data import input_pipeline
from data.files import failures, reason
from errors import UserError

# Ids beyond a table, or a feature of another length, further on than the first records.
_UNFIT_RECORD = re.compile(r"indices\[[^\n]* is not in \[0, \d+\)|Key: [^\n]*")


@contextlib.contextmanager
def output_errors(output_dir):
    """Names --output_dir where it cannot be written to."""
    try:
        yield
    except failures() as error:
        raise UserError(
            "cannot write to --output_dir {}: {}".format(output_dir, reason(error))
        ) from error


@contextlib.contextmanager
def session_errors(files):
    """Turns what damaged or unfit records, and a lack of memory, raise deep inside TensorFlow
    into one sentence.

    Args:
      files: the records that are read.
    """
    # TPUEstimator logs an exception before it raises it again; one report is enough.
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_drop_recorded)
    try:
        yield
    except tf.errors.DataLossError as error:
        raise input_pipeline.find_damage(files) or error from error
    except tf.errors.InvalidArgumentError as error:
        misfit = _UNFIT_RECORD.search(error.message or "")
        if not misfit:
            raise
        raise UserError(
            "a record of {} and the rest does not fit this run: {}".format(
                files[0], misfit.group(0)
            )
        ) from error
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "out of memory or disk space ({}); free some, take a smaller batch or more "
            "--gradient_accumulation_steps".format((error.message or "").split("\n")[0][:200])
        ) from error
    finally:
        logger.removeFilter(_drop_recorded)


def _drop_recorded(record):
    return not str(record.msg).startswith(("Error recorded from", "Closing session due"))
