"""CoNLL-U as input: words, tags, documents, and one line for what is malformed."""

import glob
import gzip
import os
from types import SimpleNamespace

import conllu
import numpy as np
import pytest
from conftest import ROOT
from conllu_lines import lines
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.tags import KINDS, TAGS
from data.text import corpus, documents
from data.text.tags import UNKNOWN

SAMPLE = sorted(glob.glob(os.path.join(ROOT, "sample", "annotations", "*.conllu")))


def read(text, line=0, **changes):
    """documents.Documents of a text, which begins behind line `line` of x.conllu."""
    options = dict(input_format="conllu", normalize_quotes=False, tag_set="ltp", **changes)
    source = corpus.Source(text.encode("utf-8"), "x.conllu", lambda: line)
    return documents.read_documents([source], SimpleNamespace(**options))


def words_of(found):
    """[[(word, (pos, ner, dep))] of each sentence], tags as text or None."""
    ends = np.append(np.flatnonzero(found.words.starts)[1:], len(found.text))
    starts = np.flatnonzero(found.words.starts)
    sentence = np.searchsorted(found.starts, starts, "right") - 1
    words = [[] for _ in found.starts]
    for number, start, end, row in zip(sentence, starts, ends, found.words.tags.tolist()):
        text = found.text[start : min(end, int(found.ends[number]))].rstrip(" \u3000\u200b")
        tags = tuple(TAGS[k][n] if n != UNKNOWN else None for k, n in zip(KINDS, row))
        words[number].append((text, tags))
    return words


NO_SPACE = "SpaceAfter=No"
BEIJING = lines(
    {"form": "他", "xpos": "r", "head": "2", "deprel": "SBV", "misc": "NER=O|" + NO_SPACE},
    {"form": "在", "xpos": "v", "head": "0", "deprel": "HED", "misc": "NER=O|" + NO_SPACE},
    {"form": "北京", "xpos": "ns", "head": "2", "deprel": "VOB", "misc": NO_SPACE + "|NER=S-Ns"},
)


def test_words_and_tags():
    found = read(BEIJING)
    assert found.text == "他在北京" and found.documents.tolist() == [0, 1]
    assert words_of(found) == [
        [("他", ("r", "O", "SBV")), ("在", ("v", "O", "HED")), ("北京", ("ns", "S-Ns", "VOB"))]
    ]
    assert not found.words.unknown_tags and not found.words.unusable.any()


def test_documents_begin_at_newdoc_and_at_files():
    def sentence(form, *comments):
        return lines({"form": form}, comments=comments)

    text = (
        sentence("一")
        + sentence("二", "newpar", "text = 二")
        + sentence("三", "sent_id = 3", "newdoc id = n3")
        + sentence("四")
        + sentence("五", "newdoc")
    )
    found = read(text)
    assert found.documents.tolist() == [0, 2, 4, 5]
    sources = [corpus.Source(t.encode(), "x", lambda: 0) for t in (text, sentence("六"))]
    options = SimpleNamespace(input_format="conllu", normalize_quotes=False, tag_set="ltp")
    both = documents.read_documents(sources, options)
    assert both.documents.tolist() == [0, 2, 4, 5, 6]
    assert both.text.split("\n") == list("一二三四五六")


def test_blanks_come_from_the_text_or_from_space_after():
    words = [{"form": f} for f in ("用", "BERT", "模型")]
    assert read(lines(*words)).text == "用 BERT 模型"
    spaced = [dict(w, misc=NO_SPACE) for w in words]
    assert read(lines(*spaced)).text == "用BERT模型"
    found = read(lines(*spaced, comments=["text = 用  BERT\u3000模\u200b型"]))
    assert found.words.unusable.tolist() == [True]  # 模型 is not in one piece
    found = read(lines(*spaced, comments=["text = 用  BERT\u3000\u200b模型"]))
    assert found.text == "用  BERT\u3000\u200b模型"
    assert [word for word, _ in words_of(found)[0]] == ["用", "BERT", "模型"]
    quoted = read(lines({"form": "“"}, comments=["text = “"]))
    assert quoted.text == "“"
    assert read(BEIJING.replace("他", "“")).text[0] == "“"


def test_quotes_are_normalised():
    options = SimpleNamespace(input_format="conllu", normalize_quotes=True, tag_set="ltp")
    source = corpus.Source(lines({"form": "“好”"}).encode(), "x", lambda: 0)
    assert documents.read_documents([source], options).text == '"好"'


