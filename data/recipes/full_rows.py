"""Rows of running text, or of one sentence: the choice of families without a sentence label."""

import dataclasses

from common.options import CHOICE, FamilyOptions, option
from data.rows import pairs

FULL, SENTENCES = "full", "sentences"


@dataclasses.dataclass(frozen=True)
class Options(FamilyOptions):
    """What a row holds."""

    rows: str = option(
        FULL,
        "What a row holds, for roberta, lert and pert: full (default), running text up to "
        "--max_seq_length as two segments; sentences, one sentence as one segment, for titles, "
        "comments and other short texts (pre-train them with --pack).",
        kind=CHOICE,
        choices=(FULL, SENTENCES),
    )


def rows(unit, settings, seed):
    """The rows of a work unit; see Recipe.pairs."""
    if holds_sentences(settings):
        return pairs.sentence_rows(unit)
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


def holds_sentences(settings):
    """Whether a row holds one sentence; see Recipe.divides_sentences."""
    return settings.family_options.rows == SENTENCES
