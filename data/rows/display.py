"""Rows for people."""

import numpy as np

from common.tags import KINDS, TAGS
from data.text.tags import UNKNOWN


def bracketed(shown, original, starts, tokens, tags=None):
    """A row as text: words of several pieces in brackets, masked pieces as new<-old.

    Args:
      shown: ids that the model reads, [pieces].
      original: ids without masks, -1 where the piece is not masked, [pieces].
      starts: truth values, True where a word begins, [pieces].
      tokens: list of str, the vocabulary.
      tags: list of str that follow the words of the pieces, or None, [pieces].

    Returns:
      str.
    """
    words, endings = [], []
    for at, (new, old, start) in enumerate(zip(shown, original, starts)):
        piece = tokens[new] if old < 0 else "{}<-{}".format(tokens[new], tokens[old])
        if start or not words:
            words.append([])
            endings.append("")
        words[-1].append(piece)
        if tags and tags[at]:
            endings[-1] = tags[at]
    return " ".join(
        ("(" + " ".join(word) + ")" if len(word) > 1 else word[0]) + ending
        for word, ending in zip(words, endings)
    )


def word_starts(groups, outside):
    """Where words begin in a row; a piece outside of words begins one of its own.

    Args:
      groups: int [pieces], the same number on the pieces of a word.
      outside: the number of pieces outside of words.

    Returns:
      bool [pieces].
    """
    return np.append(True, (groups[1:] != groups[:-1]) | (groups[1:] == outside))


def shown_tags(numbers):
    """Tags of pieces as text: /ns/S-Ns/SBV, _ for one that is not known; "" without any.

    Args:
      numbers: int [pieces, kinds].
    """
    return [
        "".join(
            "/" + (TAGS[kind][number] if number != UNKNOWN else "_")
            for kind, number in zip(KINDS, row)
        )
        * any(number != UNKNOWN for number in row)
        for row in numbers.tolist()
    ]