@pytest.mark.parametrize("text", ["他不在北京", "他在", "他在北京。", "在他北京"])
def test_words_that_do_not_join_are_counted_and_shown(text):
    comments = "# text = {}\n".format(text)
    found = read(BEIJING + comments + BEIJING + BEIJING, line=100)
    assert found.text.split("\n") == ["他在北京", text, "他在北京"]
    assert found.words.unusable.tolist() == [False, True, False]
    assert found.words.faults == ["x.conllu line 106"]
    assert [len(words) for words in words_of(found)] == [3, 0, 3]


def test_ranges_and_empty_nodes():
    def sentence(form):
        rows = lines(
            {"form": "我", "xpos": "r", "misc": NO_SPACE},
            {"form": "在", "xpos": "p"},
            {"form": "北京", "xpos": "ns"},
            {"form": "人", "xpos": "n", "misc": NO_SPACE},
        ).splitlines()
        rows.insert(1, "\t".join(["2-3", form] + ["_"] * 7 + [NO_SPACE]))
        rows.insert(4, "3.1\t去\t_\t_\tv\t_\t_\t_\t_\t_")
        return "\n".join(rows) + "\n\n"

    found = read(sentence("在北京"))
    assert found.text == "我在北京人"
    assert [(w, tags[0]) for w, tags in words_of(found)[0]] == [
        ("我", "r"), ("在", "p"), ("北京", "ns"), ("人", "n"),
    ]  # fmt: skip
    found = read(sentence("于京"))
    assert found.text == "我于京人"
    assert [(w, tags[0]) for w, tags in words_of(found)[0]] == [
        ("我", "r"), ("于京", None), ("人", "n"),
    ]  # fmt: skip


def test_unknown_tags_are_counted_and_missing_ones_are_not():
    words = [
        {"form": "甲", "xpos": "g", "deprel": "IS", "head": "0"},
        {"form": "乙", "xpos": "x", "misc": "NER=B-Xx"},
        {"form": "丙", "xpos": "g", "misc": "NER=_|Gloss"},
    ]
    found = read(lines(*words))
    assert found.words.unknown_tags == {"POS-g": 2, "POS-x": 1, "NER-B-Xx": 1, "DEP-IS": 1}
    assert (found.words.tags == UNKNOWN).all()


COLUMNS = "1\t他\t_\t_\tr\t_\t0\tHED\t_\t_"


@pytest.mark.parametrize(
    "content, message",
    [
        (COLUMNS[:-2] + "\n", "line 11 is no CoNLL-U: it has 9 columns, there must be 10"),
        (COLUMNS + "\t_\n", "line 11 is no CoNLL-U: it has 11 columns"),
        (COLUMNS.replace("\t", " ") + "\n", "line 11 is no CoNLL-U: it has 1 columns"),
        ("他 在 北京\n", "line 11 is no CoNLL-U: it has 1 columns"),
        (COLUMNS.replace("他", "") + "\n", "line 11 .* it has 10 columns, an empty one"),
        (COLUMNS.replace("他", "a  b") + "\n", "line 11 .*two blanks in a row"),
        ("\n" + COLUMNS.replace("1", "2") + "\n", "line 12 .*ID is 2, expected is 1"),
        (COLUMNS + "\n" + COLUMNS + "\n", "line 12 .*ID is 1, expected is 2"),
        (COLUMNS.replace("1", "x") + "\n", "line 11 .*'x' is not a valid ID"),
        (COLUMNS.replace("1", "_") + "\n", "line 11 .*ID is _, expected is 1"),
        (COLUMNS.replace("1\t", "2-1\t") + "\n", "line 11 .*'2-1' is not a valid ID"),
        ("2-3" + COLUMNS[1:] + "\n" + COLUMNS + "\n", "line 11 .*ID is 2-3, expected is 1"),
        ("1-2" + COLUMNS[1:] + "\n" + COLUMNS + "\n", "line 12 .*ends before the words of 1-2"),
        ("0.1" + COLUMNS[1:] + "\n", "line 11 .*the sentence ends before the words of 0.1"),
        (COLUMNS + "\n2.1" + COLUMNS[1:] + "\n", "line 12 .*ID is 2.1, expected is 2"),
        (COLUMNS.replace("\t0\t", "\tx\t") + "\n", "line 11 .*'x' is not a valid value"),
        (COLUMNS.replace("\t0\t", "\t2\t") + "\n", "line 11 .*HEAD is 2, but must be 0 or another"),
        (COLUMNS.replace("\t0\t", "\t-1\t") + "\n", "line 11 .*HEAD is -1"),
        (COLUMNS.replace("\t0\t", "\t1\t") + "\n", "line 11 .*HEAD is 1"),
        (COLUMNS.replace("\t0\t", "\t" + "9" * 5000 + "\t") + "\n", "line 11 is no CoNLL-U"),
    ],
)  # fmt: skip
def test_malformed(content, message):
    with pytest.raises(UserError, match=message) as error:
        read(content, line=10)
    assert "x.conllu line" in str(error.value) and len(str(error.value)) < 400


