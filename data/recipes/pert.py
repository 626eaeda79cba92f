"""PERT: words shuffled among themselves, on full-length pairs; no [MASK] and no sentence label."""

import dataclasses

from common.features import PERMUTED, ROW
from common.options import option
from data.recipes import Recipe, full_rows
from data.rows.corruptions.permutation import Permutation, PermutationSpec


@dataclasses.dataclass(frozen=True)
class Options(full_rows.Options):
    """What a row holds, and what becomes of the chosen pieces."""

    permuted_share: float = option(
        PermutationSpec.permuted_share,
        "For pert: chance of a chosen token to be shuffled among the other chosen ones of its row; "
        "1 shuffles them all.",
        above=0,
        high=1,
    )


RECIPE = Recipe(
    name="pert",
    pairs=full_rows.rows,
    features=ROW + PERMUTED,
    corruption=Permutation(PermutationSpec(unit="ngram")),
    options=Options,
    divides_sentences=full_rows.holds_sentences,
)
