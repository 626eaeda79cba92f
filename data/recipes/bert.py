"""BERT and BERT-wwm: masked LM and next-sentence pairs, or pairs of similar sentences."""

from data.recipes import BERT_FEATURES, Recipe
from data.rows import pairs
from data.rows.corruptions.masking import MaskingSpec, Masks
from data.text.corpus import PAIRS


def _pairs(unit, settings, seed):
    if settings.input_format == PAIRS:
        return pairs.similarity_pairs(unit, settings.max_seq_length, seed)
    return pairs.nsp_pairs(unit, settings.max_seq_length, settings.short_seq_prob, seed)


RECIPE = Recipe(
    name="bert",
    pairs=_pairs,
    features=BERT_FEATURES,
    corruption=Masks(MaskingSpec(unit="word")),
    short_seq_prob=0.1,
    takes_other_documents=True,
    takes_pairs=True,
    # A sentence of a pair stays one: what is too long is cut.
    divides_sentences=lambda settings: settings.input_format != PAIRS,
)
