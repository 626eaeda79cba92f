"""Words of a user dictionary in texts that have them in another case."""

import pathlib
import sys

import numpy as np
import pytest
from creation_runs import VOCAB, make
from test_user_dictionary import dictionary, text_segmenters, words_of

from data.text.segmentation import make_segmenter
from data.text.spellings import Spellings, lowered
from data.tokenizers.vocabularies import read_vocabulary

WORDS = ["CT检查", "covid-19疫苗", "维生素C", "*ST舜天"]
# Text -> the words that it has, as the dictionary spells them.
TEXTS = {
    "请做ct检查。": {"CT检查": 1},
    "请做CT检查和Ct检查": {"CT检查": 2},
    "COVID-19疫苗和Covid-19疫苗": {"covid-19疫苗": 2},
    "多吃维生素c和维生素C": {"维生素C": 2},
    "关于*st舜天的消息": {"*ST舜天": 1},
    # Full-width letters are other letters.
    "请做ＣＴ检查": {},
    "没有这些": {},
}


def test_every_character_keeps_its_place():
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        assert len(lowered(char)) == 1
        assert char in "\u0130\u03c2" or lowered(char) == char.lower()
    assert lowered("ΟΔΟΣ οδος Οδός") == "οδοσ οδοσ οδόσ"


@pytest.mark.parametrize(
    ("words", "text", "spelled"),
    [
        (["CT"], "ct机与Ct机", "CT机与CT机"),
        (["CT"], "product ct, actct ct2", "product CT, actct ct2"),
        (["CT", "CT检查"], "做ct检查", "做CT检查"),
        (["CT检查", "ct检查"], "ct检查CT检查Ct检查", "ct检查CT检查CT检查"),
        (["AB丙", "丙D"], "ab丙d", "AB丙d"),
        (["C++", "ΟΔΟΣ"], "c++ οδος", "C++ ΟΔΟΣ"),
        (["检查"], "做CT检查", "做CT检查"),
        ([], "CT", "CT"),
    ],
)
def test_the_spelling_of_the_dictionary(words, text, spelled):
    assert Spellings(words).spelled(text) == spelled


@text_segmenters
@pytest.mark.parametrize("text", TEXTS)
def test_words_are_found_in_any_case(name, text, tmp_path):
    segmenter = make_segmenter(name, user_dict=dictionary(tmp_path, "\n".join(WORDS)))
    found, counts = words_of(segmenter, text)
    assert "".join(found) == text and counts == TEXTS[text]
    lower = [word.lower() for word in found]
    assert sum(lower.count(word.lower()) for word in WORDS) == sum(TEXTS[text].values())


@pytest.mark.parametrize("kind", ["legacy", "neural"])
def test_with_ltp(models, kind, tmp_path):
    path = dictionary(tmp_path, "\n".join(WORDS))
    segmenter = make_segmenter("ltp", models[kind], path)
    for text, expected in TEXTS.items():
        found, counts = words_of(segmenter, text)
        assert "".join(found) == text and counts == expected
        lower = [word.lower() for word in found]
        assert sum(lower.count(word.lower()) for word in WORDS) == sum(expected.values())


@text_segmenters
def test_no_word_begins_inside_of_a_longer_one(name, tmp_path):
    segmenter = make_segmenter(name, user_dict=dictionary(tmp_path, "CT\n"))
    found, counts = words_of(segmenter, "这个product好")
    assert "product" in found and counts == {}


def test_the_pieces_are_the_same_and_so_are_the_records(tmp_path):
    """What a model that lower-cases reads does not depend on the case of text or dictionary."""
    vocabulary = read_vocabulary(VOCAB)
    tokenizer = vocabulary.make_tokenizer(True)
    texts = ["天气AB很好的。\n今天的Ab天气。\n", "天气ab很好的。\n今天的ab天气。\n"]
    assert np.array_equal(*(tokenizer.tokenize(text).ids for text in texts))
    rows = []
    for number, text in enumerate(texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "in.txt").write_text(text * 20, encoding="utf-8")
        words = dictionary(folder, "天气AB\nAB天气\n")
        paths, result = make(folder / "out", [str(folder / "in.txt")], user_dict=words)
        assert result["user_dict"] == {"words": 2, "found": 2, "never": []}
        rows.append([pathlib.Path(path).read_bytes() for path in paths])
    assert rows[0] == rows[1]


def test_annotations_have_the_words_as_the_text_has_them(tmp_path, run_script, models):
    (tmp_path / "in.txt").write_text("请做ct检查。\n", encoding="utf-8")
    words = dictionary(tmp_path, "CT检查\nＸ光\nx光片\n")
    result = run_script(
        "annotate_corpus.py", input_file=str(tmp_path / "in.txt"), ltp_model=models["legacy"],
        output_file=str(tmp_path / "out"), user_dict=words, num_workers=1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    said = ": 1 of 3 words occur; 2 never do, as they are written (case does not count, width does)"
    said += " and as words of their own"
    assert words + said in result.stdout
    written = (tmp_path / "out").read_text(encoding="utf-8").split("\t")
    assert "ct检查" in written and "CT检查" not in written
