"""The tags that LERT learns: LTP's, in the order of the released checkpoints' heads.

Source: ymcui/LERT, src/run_pretraining.py (28, 13 and 14 classes) and its label lists.
"""

import collections

import numpy as np

POS = tuple("n v wp u d a m p r ns c q nt nh nd j i b ni nz nl z k ws o h e %".split())  # noqa: SIM905
NER = tuple("O S-Ns S-Nh B-Ni E-Ni I-Ni S-Ni B-Ns E-Ns I-Ns B-Nh E-Nh I-Nh".split())  # noqa: SIM905
DEP = tuple("ATT WP ADV VOB SBV COO RAD HED POB CMP LAD FOB DBL IOB".split())  # noqa: SIM905

# Kind -> its tags; the kinds in the order of the heads.
TAGS = {"pos": POS, "ner": NER, "dep": DEP}
KINDS = tuple(TAGS)
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
