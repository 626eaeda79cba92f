"""Room for predictions in the rows of a run: as its records have it, or by the share of masks."""

from common.features import PREDICTIONS
from common.log import log
from data.records.checks import record_contents
from data.rows.corruptions.masking import MaskingSpec, predictions_of_row

KEY = "max_predictions_per_seq"


def settle(given, manifests, corruption, record_files, max_seq_length):
    """The number of predictions that a row of the run has room for.

    Args:
      given: that of the command line or of a preset, or None.
      manifests: {path: manifest} of the records, which agree.
      corruption: Corruption that the manifests state for masks drawn in training, or None.
      record_files: paths.
      max_seq_length: of the records.

    Returns:
      int. What records hold decides, then what is given, then the share of masks.

    Raises:
      UserError: a file is damaged or empty.
    """
    for path, manifest in manifests.items():
        if KEY in manifest:
            return _noted(manifest[KEY], given, "as manifest {} says".format(path))
    if given is not None:
        return given
    record = record_contents.first_records(record_files[0], 1)[0]
    for places, _, _ in PREDICTIONS.values():
        if places in record:
            return _noted(len(record[places]), given, "as {} has it".format(record_files[0]))
    spec = corruption.spec if corruption else MaskingSpec()
    return predictions_of_row(spec.probability, max_seq_length)


def _noted(number, given, reason):
    if number != given:
        log("--max_predictions_per_seq={} ({})".format(number, reason))
    return number
