"""The tags that LERT learns: LTP's, in the order of the released checkpoints' heads.

Source: ymcui/LERT, src/run_pretraining.py (28, 13 and 14 classes) and its label lists.
"""

import collections

POS = tuple("n v wp u d a m p r ns c q nt nh nd j i b ni nz nl z k ws o h e %".split())  # noqa: SIM905
NER = tuple("O S-Ns S-Nh B-Ni E-Ni I-Ni S-Ni B-Ns E-Ns I-Ns B-Nh E-Nh I-Nh".split())  # noqa: SIM905
DEP = tuple("ATT WP ADV VOB SBV COO RAD HED POB CMP LAD FOB DBL IOB".split())  # noqa: SIM905

# Kind -> its tags; the kinds in the order of the heads.
TAGS = collections.OrderedDict((("pos", POS), ("ner", NER), ("dep", DEP)))
KINDS = tuple(TAGS)
