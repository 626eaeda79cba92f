"""MacBERT: masked language modelling without [MASK], and the order of two segments."""

import dataclasses
from typing import Optional

from common.options import TEXT, FamilyOptions, option
from modeling.objectives.masked_lm import MaskedLm


@dataclasses.dataclass(frozen=True)
class MacbertOptions(FamilyOptions):
    """Options of MacBERT's training."""

    title = "MacBERT"

    similar_words: Optional[str] = option(
        None,
        "Table of similar words that the records were made with, for records whose words are "
        "replaced in training.",
        kind=TEXT,
        of_drawing=True,
    )


class Macbert(MaskedLm):
    """The objective of Cui et al. 2020 (arXiv 2004.13922, section 3.2): L_mac + L_sop, where the
    original pieces of chosen words are predicted, whatever stands in their places."""

    options = MacbertOptions()

    def __init__(self, name):
        super().__init__(name, sentence_pair="sentence_order")
