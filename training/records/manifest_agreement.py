"""Checks that the manifests of a run agree with each other, the model and the flags."""

from common.errors import UserError
from common.log import warn
from data.text.held_out import HELD_OUT
from data.tokenizers.text_settings import TextSettings

# Manifest keys on which all records of a run, those for evaluation too, must agree.
AGREED = (
    ("vocab_sha256", "vocabularies"),
    ("max_seq_length", "lengths (max_seq_length)"),
    ("max_predictions_per_seq", "numbers of predictions (max_predictions_per_seq)"),
)


def check_manifests(manifests, model_config, max_seq_length, max_predictions_per_seq):
    """Compares the manifests with each other, the model and the flags.

    Args:
      manifests: {path: manifest} of all records of the run.
      model_config: model config.
      max_seq_length, max_predictions_per_seq: the flags; None: not given.

    Raises:
      UserError: naming the manifests and both values.
    """
    for key, what in AGREED:
        said = [(path, m[key]) for path, m in manifests.items() if key in m]
        for path, value in said[1:]:
            if value != said[0][1]:
                raise UserError(
                    "{} and {} were made with different {}; use records of one kind".format(
                        said[0][0], path, what
                    )
                )
    expected = {
        "max_seq_length": max_seq_length,
        "max_predictions_per_seq": max_predictions_per_seq,
    }
    for path, manifest in manifests.items():
        size = manifest.get("vocab_size", model_config.vocab_size)
        if size != model_config.vocab_size:
            raise UserError(
                "vocabulary sizes differ: manifest {} says {}, config {} says {}".format(
                    path, size, model_config.source, model_config.vocab_size
                )
            )
        for key, value in expected.items():
            if value is not None and manifest.get(key, value) != value:
                raise UserError(
                    "--{}={}, but manifest {} says {}".format(key, value, path, manifest[key])
                )


def refuse_held_out(manifests):
    """Refuses to train on documents that are held out for evaluation.

    Args:
      manifests: {path: manifest} of the training records.

    Raises:
      UserError: a manifest says that its records are of them.
    """
    for path, manifest in manifests.items():
        if manifest.get("held_out", {}).get("side") == HELD_OUT:
            raise UserError(
                "--input_file reads {}, whose documents are held out for evaluation (manifest {}); "
                "name the other records alone".format(min(manifest["shards"]), path)
            )


def texts_of_records(manifests):
    """The settings that the texts of records were prepared with.

    Args:
      manifests: {path: manifest} of them.

    Returns:
      text_settings.TextSettings; None where a manifest does not say, or they differ, which is
      warned of.
    """
    flags = {path: manifest.get("flags", {}) for path, manifest in manifests.items()}
    stated = {
        path: TextSettings(
            values.get("do_lower_case"), values.get("normalize_quotes"), bool(values.get("t2s"))
        )
        for path, values in flags.items()
    }
    if not stated or any(None in settings for settings in stated.values()):
        return None
    first, *others = stated.items()
    for path, settings in others:
        if settings != first[1]:
            warn(
                "{} was made with {}, {} with {}: the model cannot say how its texts were "
                "prepared".format(first[0], first[1].shown(), path, settings.shown())
            )
            return None
    return first[1]
