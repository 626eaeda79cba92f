"""MacBERT: words replaced by similar ones, never by [MASK], and the order of two segments."""

import dataclasses
from typing import Optional

from common.errors import UserError
from common.options import CHOICE, TEXT, FamilyOptions, option
from data.recipes import BERT_FEATURES, Recipe, ordered_segments
from data.rows.corruptions.word_replacement import (
    FALLBACKS,
    RANDOM,
    ReplacementSpec,
    WordReplacement,
)


@dataclasses.dataclass(frozen=True)
class Options(FamilyOptions):
    """MacBERT's own options of data creation."""

    title = "MacBERT"

    similar_words: Optional[str] = option(
        None,
        "Table of similar words: a word, a tab, its neighbours with blanks between them; python -m "
        "data.similar_words makes one.",
        kind=TEXT,
    )

    without_similar: str = option(
        RANDOM,
        "What becomes of a word without a similar one: random (default), a random word, as the "
        "paper has it; kept: it stays, and is predicted.",
        kind=CHOICE,
        choices=FALLBACKS,
    )

    def check(self):
        if not self.similar_words:
            raise UserError(
                "--objective=macbert replaces words by similar ones: give their table, "
                "--similar_words, which python -m data.similar_words makes"
            )


# The label keeps BERT's name, next_sentence_labels: 0 in order, 1 swapped (as ALBERT's, whose task
# it is: Cui et al. 2020, arXiv 2004.13922, section 3.2).
RECIPE = Recipe(
    name="macbert",
    pairs=ordered_segments.rows,
    features=BERT_FEATURES,
    corruption=WordReplacement(ReplacementSpec(unit="ngram")),
    options=Options,
    short_seq_prob=0.1,
)
