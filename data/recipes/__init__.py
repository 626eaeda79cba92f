"""Recipes: what a family's records are made of. One file per family, one line here each.

A recipe module names RECIPE: the kind of row (`pairs`, a function that takes (unit, settings,
seed) and gives Rows, those of several families from instances.py), how they are masked by default,
and the record features.
"""

import collections
import importlib

from common.errors import UserError
from data.records.schema import LABELS_FROM
from data.rows.masking import DEFAULT_NGRAM_PROBS

# pairs: function (UnitPieces, CreationSettings, seed) -> Rows. unit, ngram_probs: default masking
# unit and shares of runs of words. replacement: probabilities of [MASK], random, kept. features:
# names of records.FEATURES in the order they are written. short_seq_prob: default of the flag,
# None where it does not apply. drawn_in_training: records never hold masks. with_replacement:
# single pieces are drawn so, see MaskingSpec. builders: values of --electra_builder, the first is
# the default.
Recipe = collections.namedtuple(
    "Recipe",
    [
        "name",
        "pairs",
        "unit",
        "replacement",
        "features",
        "short_seq_prob",
        "ngram_probs",
        "drawn_in_training",
        "with_replacement",
        "builders",
    ],
    defaults=[None, DEFAULT_NGRAM_PROBS, False, False, ()],
)

# Modules of this package.
FAMILIES = ("bert", "roberta", "albert", "electra", "lert")

# Google's reader asks for exactly these.
BERT_FEATURES = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "masked_lm_weights",
    "next_sentence_labels",
)


def is_tagged(recipe):
    """Whether a recipe's records hold tags of words."""
    return any(name in LABELS_FROM for name in recipe.features)


def all_recipes():
    """{objective: Recipe}."""
    modules = [importlib.import_module("data.recipes." + name) for name in FAMILIES]
    return {module.RECIPE.name: module.RECIPE for module in modules}


def get_recipe(objective):
    """The recipe of an objective.

    Raises:
      UserError: no such objective.
    """
    recipes = all_recipes()
    if objective not in recipes:
        raise UserError(
            "unknown objective {!r} (--objective); known are {}".format(
                objective, ", ".join(sorted(recipes))
            )
        )
    return recipes[objective]
