"""How the masks of a run are drawn: as its manifests say, or as its objective does."""

import collections

from common.errors import UserError
from common.log import log
from data.input.dynamic_masking import DynamicMasking
from data.records.checks import record_contents
from data.records.schema import MASKED_IDS
from data.rows.masking import ELECTRA_REPLACEMENT, MaskingSpec, predictions_limit
from data.tokenizers.vocabularies import model_vocabulary, read_vocabulary

# What manifests say of masks that are drawn in training. manifest: path of one of them; spec:
# MaskingSpec, whose max_predictions is the run's to choose; vocabulary: that of --vocab_file.
StatedMasking = collections.namedtuple("StatedMasking", ["manifest", "spec", "vocabulary"])
# How masks are drawn for records that have no manifest (google-research/electra,
# configure_pretraining.py: mask_prob).
UNSTATED_SPEC = MaskingSpec(0.15, "wordpiece", (1.0,), ELECTRA_REPLACEMENT, with_replacement=True)


def stated_masking(manifests, vocab_file):
    """What manifests say of masks that are drawn in training; None where nothing.

    Args:
      manifests: {path: manifest} of all records.
      vocab_file: --vocab_file, or None.

    Returns:
      StatedMasking or None.

    Raises:
      UserError: the manifests differ, or vocab_file is missing or another one.
    """
    said = {path: m["masking"] for path, m in manifests.items() if "masking" in m}
    dynamic = [path for path, masking in said.items() if masking["kind"] == "dynamic"]
    if not dynamic:
        return None
    path = dynamic[0]
    specs = {other: _spec_in(other, masking) for other, masking in said.items()}
    if len(dynamic) < len(said) or any(spec != specs[path] for spec in specs.values()):
        raise UserError(
            "{} and {} were made with other masking; use records of one kind".format(*said)
        )
    if not vocab_file:
        raise UserError("{} says that masks are drawn in training: give --vocab_file".format(path))
    vocabulary = read_vocabulary(vocab_file)
    if vocabulary.sha256 != manifests[path].get("vocab_sha256", vocabulary.sha256):
        raise UserError(
            "--vocab_file {} is not the vocabulary of the records ({})".format(vocab_file, path)
        )
    return StatedMasking(path, specs[path], vocabulary)


def _spec_in(path, masking):
    """MaskingSpec in a manifest; max_predictions is left at its default."""
    names = ("probability", "unit", "ngram_probs", "replacement")
    try:
        return MaskingSpec(
            **{name: masking[name] for name in names},
            with_replacement=masking.get("with_replacement", False),
        )
    except UserError as error:
        raise UserError("manifest {}: {}".format(path, error)) from error


def choose_masking(
    stated, objective, train_files, vocab_file, model_config, run_config, probability=None
):
    """How masks are drawn in training; None where the records hold them.

    An objective that reads masked_input_ids has its masks drawn in training always, from records
    of unmasked rows; how many predictions a row has room for then follows from their share.

    Args:
      stated: StatedMasking or None.
      objective: the chosen one.
      train_files: record files.
      vocab_file: --vocab_file, or None.
      model_config: model config.
      run_config: RunConfig, of which max_seq_length, max_predictions_per_seq and seed count.
      probability: share of the pieces, instead of what the manifests say (0.15 without any).

    Returns:
      DynamicMasking or None.

    Raises:
      UserError: vocab_file is missing or not the model's, the records hold masks, or the share is
        out of range.
    """
    apart = MASKED_IDS in objective.feature_names
    if stated is None and not apart:
        return None
    if stated is None:
        _check_unmasked(train_files[0], objective)
        vocabulary = _vocabulary_for(objective, vocab_file, model_config)
        spec, origin = UNSTATED_SPEC, "no manifest says how"
    else:
        spec, vocabulary, origin = stated.spec, stated.vocabulary, "as the manifest says"
    share, room = probability or spec.probability, run_config.max_predictions_per_seq
    if apart:
        room = predictions_limit(share, run_config.max_seq_length)
    spec = MaskingSpec(**dict(spec._asdict(), probability=share, max_predictions=room))
    log(
        "masks: drawn anew for every batch, {:.0%} by {}{}, at most {} a row ({})".format(
            spec.probability,
            spec.unit,
            " with replacement" if spec.with_replacement else "",
            spec.max_predictions,
            origin if probability is None else "the share was asked for",
        )
    )
    return DynamicMasking(
        spec,
        vocabulary.mask,
        vocabulary.random_replacements().tolist(),
        run_config.seed,
        (vocabulary.cls, vocabulary.sep, vocabulary.mask),
        apart,
    )


def _check_unmasked(path, objective):
    if "masked_lm_ids" in record_contents.first_records(path, 1)[0]:
        raise UserError(
            "{} holds masked rows, but --objective={} draws masks in training; make records with "
            "create_pretraining_data.py --objective={}".format(path, *2 * [objective.name])
        )


def _vocabulary_for(objective, vocab_file, model_config):
    if not vocab_file:
        raise UserError(
            "--objective={} draws masks in training: give --vocab_file".format(objective.name)
        )
    return model_vocabulary(vocab_file, model_config.vocab_size, model_config.source)
