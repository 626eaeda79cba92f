"""RoBERTa-wwm: masked LM on full-length pairs; the sentence label is there for Google's reader."""

from data.recipes import BERT_FEATURES, Recipe
from data.rows import masking, pairs


def _pairs(unit, settings, seed):
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


RECIPE = Recipe(
    name="roberta",
    pairs=_pairs,
    unit="word",
    replacement=masking.BERT_REPLACEMENT,
    features=BERT_FEATURES,
)
