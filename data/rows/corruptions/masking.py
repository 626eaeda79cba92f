"""Masks: the corruption of most families. One specification, two samplers that follow it."""

import dataclasses
import math
from typing import Tuple

import numpy as np

from common.errors import UserError
from common.features import MASKED_LM, TAG_LABELS
from data.rows.corruptions import sampling
from data.rows.corruptions.corruption import Corrupted
from data.rows.corruptions.selection import Selection, SelectionSpec, listed, settle_replacement

BERT_REPLACEMENT = (0.8, 0.1, 0.1)  # [MASK], random piece, kept; drawn per piece


@dataclasses.dataclass(frozen=True)
class MaskingSpec(SelectionSpec):
    """The specification of masks.

    Attributes:
      replacement: probabilities of [MASK], a random piece and the piece itself.
      with_replacement: whether a piece may be drawn several times, as in google-research/electra;
        single pieces that become [MASK] or stay, and in training only.

    Raises:
      UserError: a value out of range.
    """

    replacement: Tuple[float, ...] = BERT_REPLACEMENT
    with_replacement: bool = False

    def __post_init__(self):
        super().__post_init__()
        settle_replacement(self, "[MASK], a random piece and the piece itself")
        if self.with_replacement and (self.unit != "wordpiece" or self.replacement[1]):
            raise UserError(
                "draws with replacement take single pieces (wordpiece) and put in no random ones, "
                "found {} and {}".format(self.unit, listed(self.replacement))
            )


class Masks(Selection):
    """Chosen pieces become [MASK] or a random piece, or stay, and their originals are predicted.

    A recipe's Masks hold the family's defaults in their specification:

        Masks(MaskingSpec(unit="ngram", ngram_probs=(6 / 11, 3 / 11, 2 / 11)))
    """

    targets = MASKED_LM + TAG_LABELS
    stated_values = "kind, unit and shares"

    def own_settings(self, settings, unit):
        return {"with_replacement": self.spec.with_replacement and unit == "wordpiece"}

    def describe(self):
        how = " with replacement" if self.spec.with_replacement else ""
        return super().describe() + how

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
        from data.rows.corruptions import graph_sampling

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
