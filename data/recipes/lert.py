"""LERT: masked LM and tags of the masked words, on full-length pairs; no sentence label."""

from common.features import MASKED_LM, ROW, TAG_LABELS
from data.recipes import Recipe, full_rows
from data.rows.corruptions.masking import MaskingSpec, Masks

# What LERT's reader asks for, and no more.
FEATURES = ROW + MASKED_LM + TAG_LABELS

RECIPE = Recipe(
    name="lert",
    pairs=full_rows.rows,
    features=FEATURES,
    corruption=Masks(MaskingSpec(unit="ngram")),
    options=full_rows.Options,
    divides_sentences=full_rows.holds_sentences,
)
