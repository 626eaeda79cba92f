"""The tags that LERT learns: LTP's, in the order of the released checkpoints' heads.

Source: ymcui/LERT, src/run_pretraining.py (28, 13 and 14 classes) and its label lists.
"""

POS = tuple("n v wp u d a m p r ns c q nt nh nd j i b ni nz nl z k ws o h e %".split())
NER = tuple("O S-Ns S-Nh B-Ni E-Ni I-Ni S-Ni B-Ns E-Ns I-Ns B-Nh E-Nh I-Nh".split())
DEP = tuple("ATT WP ADV VOB SBV COO RAD HED POB CMP LAD FOB DBL IOB".split())

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