def test_windows_line_ends_a_mark_and_a_missing_last_line_end():
    found = read(BEIJING.replace("\n", "\r\n").rstrip())
    assert found.text == "他在北京" and words_of(found) == words_of(read(BEIJING))
    assert read("").text == "" and read("# only = a comment\n").documents.tolist() == [0]


def test_the_sample_reads_as_the_library_reads_it():
    for path in SAMPLE:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        found, expected = read(text), conllu.parse(text)
        assert [
            [(w["form"], (w["xpos"], w["misc"]["NER"], w["deprel"])) for w in sentence]
            for sentence in expected
        ] == words_of(found)
        assert found.text.split("\n") == [sentence.metadata["text"] for sentence in expected]


forms = st.text("他在北京大学A1b。 \u3000\u200b", min_size=1, max_size=4).filter(
    lambda form: form == form.strip(" \u3000\u200b") and form and "  " not in form
)


@given(st.lists(st.lists(st.tuples(forms, st.booleans()), min_size=1, max_size=6), max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_words_come_back(sentences):
    text = "".join(
        lines(*({"form": f, "misc": NO_SPACE if tight else "_"} for f, tight in sentence))
        for sentence in sentences
    )
    found = read(text)
    assert not found.words.unusable.any()
    assert [[word for word, _ in words] for words in words_of(found)] == [
        [form for form, _ in sentence] for sentence in sentences
    ]
    joined = ("".join(f + " " * (not t) for f, t in sentence).rstrip() for sentence in sentences)
    assert found.text == "\n".join(joined)


class TestUnits:
    def write(self, path, sentences, newdoc_every):
        text = ""
        for number in range(sentences):
            comments = (
                ["newdoc id = d{}".format(number)]
                if newdoc_every and not (number % newdoc_every)
                else []
            )
            text += lines(
                {"form": "第{}".format(number)}, {"form": "句"}, comments=[*comments, "a = b"]
            )
        content = text.encode("utf-8")
        if str(path).endswith(".gz"):
            content = gzip.compress(content)
        path.write_bytes(content)
        return text

    def sentences(self, path, unit_bytes):
        """Sentences of each unit's documents."""
        options = SimpleNamespace(input_format="conllu", normalize_quotes=False, tag_set="ltp")
        found = []
        for unit in corpus.plan_units([str(path)], "conllu", unit_bytes, unit_bytes):
            for sources, _ in corpus.unit_blocks(unit, "conllu", unit_bytes):
                read_block = documents.read_documents(sources, options)
                texts = read_block.text.split("\n")
                borders = read_block.documents.tolist()
                found.append([texts[a:b] for a, b in zip(borders, borders[1:])])
        return found

    @pytest.mark.parametrize("name", ["a.conllu", "a.conllu.gz"])
    def test_cut_at_documents(self, tmp_path, name):
        self.write(tmp_path / name, 300, newdoc_every=5)
        units = self.sentences(tmp_path / name, 2000)
        assert len(units) > 4
        assert all(len(document) == 5 for unit in units for document in unit)
        flat = [s for unit in units for document in unit for s in document]
        assert flat == ["第{} 句".format(i) for i in range(300)]

    @pytest.mark.parametrize("name", ["a.conllu", "a.conllu.gz"])
    def test_a_file_without_newdoc_is_one_document_cut_between_sentences(self, tmp_path, name):
        self.write(tmp_path / name, 300, newdoc_every=0)
        units = self.sentences(tmp_path / name, 2000)
        assert len(units) > 4 and all(len(unit) == 1 for unit in units)
        flat = [s for unit in units for document in unit for s in document]
        assert flat == ["第{} 句".format(i) for i in range(300)]

    def test_a_sentence_is_never_cut(self, tmp_path):
        text = lines(*({"form": "词"} for _ in range(500)))
        (tmp_path / "a.conllu").write_text(text * 3, encoding="utf-8")
        units = self.sentences(tmp_path / "a.conllu", 1000)
        assert [unit[0] for unit in units] == [[" ".join(["词"] * 500)]] * 3


@pytest.mark.parametrize(
    "name, sentences, words",
    [
        ("UD_Chinese-GSDSimp/zh_gsdsimp-ud-dev.conllu", 500, 12663),
        ("UD_Chinese-GSDSimp/zh_gsdsimp-ud-test.conllu", 250, 5853),
        ("UD_Chinese-HK/zh_hk-ud-test.conllu", 300, 1825),
        ("UD_Chinese-PUD/zh_pud-ud-test.conllu", 250, 5347),
        ("udc/train.conll", 900, 21761),
    ],
)
class TestTreebanks:
    def load(self, shared, name, tag_set):
        with open(os.path.join(shared, "datasets", "treebank", name), "rb") as f:
            source = corpus.Source(f.read(), name, lambda: 0)
        options = SimpleNamespace(input_format="conllu", normalize_quotes=False, tag_set=tag_set)
        return documents.read_documents([source], options)

    def test_words(self, shared, name, sentences, words):
        found = self.load(shared, name, "ltp")
        assert len(found.starts) == sentences and found.words.starts.sum() == words
        assert not found.words.unusable.any()
        assert (found.words.tags == UNKNOWN).all()
        assert sum(found.words.unknown_tags.values()) >= words  # UD's names are not LTP's

    def test_ud_tags(self, shared, name, sentences, words):
        found = self.load(shared, name, "ud")
        assert not found.words.unknown_tags
        known = (found.words.tags != UNKNOWN).mean(axis=0)
        assert known[0] > 0.19 and known[1] == 0 and known[2] > 0.39
        for sentence in words_of(found):
            assert [tags[2] for _, tags in sentence].count("HED") <= 1
            for word, (pos, _, dep) in sentence:
                assert pos != "wp" or word == "丶" or not any(map(str.isalnum, word))
                assert pos != "u" or word in "的之了着著过過得地吗嗎呢吧啊呀嘛而已的话的話"
                assert dep != "RAD" or pos == "u"


def test_ud_tags_only_where_both_schemes_agree():
    """UD_Chinese-GSDSimp dev-s1, shortened: every tag that is given, and those that are not."""
    text = lines(
        {"form": "他", "upos": "PRON", "xpos": "PRP", "head": "6", "deprel": "nsubj"},
        {"form": "也", "upos": "ADV", "xpos": "RB", "head": "6", "deprel": "advmod"},
        {"form": "没有", "upos": "ADV", "xpos": "RB", "head": "6", "deprel": "advmod"},
        {"form": "在", "upos": "ADP", "xpos": "IN", "head": "5", "deprel": "case"},
        {"form": "家", "upos": "NOUN", "xpos": "NN", "head": "6", "deprel": "obl"},
        {"form": "看", "upos": "VERB", "xpos": "VV", "head": "0", "deprel": "root"},
        {"form": "了", "upos": "AUX", "xpos": "AS", "head": "6", "deprel": "aux"},
        {"form": "三", "upos": "NUM", "xpos": "CD", "head": "9", "deprel": "nummod"},
        {"form": "本", "upos": "NOUN", "xpos": "NNB", "head": "11", "deprel": "clf"},
        {"form": "重要", "upos": "ADJ", "xpos": "JJ", "head": "11", "deprel": "amod"},
        {"form": "书", "upos": "NOUN", "xpos": "NN", "head": "6", "deprel": "obj"},
        {"form": "和", "upos": "CCONJ", "xpos": "CC", "head": "13", "deprel": "cc"},
        {"form": "报", "upos": "NOUN", "xpos": "NN", "head": "11", "deprel": "conj"},
        {"form": "。", "upos": "PUNCT", "xpos": ".", "head": "6", "deprel": "punct"},
    )
    options = SimpleNamespace(input_format="conllu", normalize_quotes=False, tag_set="ud")
    source = corpus.Source(text.encode("utf-8"), "x", lambda: 0)
    (found,) = words_of(documents.read_documents([source], options))
    assert {word: (pos, dep) for word, (pos, ner, dep) in found} == {
        "他": ("r", "SBV"),
        "也": (None, "ADV"),
        "没有": (None, "ADV"),
        "在": (None, None),  # p, but IN holds nd and c, too
        "家": (None, None),
        "看": (None, "HED"),
        "了": ("u", "RAD"),
        "三": ("m", "ATT"),
        "本": (None, None),
        "重要": (None, "ATT"),
        "书": (None, "VOB"),
        "和": ("c", "LAD"),
        "报": (None, "COO"),
        "。": ("wp", "WP"),
    }
