"""A table of similar words made of word vectors: its lines, and what is told of it."""

from typing import NamedTuple, Optional

import numpy as np

from common.errors import UserError
from common.progress import Progress
from data.similarity import neighbours, word_choice

_EXAMPLES, _SHOWN = 8, 5  # words, and neighbours of each
# Examples are of the more frequent words, which people know.
_FREQUENT = 4000
# Half of the nearest neighbours of vectors that have learnt something are further apart.
_HARDLY_DIFFERENT = 0.95


class TableSettings(NamedTuple):
    """What neighbours are.

    Attributes:
      top_k: most of a word, from 1 to neighbours.MOST.
      min_similarity: least cosine, from -1 to 1.
      same_length: whether they have as many pieces as their word; needs a vocabulary.
      tags: {word: part of speech} that neighbours share; None: any.
      lowers: whether words are looked up in `tags` in lower case, too.
    """

    top_k: int = 10
    min_similarity: float = 0.6
    same_length: bool = False
    tags: Optional[dict] = None
    lowers: bool = False


class Table(NamedTuple):
    """A table that was made.

    Attributes:
      chosen: word_choice.Chosen.
      near, similarities: see neighbours.find.
      untagged: number of words without a part of speech, which have no neighbours.
    """

    chosen: word_choice.Chosen
    near: np.ndarray
    similarities: np.ndarray
    untagged: int

    def lines(self):
        """Yields the lines of the words that have neighbours."""
        for number in np.flatnonzero(self.near[:, 0] >= 0).tolist():
            yield "{}\t{}\n".format(self.chosen.words[number], " ".join(self._written(number)))

    def report(self):
        """Yields lines for the user."""
        chosen, counts = self.chosen, (self.near >= 0).sum(axis=1)
        yield "{:,} words read, {:,} kept{}".format(
            chosen.read,
            len(chosen.words),
            "; left out: " + word_choice.described(chosen.left_out) if chosen.left_out else "",
        )
        has_some = counts > 0
        yield "{:,} words ({:.1%} of the kept ones) have neighbours, {:.1f} on average".format(
            int(has_some.sum()), has_some.mean(), counts[has_some].mean()
        )
        if self.untagged:
            yield "{:,} words have no part of speech, and so no neighbours".format(self.untagged)
        nearest = np.median(self.similarities[has_some, 0])
        if nearest > _HARDLY_DIFFERENT:
            yield (
                "note: the median similarity of nearest neighbours is {:.3f}: the vectors hardly "
                "differ, as after too little training, and neighbours mean little".format(nearest)
            )
        first = np.flatnonzero(has_some[:_FREQUENT])
        steps = np.linspace(0, len(first) - 1, min(_EXAMPLES, len(first))).astype(int)
        for number in first[steps].tolist():
            yield "{}: {}".format(chosen.words[number], " ".join(self._written(number)[:_SHOWN]))

    def _written(self, number):
        """The neighbours of a word as they are written."""
        return [
            "{}:{:.{}f}".format(self.chosen.words[other], similarity, neighbours.DIGITS)
            for other, similarity in zip(
                self.near[number].tolist(), self.similarities[number].tolist()
            )
            if other >= 0
        ]


def make(chosen, settings, say):
    """The table of words.

    Args:
      chosen: word_choice.Chosen.
      settings: TableSettings.
      say: called with lines for the user.

    Returns:
      Table.

    Raises:
      UserError: no word has a neighbour.
    """
    groups = chosen.sizes if settings.same_length else np.zeros(len(chosen.words), np.int64)
    groups, untagged = _with_tags(groups.astype(np.int64), chosen.words, settings)
    with Progress("neighbours", len(chosen.words), say, "words") as progress:
        near, similarities = neighbours.find(
            chosen.vectors, groups, settings.top_k, settings.min_similarity, progress
        )
    if (near < 0).all():
        raise UserError(
            "none of the {:,} words has a neighbour with a similarity of {} or more; lower "
            "--min_similarity".format(len(chosen.words), settings.min_similarity)
        )
    return Table(chosen, near, similarities, untagged)


def _with_tags(groups, words, settings):
    """(groups parted by parts of speech, number of words without one, whose group is -1)."""
    if settings.tags is None:
        return groups, 0
    numbers = {tag: number for number, tag in enumerate(sorted(set(settings.tags.values())))}
    of_words = [settings.tags.get(word) for word in words]
    if settings.lowers:
        lowered = {word.lower(): tag for word, tag in settings.tags.items()}
        of_words = [tag or lowered.get(word.lower()) for word, tag in zip(words, of_words)]
    found = np.array([-1 if tag is None else numbers[tag] for tag in of_words], np.int64)
    if (found < 0).all():
        raise UserError(
            "none of the {:,} words has a part of speech; give another --pos_file".format(
                len(words)
            )
        )
    return np.where(found < 0, -1, groups * len(numbers) + found), int((found < 0).sum())
