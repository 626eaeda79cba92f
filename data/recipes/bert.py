"""BERT and BERT-wwm: masked LM and next-sentence pairs."""

from data.recipes import BERT_FEATURES, Recipe
from data.rows import pairs
from data.rows.corruptions.masking import MaskingSpec, Masks


def _pairs(unit, settings, seed):
    return pairs.nsp_pairs(unit, settings.max_seq_length, settings.short_seq_prob, seed)


RECIPE = Recipe(
    name="bert",
    pairs=_pairs,
    features=BERT_FEATURES,
    corruption=Masks(MaskingSpec(unit="word")),
    short_seq_prob=0.1,
    takes_other_documents=True,
)
