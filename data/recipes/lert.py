"""LERT: masked LM and tags of the masked words, on full-length pairs; no sentence label."""

from common.features import MASKED_LM, ROW, TAG_LABELS
from data.recipes import Recipe
from data.rows import pairs
from data.rows.masking import MaskingSpec, Masks

# What LERT's reader asks for, and no more.
FEATURES = ROW + MASKED_LM + TAG_LABELS


def _pairs(unit, settings, seed):
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


RECIPE = Recipe(
    name="lert",
    pairs=_pairs,
    features=FEATURES,
    corruption=Masks(MaskingSpec(unit="ngram")),
    divides_sentences=False,
)
