"""RoBERTa-wwm: masked LM on full-length pairs; the sentence label is there for Google's reader."""

from data.recipes import BERT_FEATURES, Recipe
from data.rows import pairs
from data.rows.masking import MaskingSpec, Masks


def _pairs(unit, settings, seed):
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


RECIPE = Recipe(
    name="roberta",
    pairs=_pairs,
    features=BERT_FEATURES,
    corruption=Masks(MaskingSpec(unit="word")),
    divides_sentences=False,
)
