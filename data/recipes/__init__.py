"""Recipes: what a family's records are made of. One file per family, one line here each.

A recipe module names RECIPE: what its rows are, what is done to them before a model reads them, the
record features, and the options that only this family has.
"""

import dataclasses
import importlib
from typing import Callable, Optional, Tuple, Type

from common.errors import UserError
from common.features import MASKED_LM, ROW, SENTENCE_LABEL
from common.options import FamilyOptions
from data.records.schema import DERIVED, FEATURES, TARGET
from data.rows.corruptions.corruption import Corruption
from data.rows.corruptions.masking import MaskingSpec, Masks

# Modules of this package.
FAMILIES = ("bert", "roberta", "albert", "electra", "lert", "macbert", "pert")

# Google's reader asks for exactly these.
BERT_FEATURES = (*ROW, *MASKED_LM, SENTENCE_LABEL)
# Of a family, or a manifest, that asks for nothing else.
_MASKS = Masks(MaskingSpec())


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The make-up of a family's records.

        RECIPE = Recipe("full", pairs=_pairs, features=ROW + MASKED_LM)

    Attributes:
      name: of the family, as --objective has it.
      pairs: function (instances.UnitPieces, CreationSettings, seed) -> instances.RowRanges; those
        of several families are in rows/pairs.py.
      features: names of the features of data/records/schema.py that a model reads, in the order in
        which they are written.
      corruption: what is done to the rows, with the family's defaults.
      options: FamilyOptions subclass; CreationSettings.family_options is one of it.
      short_seq_prob: default of the flag, None where it does not apply.
      drawn_in_training: the corruption is always drawn in training, records never hold it.
      takes_other_documents: second segments come from other documents of the same unit.
      takes_pairs: `pairs` makes rows of documents that are pairs of sentences, too, and their label
        says whether these are similar (--input_format=pairs).
      divides_sentences: function of CreationSettings: whether sentences longer than a row are
        divided before `pairs` is called; not for rows of running text, which may part a sentence
        anywhere.

    Raises:
      ValueError: a feature is a target that the corruption does not make.
    """

    name: str
    pairs: Callable
    features: Tuple[str, ...]
    corruption: Corruption = _MASKS
    options: Type[FamilyOptions] = FamilyOptions
    short_seq_prob: Optional[float] = None
    drawn_in_training: bool = False
    takes_other_documents: bool = False
    takes_pairs: bool = False
    divides_sentences: Callable = lambda settings: True

    def __post_init__(self):
        missing = missing_targets(self.features, self.corruption)
        if missing:
            raise ValueError(
                "recipe {}: its corruption does not make the targets {}".format(
                    self.name, ", ".join(missing)
                )
            )


def missing_targets(names, corruption):
    """Those of the features `names` that are targets which a corruption does not make: a list."""
    return [n for n in names if FEATURES[n].role == TARGET and n not in corruption.targets]


def is_tagged(recipe):
    """Whether a recipe's records hold tags of words."""
    return any(name in DERIVED for name in recipe.features)


def all_recipes():
    """{objective: Recipe}."""
    modules = [importlib.import_module("data.recipes." + name) for name in FAMILIES]
    return {module.RECIPE.name: module.RECIPE for module in modules}


def get_recipe(objective):
    """The recipe of an objective.

        get_recipe("roberta").features  # ("input_ids", "input_mask", ...)

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


def stated_corruption(path, manifest):
    """The corruption that a manifest describes.

    Args:
      path: of the manifest.
      manifest: dict with "masking"; an unknown family counts as masks.

    Raises:
      UserError: it describes none.
    """
    recipe = all_recipes().get(manifest.get("objective"))
    corruption = recipe.corruption if recipe else _MASKS
    try:
        return corruption.from_manifest(manifest["masking"])
    except UserError as error:
        raise UserError("manifest {}: {}".format(path, error)) from error
