"""Corruptions that choose pieces by words: how the choice is specified, and what follows of it."""

import dataclasses
from typing import Tuple

from common.errors import UserError
from data.rows.corruptions.corruption import Corruption

UNITS = ("wordpiece", "word", "ngram")
DEFAULT_NGRAM_PROBS = (0.4, 0.3, 0.2, 0.1)  # MacBERT, arXiv 2004.13922, section 3.2

_FIELDS_OF_FLAGS = {
    "--masked_lm_prob": "probability",
    "--ngram_probs": "ngram_probs",
    "--max_predictions_per_seq": "max_predictions",
}


@dataclasses.dataclass(frozen=True)
class SelectionSpec:
    """The specification of a choice of pieces.

    Attributes:
      probability: share of the pieces of a row, special tokens counted (google-research/bert).
      unit: "wordpiece" (single pieces), "word" (whole groups) or "ngram" (runs of groups).
      ngram_probs: probabilities of runs of 1, 2, ... groups; only for "ngram".
      max_predictions: int, most chosen pieces of a row.

    Raises:
      UserError: a value out of range.
    """

    probability: float = 0.15
    unit: str = "word"
    ngram_probs: Tuple[float, ...] = DEFAULT_NGRAM_PROBS
    max_predictions: int = 20

    def __post_init__(self):
        object.__setattr__(self, "ngram_probs", tuple(self.ngram_probs))  # JSON has lists
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
        check_shares("--ngram_probs", self.ngram_probs)


def check_shares(name, shares):
    """Raises UserError where the numbers of `name` are no probabilities that add up to 1."""
    if not shares or min(shares) < 0 or not abs(sum(shares) - 1.0) <= 1e-6:
        raise UserError(
            "{} must be probabilities that add up to 1, found {}".format(name, listed(shares))
        )


def settle_replacement(spec, kinds):
    """Makes the `replacement` of a specification a tuple, and checks it.

    Args:
      spec: frozen dataclass with `replacement`, three probabilities.
      kinds: what they are of, for the message.

    Raises:
      UserError: they are none, or not three.
    """
    object.__setattr__(spec, "replacement", tuple(spec.replacement))
    check_shares("replacement", spec.replacement)
    if len(spec.replacement) != 3:
        raise UserError(
            "replacement must be the three probabilities of {}, found {}".format(
                kinds, listed(spec.replacement)
            )
        )


def listed(shares):
    """Numbers with commas."""
    return ",".join(str(share) for share in shares)


class Selection(Corruption):
    """A corruption whose specification is a SelectionSpec.

    A recipe's corruption holds the family's defaults in its specification; flags replace them.
    """

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
            **self.own_settings(settings, unit),
        )
        return dataclasses.replace(self, spec=spec)

    def own_settings(self, settings, unit):
        """Further fields of the specification: dict field -> value.

        Args:
          settings: see Corruption.for_settings.
          unit: the chosen one.
        """
        del settings, unit
        return {}

    def from_manifest(self, masking):
        try:
            return super().from_manifest(masking)
        except UserError as error:
            message = str(error)
            for flag, name in _FIELDS_OF_FLAGS.items():  # a manifest has no flags
                message = message.replace(flag, name)
            raise UserError(message) from error

    def describe(self):
        return "{:.0%} by {}".format(self.spec.probability, self.spec.unit)
