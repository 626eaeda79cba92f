"""LERT: masked LM and tags of the masked words, on full-length pairs; no sentence label."""

from data.recipes import Recipe
from data.rows import masking, pairs

# What LERT's reader asks for, and no more.
FEATURES = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "masked_lm_weights",
    "pos_labels",
    "ner_labels",
    "dep_labels",
)


def _pairs(unit, settings, seed):
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


RECIPE = Recipe(
    name="lert",
    pairs=_pairs,
    unit="ngram",
    replacement=masking.BERT_REPLACEMENT,
    features=FEATURES,
)
