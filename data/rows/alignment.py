"""Word groups of pieces: which pieces are masked together."""

from typing import NamedTuple, Optional

import numpy as np

from data.text.tags import UNKNOWN


class Groups(NamedTuple):
    """Word groups of pieces.

    Attributes:
      starts: bool [pieces], True where a group begins.
      unaligned_words, unaligned_sentences: counts.
      tags: int8 [pieces, kinds], those of the word that a piece lies in, UNKNOWN where they are not
        known; None for words without tags.
    """

    starts: np.ndarray
    unaligned_words: int
    unaligned_sentences: int
    tags: Optional[np.ndarray] = None


def wordpiece_groups(pieces, sentence_first_pieces):
    """Groups without a segmenter: a piece and the `##` pieces after it (English whole words)."""
    starts = ~pieces.continuation
    starts[sentence_first_pieces] = True
    return Groups(starts, 0, 0)


def word_groups(pieces, word_marks, sentence_first_pieces, bad_sentences, tags=None):
    """Groups of the pieces that lie in one word, by character offsets.

    A piece that reaches over a word border (an [UNK] over several words, say) cannot be given to
    one word: the words it touches are masked piece by piece, and counted. So are sentences whose
    segmentation did not join to the text.

    Args:
      pieces: tokenization.Pieces.
      word_marks: bool [characters], True where a word begins.
      sentence_first_pieces: int [sentences], index of each sentence's first piece; increasing.
      bad_sentences: bool [sentences], True where the words are unusable.
      tags: int8 [words, 3] in the order of the marks, or None.

    Returns:
      Groups.
    """
    count = len(pieces.ids)
    starts = np.ones(count, dtype=bool)
    if not count:
        return Groups(starts, 0, 0, None if tags is None else tags[:0])
    sentence = np.zeros(count, dtype=np.int64)
    sentence[sentence_first_pieces[1:]] = 1
    sentence = np.cumsum(sentence)
    word = np.cumsum(word_marks)
    first, last = word[pieces.starts], word[pieces.ends - 1]
    broken = _broken_words(first, last, int(word[-1]))
    loose = broken[first] | broken[last] | bad_sentences[sentence]
    starts[1:] = (
        (first[1:] != first[:-1]) | (sentence[1:] != sentence[:-1]) | loose[1:] | loose[:-1]
    )
    sentences = np.unique(sentence[loose])
    if tags is not None:
        # What stands before the first word has the number 0.
        tags = np.concatenate([np.full_like(tags, UNKNOWN, shape=(1, tags.shape[1])), tags])
        tags = np.where(loose[:, None], np.int8(UNKNOWN), tags[first])
    return Groups(starts, int(broken.sum()), len(sentences), tags)


def _broken_words(first, last, words):
    """bool [words + 1]: True for the words that share a piece with another word."""
    crossing = np.flatnonzero(first != last)
    edges = np.zeros(words + 2, dtype=np.int64)
    np.add.at(edges, first[crossing], 1)
    np.add.at(edges, last[crossing] + 1, -1)
    return np.cumsum(edges)[:-1] > 0
