"""Words and their similar words as pieces of a vocabulary, in arrays that rows look them up in.

table, left_out = piece_table.build(read_table("similar.txt"), tokenizer)
numbers, is_known = table.find(piece_table.keys_of(pieces, starts))
"""

from typing import List, NamedTuple

import numpy as np

from common.errors import UserError
from data.text.word_lists import pieces_of

# A word's key is a polynomial of its pieces modulo 2^64 at this odd number: of 130,000 words, two
# have one key with a probability of 5e-10.
_BASE = np.uint64(0x9E3779B97F4A7C15)


class WordTable(NamedTuple):
    """Words with their similar words of as many pieces.

    Entries are all different words of the table, whether they have similar words or not.

    Attributes:
      keys: int64 [words], of the words that have similar ones, rising.
      of_keys: int32 [words], their entries.
      first: int32 [words + 1], where the similar words of a word begin in `similar`.
      similar: int32 [n], entries.
      starts, sizes: int32 [entries], first piece in `pieces`, and the number of pieces.
      pieces: int32 [n].
      by_size: int32 [entries], entries in the order of their sizes.
      size_first: int32 [largest size + 2], where the entries of a size begin in `by_size`.
      texts: the words of the entries.
    """

    keys: np.ndarray
    of_keys: np.ndarray
    first: np.ndarray
    similar: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    pieces: np.ndarray
    by_size: np.ndarray
    size_first: np.ndarray
    texts: List[str]

    @property
    def megabytes(self):
        """Memory of the arrays."""
        return sum(a.nbytes for a in self if isinstance(a, np.ndarray)) / 1e6

    def find(self, keys):
        """Numbers of words in the table, int64 [n] (any where it has none), and whether it has
        them, bool [n].

        Args:
          keys: int64 [n], of keys_of.
        """
        numbers = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return numbers, self.keys[numbers] == keys


class LeftOut(NamedTuple):
    """What of a table no row can use.

    Attributes:
      unknown: words that have pieces the vocabulary lacks.
      other_length: similar words that have more or fewer pieces than their word, or the same ones.
      without: words that have no similar word left.
    """

    unknown: int
    other_length: int
    without: int


def powers(count):
    """uint64 [count]: what the pieces of a word are multiplied with in its key."""
    made = np.full(count, _BASE, np.uint64)
    made[:1] = 1
    return np.multiply.accumulate(made)


def keys_of(pieces, starts):
    """Keys of words: int64 [words].

    Args:
      pieces: int [n], those of all words, one after the other; no word is without pieces.
      starts: int [words], the first piece of each.
    """
    sizes = np.diff(np.append(starts, len(pieces)))
    offsets = np.arange(len(pieces)) - np.repeat(starts, sizes)
    terms = (pieces.astype(np.uint64) + np.uint64(1)) * powers(int(sizes.max(initial=0)))[offsets]
    return np.add.reduceat(terms, starts).view(np.int64) if len(starts) else np.zeros(0, np.int64)


def build(similar_words, tokenizer):
    """The table in pieces.

    Args:
      similar_words: data.similarity.table.SimilarWords.
      tokenizer: of a WordPiece vocabulary.

    Returns:
      WordTable, LeftOut.

    Raises:
      UserError: nothing is left.
    """
    others = (word for neighbours in similar_words.neighbours for word in neighbours)
    texts = list(dict.fromkeys([*similar_words.words, *others]))
    number_of = {text: number for number, text in enumerate(texts)}
    pieces, starts, sizes, usable = _pieces_of(texts, tokenizer)
    owners, others = _pairs(similar_words, number_of)
    has_pieces = usable[owners] & usable[others]
    keys = np.zeros(len(texts), np.int64)
    some = np.flatnonzero(sizes)
    keys[some] = keys_of(pieces, starts[some])
    fits = has_pieces & (sizes[owners] == sizes[others]) & (keys[owners] != keys[others])
    owners, others = owners[fits], others[fits]
    if not len(owners):
        raise UserError(
            "none of the {:,} words of the table has a similar word that the vocabulary {} spells "
            "in as many pieces".format(len(similar_words.words), tokenizer.vocabulary.path)
        )
    # Words that the vocabulary spells alike (ABC, abc) are one.
    found, one, at = np.unique(keys[owners], return_index=True, return_inverse=True)
    order = np.argsort(at, kind="stable")
    entries = np.flatnonzero(usable)
    by_size = entries[np.argsort(sizes[entries], kind="stable")]
    in_size = np.bincount(sizes[by_size])
    table = WordTable(
        found,
        owners[one].astype(np.int32),
        np.append(0, np.cumsum(np.bincount(at))).astype(np.int32),
        others[order].astype(np.int32),
        starts.astype(np.int32),
        sizes.astype(np.int32),
        pieces,
        by_size.astype(np.int32),
        np.append(0, np.cumsum(in_size)).astype(np.int32),
        texts,
    )
    left_out = LeftOut(
        int(np.count_nonzero(~usable)),
        int(np.count_nonzero(has_pieces & ~fits)),
        len(similar_words.words) - len(np.unique(owners)),
    )
    return table, left_out


def _pieces_of(texts, tokenizer):
    """Pieces of words: int32 [n]; first piece and number of them, int64 [words]; whether the
    vocabulary knows them all, bool [words]."""
    pieces, owners = pieces_of(texts, tokenizer)
    sizes = np.bincount(owners, minlength=len(texts))
    known = sizes > 0
    known[owners[pieces.ids == tokenizer.vocabulary.unk]] = False
    return pieces.ids.astype(np.int32), np.cumsum(sizes) - sizes, sizes, known


def _pairs(similar_words, number_of):
    """Entries of words and of their similar words, pair by pair: two int64 [pairs]."""
    owners = np.array([number_of[word] for word in similar_words.words], dtype=np.int64)
    counts = [len(neighbours) for neighbours in similar_words.neighbours]
    others = [number_of[word] for words in similar_words.neighbours for word in words]
    return np.repeat(owners, counts), np.array(others, dtype=np.int64)
