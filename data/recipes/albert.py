"""ALBERT: masked LM with n-grams, and the order of two segments."""

from data.recipes import BERT_FEATURES, Recipe, ordered_segments
from data.rows.corruptions.masking import MaskingSpec, Masks

# p(n) ~ 1/n for n up to 3: Lan et al. 2019 (arXiv 1909.11942), section 4.1.
NGRAM_PROBS = (6 / 11, 3 / 11, 2 / 11)


# The label keeps BERT's name, next_sentence_labels: 0 in order, 1 swapped.
RECIPE = Recipe(
    name="albert",
    pairs=ordered_segments.rows,
    features=BERT_FEATURES,
    corruption=Masks(MaskingSpec(unit="ngram", ngram_probs=NGRAM_PROBS)),
    short_seq_prob=0.1,
)
