"""Permutation: the corruption of PERT. One specification, two samplers that follow it."""

import dataclasses
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from common.features import PERMUTED
from data.rows.corruptions import sampling
from data.rows.corruptions.corruption import Corrupted
from data.rows.corruptions.selection import Selection, SelectionSpec


@dataclasses.dataclass(frozen=True)
class PermutationSpec(SelectionSpec):
    """The specification of permutations.

    Attributes:
      permuted_share: chance of a chosen piece to be shuffled; the others stay in their places and
        are predicted all the same.

    Raises:
      UserError: a value out of range.
    """

    permuted_share: float = 0.9

    def __post_init__(self):
        super().__post_init__()
        if not 0.0 < self.permuted_share <= 1.0:
            raise UserError(
                "permuted_share must be above 0 and at most 1, found {}".format(self.permuted_share)
            )


class Permutation(Selection):
    """Chosen pieces of a row are shuffled among themselves, and the places where they went are
    predicted (Cui et al. 2022, arXiv 2203.06906, section 3.2).

    A slot is the place of a chosen piece in the text. Its label is the place where that piece now
    sits, which is its own where the piece stays.
    """

    targets = PERMUTED
    participle = "permuted"

    def own_settings(self, settings, unit):
        return {"permuted_share": settings.family_options.permuted_share}

    def describe(self):
        return "{}, {:.0%} of them permuted".format(super().describe(), self.spec.permuted_share)

    def report(self, counts):
        chosen = max(1, counts["chosen"])
        yield "of these {:.1%} were shuffled, and {:.1%} came to another place".format(
            counts["shuffled"] / chosen, counts["moved"] / chosen
        )

    def corrupt(self, instances, tokens, rng):
        chosen, ngrams = sampling.choose_pieces(instances, self.spec, rng)
        moves = _draw_moves(chosen, self.spec.permuted_share, rng)
        ids = instances.ids.copy()
        ids[moves.rows, moves.targets] = instances.ids[moves.rows, moves.slots]
        labels = np.broadcast_to(np.arange(ids.shape[1], dtype=np.int32), ids.shape).copy()
        labels[moves.rows, moves.slots] = moves.targets
        targets = sampling.values_at(chosen, labels, self.spec.max_predictions)
        counts = {
            "chosen": int(chosen.sum()),
            "shuffled": len(moves.slots),
            "moved": int((moves.slots != moves.targets).sum()),
        }
        return Corrupted(ids, chosen, dict(zip(PERMUTED, targets)), ngrams, counts)

    def draw(self, features, tokens, uniform):
        from data.rows.corruptions import graph_sampling

        return graph_sampling.draw_permutation(features, self.spec, uniform)


class _Moves(NamedTuple):
    """Pieces that are shuffled, row by row: int64 [pieces] each.

    Attributes:
      rows: their rows.
      slots: their columns in the text.
      targets: the columns where they are put; in each row the same columns as the slots.
    """

    rows: np.ndarray
    slots: np.ndarray
    targets: np.ndarray


def _draw_moves(chosen, share, rng):
    """Moves of chosen pieces, bool [rows, S], each of which is shuffled with the chance `share`."""
    rows, slots = sampling.places(chosen)
    shuffled = rng.random(len(rows)) < share
    rows, slots = rows[shuffled], slots[shuffled]
    counts = np.bincount(rows, minlength=len(chosen))
    order = sampling.shuffled_within_rows(counts, rng)
    order = order[np.arange(order.shape[1]) < counts[:, None]]
    return _Moves(rows, slots, slots[order])
