"""Recipes: what a family's records are made of. One file per family, one line here each.

A recipe module names RECIPE: the kind of row (`pairs`, a function of instances.py that takes
(unit, settings, seed)), the masking unit and replacement by default, and the record features.
"""

import collections

from data.records import LABELS_FROM
from errors import UserError

# pairs: function (UnitPieces, CreationSettings, seed) -> Rows. unit: default masking unit.
# replacement: probabilities of [MASK], random, kept. features: names of records.FEATURES in the
# order they are written. short_sequences: whether --short_seq_prob applies.
Recipe = collections.namedtuple(
    "Recipe", ["name", "pairs", "unit", "replacement", "features", "short_sequences"]
)

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


def get_recipe(objective):
    """The recipe of an objective.

    Raises:
      UserError: no such objective.
    """
    from data.recipes import bert, lert, roberta

    recipes = {module.RECIPE.name: module.RECIPE for module in (bert, roberta, lert)}
    if objective not in recipes:
        raise UserError(
            "unknown objective {!r} (--objective); known are {}".format(
                objective, ", ".join(sorted(recipes))
            )
        )
    return recipes[objective]
