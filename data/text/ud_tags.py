"""--tag_set=ud: LTP's tags for words tagged in the manner of Universal Dependencies.

Only where both schemes mean the same: a word without a tag is better than one with a wrong tag.
XPOS is that of UD Chinese GSD and PUD (NN, VV, ...). Whether a part of speech can be taken over was
looked up in the People's Daily of January 1998, whose PKU tags are nearly LTP's: of the words of
GSD that occur there, those with CD have a tag that means m in 98.5 %, those with DEC, AS, UH or PRP
and marks are of one tag throughout. NN (69.8 % n, 11.7 % v), VV (80.5 % v, 12.7 % p), NNP, JJ, RB,
IN, NNB, SFN, PFA and DT are mixed and skipped. UD has no entities: NER= counts where MISC has it.
"""

import re

from data.text.conllu_text import ner_of

_NUMERAL = re.compile(
    "[0-9０-９.．,，%％零〇○一二三四五六七八九十百千万萬亿億两兩半几幾数數多余餘第点點]+"
)
_LATIN = re.compile("[A-Za-zＡ-Ｚａ-ｚ]+")


def _one_of(words):
    return re.compile("|".join(words.split()))


_ANY = re.compile(".*", re.S)
# XPOS -> (LTP's part of speech, the forms for which it holds).
_POS = {
    "AS": ("u", _ANY),  # 了 着 过
    "DEC": ("u", _ANY),  # 的 之
    "DEV": ("u", _ANY),  # 地
    "UH": ("u", _one_of("的 了 吗 嗎 呢 吧 啊 呀 嘛 而已 的话 的話")),  # not 嘿, which is e
    "PRP": ("r", _ANY),  # 他 我们 其
    "PRD": ("r", re.compile("(?!之|对方|對方|个人|個人).+")),  # 这 自己 那里; 之 is u, 个人 n
    "CD": ("m", _NUMERAL),  # not 单 首任 成千上万
    "FW": ("ws", _LATIN),
    "VC": ("v", _one_of("是")),  # not 为, which may be p
    "BB": ("p", _one_of("被 把")),  # not 将, which may be d
    "CC": ("c", _one_of("和 与 與 及 或 以及 或者")),
    "MD": ("v", _one_of("会 會 可以 可 要 能 能够 能夠 应 應 应该 應該")),  # not 必须, which is d
}
# What LTP takes for prepositions, and UD in part for verbs: their object is POB, not VOB.
_PREPOSITION = _one_of(
    "在 于 於 由 以 至 到 给 給 除 自 随 隨 向 当 當 照 从 從 对 對 为 為 因 依 据 據 按 与 與 和 "
    "同 跟 把 被 将 將 比 用 通过 通過 经过 經過 关于 關於 根据 根據 按照 透过 透過"
)
# Parts of dates, which LTP writes as one word with their number.
_DATE = _one_of("年 月 日 号 號 时 時 分 世纪 世紀")
_NOMINAL = ("NOUN", "PROPN", "PRON")
_MORE_CLAUSES = {"cop", "advcl", "parataxis", "conj", "dep", "ccomp", "xcomp", "csubj"}


class _Node:
    """A word in its tree. head: _Node, None for the root; children: set of relations."""

    def __init__(self, token):
        self.id, self.form, self.upos = token["id"], token["form"], token["upos"]
        self.xpos, self.relation = token["xpos"], token["deprel"]
        self.head, self.children = None, set()

    def is_before_head(self):
        return self.head is not None and self.id < self.head.id

    def is_behind_head(self):
        return self.head is not None and self.id > self.head.id

    def is_whole_noun(self):
        """Not with a preposition or 里, which LTP makes the head, and no part of a name."""
        function = ("case", "mark", "flat")
        return self.upos in _NOMINAL and not any(c.startswith(function) for c in self.children)


def _is_subject(word):
    # The subject of an embedded clause may be LTP's DBL.
    return (
        word.is_whole_noun()
        and word.is_before_head()
        and not word.head.relation.startswith(("ccomp", "xcomp"))
    )


def _is_object(word):
    # Beside an embedded clause it may be LTP's DBL; measures (NNB) may be CMP.
    return (
        word.is_whole_noun()
        and word.xpos != "NNB"
        and word.is_behind_head()
        and word.head.upos == "VERB"
        and not _PREPOSITION.fullmatch(word.head.form)
        and not word.head.children & {"ccomp", "xcomp"}
    )


def _counts(word):
    return word.is_before_head() and not _DATE.fullmatch(word.head.form)


def _is_attribute(word):
    return word.is_before_head() and word.head.upos in _NOMINAL


def _is_conjunct(word):
    return word.is_whole_noun() and word.xpos != "NNB" and word.is_behind_head()


# UD 2 and UD 1 relation -> (LTP's, function of a _Node: whether it holds). LTP's heads
# differ (prepositions, 是, 里), but only the name of a word's relation is learnt. Particles (u) are
# RAD whatever UD says. iobj is skipped: GSD has 变成 猪 under it.
_DEP = {
    "punct": ("WP", lambda word: word.upos == "PUNCT"),
    "nsubj": ("SBV", _is_subject),
    "obj": ("VOB", _is_object),
    "dobj": ("VOB", _is_object),
    "amod": ("ATT", _is_attribute),
    "det": ("ATT", lambda word: word.upos == "DET" and _is_attribute(word)),
    "nummod": ("ATT", lambda word: word.upos == "NUM" and _counts(word)),
    "advmod": (
        "ADV",
        lambda word: word.upos == "ADV" and word.is_before_head() and word.head.upos == "VERB",
    ),
    "aux": ("ADV", lambda word: word.xpos == "MD" and word.is_before_head()),
    "aux:pass": ("ADV", lambda word: word.form == "被" and word.is_before_head()),
    "auxpass": ("ADV", lambda word: word.form == "被" and word.is_before_head()),
    "conj": ("COO", _is_conjunct),
    "cc": (
        "LAD",
        lambda word: (
            word.is_before_head() and word.head.relation == "conj" and _is_conjunct(word.head)
        ),
    ),
    # Of several clauses LTP may take another for the first.
    "root": ("HED", lambda word: word.upos == "VERB" and not word.children & _MORE_CLAUSES),
}


def to_ltp(words):
    """Tags of a sentence.

    Args:
      words: the conllu library's tokens.

    Returns:
      list of (pos, ner, dep), LTP's tags or None.
    """
    nodes = [_Node(word) for word in words]
    for node, word in zip(nodes, words):
        if word["head"]:
            node.head = nodes[word["head"] - 1]
            node.head.children.add(node.relation)
    return [(_pos(node), ner_of(word), _dep(node)) for node, word in zip(nodes, words)]


def _pos(node):
    if node.upos == "PUNCT":
        return "wp"
    tag, forms = _POS.get(node.xpos, (None, None))
    return tag if tag and forms.fullmatch(node.form) else None


def _dep(node):
    if _pos(node) == "u":
        return "RAD"
    tag, holds = _DEP.get(node.relation, (None, None))
    return tag if tag and holds(node) else None
