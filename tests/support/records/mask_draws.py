"""Masks drawn once, as the tests of the samplers look at them."""

import collections

import numpy as np

from data.rows.corruptions.corruption import Tokens
from data.rows.corruptions.masking import Masks

Masked = collections.namedtuple("Masked", ["ids", "positions", "labels", "weights", "ngrams"])


def mask_once(batch, spec, mask_id, random_ids, seed):
    """Masked rows of a batch of instances by the sampler of static records."""
    rng = np.random.default_rng(seed)
    drawn = Masks(spec).corrupt(batch, Tokens(mask_id, random_ids), rng)
    made = [drawn.targets["masked_lm_" + name] for name in ("positions", "ids", "weights")]
    assert (drawn.predicted.sum(axis=1) == made[2].sum(axis=1)).all()
    return Masked(drawn.ids, *made, drawn.ngrams)
