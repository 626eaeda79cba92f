"""The drawing of a run's masks: as its manifests describe, or as its family does."""

from typing import NamedTuple

from common.errors import UserError
from common.features import MASKED_IDS
from common.log import log
from data.input.drawn_corruption import Drawing
from data.recipes import get_recipe, missing_targets, stated_corruption
from data.records.checks import record_contents
from data.rows.corruptions.corruption import Corruption, tokens_of
from data.rows.corruptions.masking import predictions_limit
from data.tokenizers.vocabularies import model_vocabulary, read_vocabulary


class StatedCorruption(NamedTuple):
    """The manifests' description of masks drawn in training.

    Attributes:
      manifest: path of one of them.
      corruption: Corruption, whose max_predictions is the run's to choose.
      vocabulary: that of --vocab_file.
      do_lower_case: whether the records' texts were lower-cased.
    """

    manifest: str
    corruption: Corruption
    vocabulary: object
    do_lower_case: bool = True


def stated_by_manifests(manifests, vocab_file, vocab_beside=None):
    """The manifests' description of masks drawn in training.

    Args:
      manifests: {path: manifest} of all records.
      vocab_file: --vocab_file, or None.
      vocab_beside: the vocabulary beside the weights, which counts without vocab_file; or None.

    Returns:
      StatedCorruption, or None where the records hold their masks.

    Raises:
      UserError: a manifest describes no masking, they differ, or vocab_file is missing or
        another one.
    """
    stating = {path: m for path, m in manifests.items() if "masking" in m}
    corruptions = {path: stated_corruption(path, m) for path, m in stating.items()}
    dynamic = [path for path, m in stating.items() if m["masking"]["kind"] == "dynamic"]
    if not dynamic:
        return None
    path = dynamic[0]
    if len(dynamic) < len(stating) or any(c != corruptions[path] for c in corruptions.values()):
        raise UserError(
            "{} and {} were made with different masking; use records of one kind".format(*stating)
        )
    vocab_file = vocab_file or _taken(vocab_beside)
    if not vocab_file:
        raise UserError("{} says that masks are drawn in training: give --vocab_file".format(path))
    vocabulary = read_vocabulary(vocab_file)
    if vocabulary.sha256 != manifests[path].get("vocab_sha256", vocabulary.sha256):
        raise UserError(
            "--vocab_file {} is not the vocabulary of the records ({})".format(vocab_file, path)
        )
    is_lower = all(m.get("flags", {}).get("do_lower_case", True) for m in stating.values())
    return StatedCorruption(path, corruptions[path], vocabulary, is_lower)


def choose_drawing(
    stated,
    objective,
    record_files,
    vocab_file,
    model_config,
    run_config,
    probability=None,
    vocab_beside=None,
):
    """The drawing of masks in training; None where the records hold them.

    An objective that reads masked_input_ids has its masks drawn in training always, from records
    of unmasked rows; how many predictions a row has room for then follows from their share. Without
    a manifest they are drawn as the recipe of that objective has it.

    Args:
      stated: StatedCorruption or None.
      objective: the chosen one.
      record_files: record files.
      vocab_file: --vocab_file, or None.
      model_config: model config.
      run_config: RunConfig, of which max_seq_length, max_predictions_per_seq and seed count.
      probability: share of the pieces, instead of the manifests' or the recipe's.
      vocab_beside: see stated_by_manifests.

    Returns:
      drawn_corruption.Drawing or None.

    Raises:
      UserError: vocab_file is missing or not the model's, the records hold masks, the objective
        reads what the corruption does not make, the share is out of range, or a file that the
        corruption reads is missing or another one.
    """
    keeps_original = MASKED_IDS in objective.feature_names
    if stated is None and not keeps_original:
        _refuse_options_of_drawing(objective)
        return None
    if stated is None:
        corruption, origin = get_recipe(objective.name).corruption, "no manifest says how"
        _check_unmasked(record_files[0], objective, corruption)
        vocabulary = _vocabulary_for(objective, vocab_file, vocab_beside, model_config)
        is_lower = True
    else:
        corruption, vocabulary = stated.corruption, stated.vocabulary
        is_lower = stated.do_lower_case
        origin = "as the manifest says"
    _check_targets(objective, corruption)
    room = run_config.max_predictions_per_seq
    if keeps_original:
        share = probability or corruption.spec.probability
        room = predictions_limit(share, run_config.max_seq_length)
    corruption = corruption.for_run(room, probability)
    log(
        "masks: drawn anew for every batch, {}, at most {} a row ({})".format(
            corruption.describe(),
            corruption.spec.max_predictions,
            origin if probability is None else "the share was asked for",
        )
    )
    corruption = corruption.with_files(objective.options, vocabulary, is_lower)
    for note in corruption.notes():
        log(note)
    tokens = tokens_of(vocabulary, is_lower)
    return Drawing(corruption, tokens, run_config.seed, keeps_original)


def _refuse_options_of_drawing(objective):
    for declared in objective.options.declared():
        if declared.of_drawing and getattr(objective.options, declared.name) is not None:
            raise UserError(
                "--{} cannot be combined with records that hold their masks; remove it".format(
                    declared.name
                )
            )


def _check_targets(objective, corruption):
    names = [name for name in objective.feature_names if name != MASKED_IDS]
    missing = missing_targets(names, corruption)
    if missing:
        raise UserError(
            "--objective={0} reads {1}, which the masking of these records does not make; make "
            "records with create_pretraining_data.py --objective={0}".format(
                objective.name, ", ".join(missing)
            )
        )


def _check_unmasked(path, objective, corruption):
    features = record_contents.first_records(path, 1)[0]
    if any(name in features for name in corruption.targets):
        raise UserError(
            "{} holds masked rows, but --objective={} draws masks in training; make records with "
            "create_pretraining_data.py --objective={}".format(path, *2 * [objective.name])
        )


def _taken(vocab_beside):
    if vocab_beside:
        log("--vocab_file={}, beside the weights".format(vocab_beside))
    return vocab_beside


def _vocabulary_for(objective, vocab_file, vocab_beside, model_config):
    vocab_file = vocab_file or _taken(vocab_beside)
    if not vocab_file:
        raise UserError(
            "--objective={} draws masks in training: give --vocab_file".format(objective.name)
        )
    return model_vocabulary(vocab_file, model_config.vocab_size, model_config.source)
