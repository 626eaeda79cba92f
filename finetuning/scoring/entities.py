"""Precision, recall and F1 of entities, as seqeval and conlleval count them."""

import collections
from typing import NamedTuple


class Score(NamedTuple):
    """Precision, recall and F1 of one type of entities, or of all, from 0 to 1; `entities`: how
    many the reference has."""

    precision: float
    recall: float
    f1: float
    entities: int


class EntityScores:
    """Scores of a file.

    Attributes:
      micro: Score over all entities, the usual "F1" of named entities.
      macro: Score, the mean over types, as CLUENER's authors print it.
      types: ordered dict type -> Score, by name, including types that were only predicted.
    """

    def __init__(self, micro, macro, types):
        self.micro, self.macro, self.types = micro, macro, types


def score_entities(expected, predicted):
    """Compares entities; one is right where start, end and type are.

    Args:
      expected, predicted: for each sentence an iterable of Span; a span counts once.

    Returns:
      EntityScores; a ratio without anything to count is 0, as in seqeval.

    Raises:
      ValueError: the numbers of sentences differ.
    """
    if len(expected) != len(predicted):
        raise ValueError("{} sentences, {} predicted".format(len(expected), len(predicted)))
    right, there, guessed = (collections.Counter() for _ in range(3))
    for one, other in zip(expected, predicted):
        one, other = set(one), set(other)
        right.update(span.type for span in one & other)
        there.update(span.type for span in one)
        guessed.update(span.type for span in other)
    types = collections.OrderedDict(
        (kind, _score(right[kind], guessed[kind], there[kind]))
        for kind in sorted({*there, *guessed})
    )
    micro = _score(*(sum(counter.values()) for counter in (right, guessed, there)))
    count = max(1, len(types))
    means = (sum(score[i] for score in types.values()) / count for i in range(3))
    return EntityScores(micro, Score(*means, entities=micro.entities), types)


def _score(right, guessed, there):
    precision = right / guessed if guessed else 0.0
    recall = right / there if there else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return Score(precision, recall, f1, there)
