"""RoBERTa-wwm: masked LM on full-length pairs; the sentence label is there for Google's reader."""

from data.recipes import BERT_FEATURES, Recipe, full_rows
from data.rows.corruptions.masking import MaskingSpec, Masks

RECIPE = Recipe(
    name="roberta",
    pairs=full_rows.rows,
    features=BERT_FEATURES,
    corruption=Masks(MaskingSpec(unit="word")),
    options=full_rows.Options,
    divides_sentences=full_rows.holds_sentences,
)
