"""The classes of tokens in the report on CLUE's vocabulary (arXiv 2003.01355).

The report prints classes and counts, not how a token is told apart. These rules give the same as it
prints for Google's Chinese vocabulary in special tokens (106), Korean (84) and emoji (56), and
14,644 Chinese rows for its 14,642.
"""

import collections
import functools
import re
import unicodedata

from tokenizers import Regex, normalizers

from data.text.characters import is_cjk
from data.text.simplification import simplify

STYLE_FLAG = "--style=clue"
(SPECIAL, SIMPLIFIED, TRADITIONAL, ENGLISH, NUMBERS, JAPANESE, KOREAN, EMOJI, OTHER) = CLASSES = (
    "special tokens",
    "simplified Chinese",
    "traditional Chinese",
    "English",
    "numbers",
    "Japanese",
    "Korean",
    "emoji",
    "other",
)
# Counts that the report prints: CLUE's vocabulary of 8,021, Google's of 21,128.
CLUE_COUNTS = {SPECIAL: 106, SIMPLIFIED: 5689, ENGLISH: 1320, NUMBERS: 140, OTHER: 766}
GOOGLE_COUNTS = {
    SPECIAL: 106,
    SIMPLIFIED: 11378,
    TRADITIONAL: 3264,
    ENGLISH: 3529,
    NUMBERS: 1179,
    JAPANESE: 573,
    KOREAN: 84,
    EMOJI: 56,
    OTHER: 959,
}
# The special rows of Google's Chinese vocabulary, which CLUE's has as well (both 106).
SPECIAL_ROWS = (
    "[PAD]",
    *("[unused{}]".format(i) for i in range(1, 100)),
    *("[UNK]", "[CLS]", "[SEP]", "[MASK]", "<S>", "<T>"),
)
_SPECIAL = re.compile(r"\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]|<[ST]>")
_EMOJI = Regex(r"\p{Emoji}")  # a property that Python's unicodedata does not have


def class_of(token):
    """One of CLASSES.

    Args:
      token: row of a vocab.txt; `##` before it changes nothing.

    Raises:
      UserError: OpenCC, which tells traditional characters, is not installed.
    """
    if _SPECIAL.fullmatch(token):
        return SPECIAL
    text = token[2:] if token.startswith("##") and len(token) > 2 else token
    if text.isascii():
        if text.isalpha():
            return ENGLISH
        return NUMBERS if text.isdigit() else OTHER
    if len(text) == 1 and is_cjk(ord(text)):
        return TRADITIONAL if simplify(text, STYLE_FLAG) != text else SIMPLIFIED
    for name in (unicodedata.name(c, "") for c in text):
        if "HIRAGANA" in name or "KATAKANA" in name:
            return JAPANESE
        if "HANGUL" in name:
            return KOREAN
    return EMOJI if _is_emoji(text[0]) else OTHER


@functools.lru_cache(maxsize=None)
def _is_emoji(character):
    without = normalizers.Replace(_EMOJI, "").normalize_str(character)
    return not character.isascii() and not without


def count_classes(tokens):
    """Counter of the classes of tokens."""
    return collections.Counter(map(class_of, tokens))
