"""Words of a text: where they begin, and what is known of them."""

import re
from typing import Dict, Mapping, NamedTuple, Optional, Sequence

import numpy as np

# How many examples of something are kept for people.
EXAMPLES = 3


class Words(NamedTuple):
    """The words of a text.

    Attributes:
      starts: bool [characters], True where a word begins.
      unusable: bool [sentences], True where the words do not join to the text.
      tags: int8 [words, kinds] in the order of common.tags.KINDS, UNKNOWN where a tag is not known;
        None where none were asked for.
      unknown_tags: {"POS-g": count}, tags that no head has.
      faults: a few places (file and line) of unusable sentences, for people.
      user_words: {word: count}, those of a user dictionary.
    """

    starts: np.ndarray
    unusable: np.ndarray
    tags: Optional[np.ndarray] = None
    unknown_tags: Dict[str, int] = {}
    faults: Sequence[str] = ()
    user_words: Mapping[str, int] = {}


# Blanks and characters of no width: they lie between words, never in one.
OUTSIDE = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]")
SOLID = re.compile(r"[^\s\u00ad\u200b-\u200f\u2060\ufeff]+")


def place_words(text, start, end, words):
    """Offsets where `words` begin in text[start:end]; None where they do not join to it."""
    offsets = []
    for word in words:
        if not text.startswith(word, start):
            return None
        offsets.append(start)
        start += len(word)
    return offsets if start == end else None
