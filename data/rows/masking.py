"""Masks: the corruption of most families. One specification, two samplers that follow it."""

import dataclasses
import math
from typing import Tuple

import numpy as np

from common.errors import UserError
from common.features import MASKED_LM, TAG_LABELS
from data.rows import sampling
from data.rows.corruption import Corrupted, Corruption

UNITS = ("wordpiece", "word", "ngram")
DEFAULT_NGRAM_PROBS = (0.4, 0.3, 0.2, 0.1)  # MacBERT, arXiv 2004.13922, section 3.2
BERT_REPLACEMENT = (0.8, 0.1, 0.1)  # [MASK], random piece, kept; drawn per piece


_FIELDS_OF_FLAGS = {
    "--masked_lm_prob": "probability",
    "--ngram_probs": "ngram_probs",
    "--max_predictions_per_seq": "max_predictions",
}


@dataclasses.dataclass(frozen=True)
class MaskingSpec:
    """The specification of masks.

    Attributes:
      probability: share of the pieces of a row, special tokens counted (google-research/bert).
      unit: "wordpiece" (single pieces), "word" (whole groups) or "ngram" (runs of groups).
      ngram_probs: probabilities of runs of 1, 2, ... groups; only for "ngram".
      replacement: probabilities of [MASK], a random piece and the piece itself.
      max_predictions: int, most masked pieces of a row.
      with_replacement: whether a piece may be drawn several times, as in google-research/electra;
        single pieces that become [MASK] or stay, and in training only.

    Raises:
      UserError: a value out of range.
    """

    probability: float = 0.15
    unit: str = "word"
    ngram_probs: Tuple[float, ...] = DEFAULT_NGRAM_PROBS
    replacement: Tuple[float, ...] = BERT_REPLACEMENT
    max_predictions: int = 20
    with_replacement: bool = False

    def __post_init__(self):
        for name in ("ngram_probs", "replacement"):  # JSON has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not 0.0 < self.probability < 1.0:
            raise UserError(
                "--masked_lm_prob must lie between 0 and 1, found {}".format(self.probability)
            )
        if self.unit not in UNITS:
            raise UserError(
                "unknown masking unit {!r}; known are {}".format(self.unit, ", ".join(UNITS))
            )
        if self.max_predictions < 1:
            raise UserError(
                "--max_predictions_per_seq must be 1 or more, found {}".format(self.max_predictions)
            )
        for name, probs in (
            ("--ngram_probs", self.ngram_probs),
            ("replacement", self.replacement),
        ):
            if not probs or min(probs) < 0 or not abs(sum(probs) - 1.0) <= 1e-6:
                raise UserError(
                    "{} must be probabilities that add up to 1, found {}".format(
                        name, ",".join(str(p) for p in probs)
                    )
                )
        if len(self.replacement) != 3:
            raise UserError(
                "replacement must be the three probabilities of [MASK], a random piece and the "
                "piece itself, found {}".format(",".join(str(p) for p in self.replacement))
            )
        if self.with_replacement and (self.unit != "wordpiece" or self.replacement[1]):
            raise UserError(
                "draws with replacement take single pieces (wordpiece) and put in no random ones, "
                "found {} and {}".format(self.unit, ",".join(str(p) for p in self.replacement))
            )


class Masks(Corruption):
    """Chosen pieces become [MASK] or a random piece, or stay, and their originals are predicted.

    A recipe's Masks hold the family's defaults in their specification:

        Masks(MaskingSpec(unit="ngram", ngram_probs=(6 / 11, 3 / 11, 2 / 11)))
    """

    targets = MASKED_LM + TAG_LABELS
    stated_values = "kind, unit and shares"

    @property
    def needs_words(self):
        return self.spec.unit != "wordpiece"

    def for_settings(self, settings):
        unit, ngram_probs = settings.masking_unit or self.spec.unit, settings.ngram_probs
        share = settings.masked_lm_prob
        if ngram_probs is not None and unit != "ngram":
            raise UserError("--ngram_probs needs --masking_unit=ngram")
        spec = dataclasses.replace(
            self.spec,
            probability=self.spec.probability if share is None else share,
            unit=unit,
            ngram_probs=self.spec.ngram_probs if ngram_probs is None else ngram_probs,
            max_predictions=settings.max_predictions_per_seq,
            with_replacement=self.spec.with_replacement and unit == "wordpiece",
        )
        return dataclasses.replace(self, spec=spec)

    def from_manifest(self, masking):
        try:
            return super().from_manifest(masking)
        except UserError as error:
            message = str(error)
            for flag, name in _FIELDS_OF_FLAGS.items():  # a manifest has no flags
                message = message.replace(flag, name)
            raise UserError(message) from error

    def describe(self):
        how = " with replacement" if self.spec.with_replacement else ""
        return "{:.0%} by {}{}".format(self.spec.probability, self.spec.unit, how)

    def sources(self, names):
        sources = super().sources(names)
        # Pieces that are drawn with replacement are drawn whatever word they are of.
        return sources[1:] if self.spec.with_replacement else sources

    def corrupt(self, instances, tokens, rng):
        chosen, ngrams = sampling.choose_pieces(instances, self.spec, rng)
        ids = self._replace(instances.ids.copy(), chosen, tokens, rng)
        targets = sampling.predictions(instances, chosen, self.spec.max_predictions)
        return Corrupted(ids, chosen, targets, ngrams)

    def _replace(self, ids, chosen, tokens, rng):
        to_mask, to_random, _ = self.spec.replacement
        rows, columns = sampling.places(chosen)
        draw = rng.random(len(rows))
        random = tokens.random_ids[rng.integers(0, len(tokens.random_ids), len(rows))]
        kept = np.where(draw >= to_mask + to_random, ids[rows, columns], random)
        ids[rows, columns] = np.where(draw < to_mask, tokens.mask_id, kept)
        return ids

    def draw(self, features, tokens, uniform):
        from data.rows import graph_sampling

        return graph_sampling.draw_masks(features, self.spec, tokens, uniform)


def predictions_of_row(probability, max_seq_length):
    """How many predictions a full row has, so the room for them: the share of its tokens, rounded
    up (google-research/bert, README: "around max_seq_length * masked_lm_prob"; 20 of 128).

    Args:
      probability: share of the pieces, special tokens counted.
      max_seq_length: int.
    """
    return max(1, math.ceil(round(probability * max_seq_length, 6)))


def predictions_limit(probability, max_seq_length):
    """Room for predictions that follows from the share: google-research/electra, PretrainingConfig.

    Args:
      probability: share of the pieces.
      max_seq_length: int.
    """
    return max(1, int((probability + 0.005) * max_seq_length))
