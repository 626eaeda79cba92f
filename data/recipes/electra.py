"""ELECTRA: unmasked rows of one or two segments, in both constructions that are in use."""

import dataclasses
import random

import numpy as np

from common.features import ROW
from common.options import CHOICE, FamilyOptions, option
from data.recipes import Recipe
from data.rows import instances, pairs
from data.rows.corruptions.masking import MaskingSpec, Masks

ELECTRA_REPLACEMENT = (0.85, 0.0, 0.15)  # google-research/electra, pretrain/pretrain_helpers.py
# google-research/electra, build_pretraining_dataset.py.
_ONE_SEGMENT_PROB = 0.1
_LEAST_TARGET = 5
_ENDLESS = 100000


def _joins_first_google(first, second, size, target, rng):
    """Whether a sentence of `size` pieces joins the first segment.

    Args:
      first, second: pieces in the segments so far.
      size: int.
      target: pieces that the first segment aims at.
      rng: random.Random.
    """
    if not first or first + size < target:
        return True
    return not second and first < target and rng.random() < 0.5


def _joins_first_zh(first, second, size, target, rng):
    """As _joins_first_google, with the conditions of Chinese-ELECTRA: a first segment that has a
    sentence takes all others; a first sentence of at least the target goes to the second."""
    if first or size < target:
        return True
    return bool(second) and rng.random() < 0.5


BUILDERS = {"google": _joins_first_google, "zh": _joins_first_zh}


@dataclasses.dataclass(frozen=True)
class Options(FamilyOptions):
    """ELECTRA's own options of data creation."""

    title = "ELECTRA"

    electra_builder: str = option(
        "google",
        "Way to split rows in two: google, as google-research/electra does; zh, as Chinese-ELECTRA "
        "does: a slip in its conditions leaves most rows one segment, often the second, so take it "
        "only to repeat its runs.",
        kind=CHOICE,
        choices=tuple(BUILDERS),
    )


def build_rows(unit, max_seq_length, short_seq_prob, joins_first, rng, whole_groups):
    """Rows as the original programs make them, with their order of draws.

    Sentences of a document are taken up to a target length: the longest row, special tokens not
    counted, or at times a random one. One row in ten has one segment; in others the first segment
    aims at half of the target. What is longer than the row is cut at the end.

    Args:
      unit: instances.UnitPieces.
      max_seq_length: int, including the special tokens.
      short_seq_prob: share of rows with a random target (original: 0.05).
      joins_first: a value of BUILDERS.
      rng: random.Random.
      whole_groups: cut before a group that would be cut in two (original: anywhere).

    Returns:
      instances.RowRanges with an order of their own: later sentences may join the first segment.
    """
    sizes, documents = np.diff(unit.sentences).tolist(), unit.documents.tolist()
    order, borders = [], []  # sentences; pieces in both segments of each row
    target = max_seq_length
    for start, end in zip(documents[:-1], documents[1:]):
        at = start
        while at < end:
            stop, length = at, 0
            while stop < end and length < target:
                length += sizes[stop]
                stop += 1
            first, second = _segments(range(at, stop), sizes, target, joins_first, rng)
            order += first + second
            borders.append([sum(sizes[i] for i in segment) for segment in (first, second)])
            target = max_seq_length
            if rng.random() < short_seq_prob:
                target = rng.randint(_LEAST_TARGET, max_seq_length)
            at = stop
    return _cut(_piece_order(unit, order), unit, borders, max_seq_length, whole_groups)


def _segments(sentences, sizes, target, joins_first, rng):
    """The numbers of the sentences in the first and in the second segment: two lists."""
    first_target = (target - instances.SPECIAL_TOKENS_PER_PAIR) // 2
    if rng.random() < _ONE_SEGMENT_PROB:
        first_target = _ENDLESS
    segments, lengths = ([], []), [0, 0]
    for sentence in sentences:
        chosen = 0 if joins_first(*lengths, sizes[sentence], first_target, rng) else 1
        segments[chosen].append(sentence)
        lengths[chosen] += sizes[sentence]
    return segments


def _piece_order(unit, sentences):
    """int64 [pieces]: the pieces of sentences in this order."""
    starts, sizes = unit.sentences[:-1][sentences], np.diff(unit.sentences)[sentences]
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(sizes.sum())


def _cut(order, unit, borders, max_seq_length, whole_groups):
    """Rows whose segments have `borders` [[pieces, pieces], ...], cut to max_seq_length."""
    lengths = np.array(borders, dtype=np.int64).reshape(-1, 2)
    ends = np.cumsum(lengths).reshape(-1, 2)
    a_start, b_start = (ends - lengths).T
    a_end = np.minimum(ends[:, 0], a_start + max_seq_length - 2)
    room = np.maximum(0, max_seq_length - instances.SPECIAL_TOKENS_PER_PAIR - (a_end - a_start))
    b_end = np.minimum(ends[:, 1], b_start + room)
    if whole_groups:
        before = pairs.group_start_at_or_before(unit.group_starts[order])
        snapped = before[a_end]
        a_end = np.where(snapped > a_start, snapped, a_end)  # a group longer than the row is cut
        b_end = np.maximum(b_start, before[b_end])
    return instances.RowRanges(a_start, a_end, b_start, b_end, np.zeros_like(a_start), order)


def _pairs(unit, settings, seed):
    return build_rows(
        unit,
        settings.max_seq_length,
        settings.short_seq_prob,
        BUILDERS[settings.family_options.electra_builder],
        random.Random(seed),
        settings.corruption().needs_words,
    )


# How masks are drawn where nothing else is asked for: google-research/electra,
# configure_pretraining.py (mask_prob).
_SPEC = MaskingSpec(unit="wordpiece", replacement=ELECTRA_REPLACEMENT, with_replacement=True)

RECIPE = Recipe(
    name="electra",
    pairs=_pairs,
    features=ROW,
    corruption=Masks(_SPEC),
    options=Options,
    short_seq_prob=0.05,
    drawn_in_training=True,
)
