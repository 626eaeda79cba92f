"""Questions about the sample."""

import glob
import os

import pytest
from conftest import ROOT

from common.errors import UserError
from sample.masked_words import questions

TERMS = os.path.join(ROOT, "sample", "terms.txt")
TEXT = "地铁昨天正式开通运营。记者在车站看到许多市民。\n\n他说：“不熟。”今天天气真的非常好。\n"


def corpus():
    texts = []
    for path in sorted(glob.glob(os.path.join(ROOT, "sample", "corpus", "*.txt"))):
        with open(path, encoding="utf-8") as f:
            texts.append(f.read())
    return "\n\n".join(texts)


def test_a_word_of_two_characters_is_masked_and_found_again():
    text = corpus()
    asked = questions(text, 40, 1, TERMS)
    assert len({question.text for question in asked}) == 40
    for question in asked:
        whole = question.text.replace("[MASK][MASK]", question.word)
        assert whole in text and whole[question.at : question.at + 2] == question.word
        assert len(question.word) == 2 and "\n" not in whole
    assert asked == questions(text, 40, 1, TERMS)
    assert asked != questions(text, 40, 2, TERMS)


def test_words_are_those_of_the_segmenter():
    words = {"地铁", "昨天", "正式", "开通", "运营", "记者", "车站", "看到", "许多", "市民"}
    words |= {"今天", "今天天气", "天气", "真的", "非常"}
    assert {q.word for seed in range(30) for q in questions(TEXT, 3, seed)} <= words
    with pytest.raises(UserError, match="3 sentences with a word of two characters are too few"):
        questions(TEXT, 4, 1)
