"""Words of a text: where they begin, and what is known of them."""

import collections
import re

# starts: bool [characters], True where a word begins. unusable: bool [sentences], True where the
# words do not join to the text. tags: int8 [words, 3] in the order of tags.KINDS, -1 where a tag is
# not known; None where none were asked for. unknown_tags: {"POS-g": count}, tags that LERT has not.
# faults: a few places (file and line) of unusable sentences, for people.
Words = collections.namedtuple(
    "Words", ["starts", "unusable", "tags", "unknown_tags", "faults"], defaults=(None, {}, ())
)

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
