"""Which words that have vectors go into a table of similar words, and why the others do not."""

import collections
import re
from typing import NamedTuple, Sequence

import numpy as np

from common.errors import UserError
from data.text.word_lists import pieces_of
from data.text.words import OUTSIDE

# Reasons to leave a word out, in words for "12 ...".
BROKEN = "that are not UTF-8"
MARKS = "marks such as </s>"
BLANKS = "with blanks or control characters"
SIGNS = "without a letter or digit"
UNKNOWN = "with pieces that the vocabulary lacks"
REPEATED = "that are spelled like one before"
NO_DIRECTION = "whose vector is 0"
REASONS = (BROKEN, MARKS, BLANKS, SIGNS, UNKNOWN, REPEATED, NO_DIRECTION)
_MARK = re.compile(r"</?\w+>")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Chosen(NamedTuple):
    """The words of a table to be made.

    Attributes:
      words: list of str, in the order of the file.
      vectors: float32 [words, values], of the length 1.
      sizes: int [words], numbers of pieces; 0 without a vocabulary.
      read: how many words there were.
      left_out: {reason: number of words}, in the order of REASONS.
    """

    words: Sequence[str]
    vectors: np.ndarray
    sizes: np.ndarray
    read: int
    left_out: dict


def choose(blocks, tokenizer=None):
    """The words of vectors that a table can use.

    Args:
      blocks: vectors.Block, an iterable of them.
      tokenizer: of a WordPiece vocabulary, or None.

    Returns:
      Chosen. A word that has the pieces of an earlier one, or without a vocabulary its letters, is
      left out: it could only be replaced by itself.

    Raises:
      UserError: no word is left, or a vector has another number of values.
    """
    words, vectors, sizes, seen, read = [], [], [], set(), 0
    left_out = collections.Counter()
    for block in blocks:
        read += len(block.words)
        keys = _keys(block.words, tokenizer)
        values = block.vectors.astype(np.float64)  # squares of large ones are beyond float32
        lengths = np.linalg.norm(values, axis=1)
        kept = []
        for number, (word, key) in enumerate(zip(block.words, keys)):
            reason = _fault(word) or (key is None and UNKNOWN) or (key in seen and REPEATED)
            reason = reason or (not lengths[number] and NO_DIRECTION)
            if reason:
                left_out[reason] += 1
                continue
            seen.add(key)
            kept.append(number)
            words.append(word)
            sizes.append(len(key) if tokenizer else 0)
        vectors.append((values[kept] / lengths[kept, None]).astype(np.float32))
    left_out = {reason: left_out[reason] for reason in REASONS if left_out[reason]}
    if not words:
        raise UserError("none of the {:,} words can be used: {}".format(read, described(left_out)))
    return Chosen(words, np.concatenate(vectors), np.array(sizes), read, left_out)


def described(left_out):
    """Numbers of words by reasons, for people."""
    return ", ".join("{:,} {}".format(count, reason) for reason, count in left_out.items())


def has_letter(word):
    """Whether a word is more than punctuation and symbols."""
    return any(map(str.isalnum, word))


def _fault(word):
    if word is None:
        return BROKEN
    if _MARK.fullmatch(word):
        return MARKS
    if not word or OUTSIDE.search(word) or _CONTROL.search(word):
        return BLANKS
    return None if has_letter(word) else SIGNS


def _keys(words, tokenizer):
    """What a model sees of each word: its pieces (ids), None where the vocabulary lacks one.

    Without a tokenizer the word itself.
    """
    if tokenizer is None:
        return words
    texts = ["" if _fault(word) else word for word in words]
    pieces, owners = pieces_of(texts, tokenizer)
    borders = np.searchsorted(owners, np.arange(len(words) + 1)).tolist()
    ids, unknown = pieces.ids.tolist(), tokenizer.vocabulary.unk
    keys = [tuple(ids[a:b]) for a, b in zip(borders, borders[1:])]
    return [None if not key or unknown in key else key for key in keys]
