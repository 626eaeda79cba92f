"""Tags of words as numbers: indices in the heads that LERT trains."""

import collections

import numpy as np

from common.tags import KINDS, TAGS

# Stands for a tag that is not known, or that no head has.
UNKNOWN = -1

_NUMBERS = {kind: {tag: number for number, tag in enumerate(tags)} for kind, tags in TAGS.items()}


def number(kind, tag):
    """Index of a tag in its head, UNKNOWN for one that the head does not have.

    Args:
      kind: "pos", "ner" or "dep".
      tag: str.
    """
    return _NUMBERS[kind].get(tag, UNKNOWN)


def shown(kind, tag):
    """A tag with its kind, as LERT's label lists have it: POS-n."""
    return "{}-{}".format(kind.upper(), tag)


def names_of(kind):
    """The tags of a kind as `shown` has them."""
    return [shown(kind, tag) for tag in TAGS[kind]]


class TagNumbers:
    """Tags of words as numbers.

    Attributes:
      unknown: Counter of tags that no head has, see `shown`.
    """

    def __init__(self):
        self.unknown = collections.Counter()
        self._rows, self._known = [], {}

    def add(self, tags):
        """Takes a word's tags: str or None (not given), in the order of KINDS."""
        row = self._known.get(tags)
        if row is None:
            row = tuple(number(kind, tag) for kind, tag in zip(KINDS, tags))
            if UNKNOWN not in row:
                self._known[tags] = row
            for kind, tag, value in zip(KINDS, tags, row):
                if value == UNKNOWN and tag is not None:
                    self.unknown[shown(kind, tag)] += 1
        self._rows.append(row)

    def array(self):
        """int8 [words, kinds], UNKNOWN where a tag was not given or is of no head."""
        return np.array(self._rows, dtype=np.int8).reshape(-1, len(KINDS))
