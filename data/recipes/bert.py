"""BERT and BERT-wwm: masked LM and next-sentence pairs."""

from data import instances, masking
from data.recipes import BERT_FEATURES, Recipe


def _pairs(unit, settings, seed):
    return instances.nsp_pairs(unit, settings.max_seq_length, settings.short_seq_prob, seed)


RECIPE = Recipe("bert", _pairs, "word", masking.BERT_REPLACEMENT, BERT_FEATURES, True)
