"""What manifests and records say about a run: objective, masks, vocabulary, size of an epoch."""

from data import input_pipeline
from data.dynamic_masking import DynamicMasking
from data.masking import MaskingSpec
from data.tokenization import Vocabulary
from data.verification import listings
from errors import UserError
from modeling.objectives import get_objective
from training.log import log

# Record feature -> the objective that it tells; the first that is there counts.
TOLD_BY = {"pos_labels": "lert", "next_sentence_labels": "bert"}
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
      max_seq_length, max_predictions_per_seq: the flags.

    Raises:
      UserError: naming the manifests and both values.
    """
    for key, what in AGREED:
        said = [(path, m[key]) for path, m in manifests.items() if _binds(m, key)]
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
            if _binds(manifest, key) and manifest[key] != value:
                raise UserError(
                    "--{}={}, but manifest {} says {}".format(key, value, path, manifest[key])
                )


def _binds(manifest, key):
    """Whether the records fix a value: where masks are drawn in training, not their number."""
    is_dynamic = manifest.get("masking", {}).get("kind") == "dynamic"
    return key in manifest and not (is_dynamic and key == "max_predictions_per_seq")


def choose_objective(requested, train_files, manifests):
    """The objective that was asked for, or that of the manifests or of the first record.

    Args:
      requested: name of an objective, or "auto".
      train_files: record files.
      manifests: {path: manifest} of them.

    Raises:
      UserError: none of them says it, or manifests disagree.
    """
    named = {m["objective"]: path for path, m in manifests.items() if m.get("objective")}
    if requested != "auto":
        name, reason = requested, "by --objective"
    elif len(named) > 1:
        raise UserError(
            "the records were made for different objectives: {}; give --objective".format(
                ", ".join("{} in {}".format(*item) for item in sorted(named.items()))
            )
        )
    elif named:
        name, path = next(iter(named.items()))
        reason = "manifest {} says so".format(path)
    else:
        features = input_pipeline.first_records(train_files[0], 1)[0]
        told = [n for n in TOLD_BY if n in features and "masked_lm_ids" in features]
        if not told:
            raise UserError(
                "cannot tell the objective: no manifest beside {} and its records have {}; give "
                "--objective".format(train_files[0], ", ".join(features))
            )
        name = TOLD_BY[told[0]]
        reason = "no manifest, and {} has {}".format(train_files[0], told[0])
    objective = get_objective(name)
    log("objective: {} ({})".format(name, reason))
    return objective


def choose_masking(manifests, vocab_file, max_predictions_per_seq, seed):
    """How masks are drawn in training, as the manifests say; None where the records hold them.

    Args:
      manifests: {path: manifest} of all records.
      vocab_file: --vocab_file, or None.
      max_predictions_per_seq: masked positions of a row.
      seed: of the draws.

    Raises:
      UserError: the manifests differ, or vocab_file is missing or another one.
    """
    kinds = {path: m["masking"] for path, m in manifests.items() if "masking" in m}
    dynamic = {path: m for path, m in kinds.items() if m["kind"] == "dynamic"}
    if not dynamic:
        return None
    path, said = next(iter(dynamic.items()))
    if any(other != said for other in kinds.values()):
        raise UserError(
            "{} and {} were made with other masking; use records of one kind".format(*kinds)
        )
    if not vocab_file:
        raise UserError("{} says that masks are drawn in training: give --vocab_file".format(path))
    vocabulary = Vocabulary(vocab_file)
    if vocabulary.sha256 != manifests[path]["vocab_sha256"]:
        raise UserError(
            "--vocab_file {} is not the vocabulary of the records ({})".format(vocab_file, path)
        )
    try:
        spec = MaskingSpec(
            said["probability"],
            said["unit"],
            said["ngram_probs"],
            said["replacement"],
            max_predictions_per_seq,
        )
    except UserError as error:
        raise UserError("manifest {}: {}".format(path, error)) from error
    log("masks: drawn anew for every batch, {:.0%} by {}".format(spec.probability, spec.unit))
    return DynamicMasking(spec, vocabulary.mask, vocabulary.random_replacements().tolist(), seed)


def count_records(files, manifests):
    """Rows in record files as their manifests count them; None if one of them is not listed.

    Args:
      files: record files.
      manifests: {path: manifest} of them.
    """
    listed = listings(files, manifests)
    counts = [listed[path].records if path in listed else None for path in files]
    return None if None in counts else sum(counts)
