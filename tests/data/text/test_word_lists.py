"""One reader of lists of words, for dictionaries and for words of vocabularies."""

import bz2
import gzip

import pytest

from common.errors import UserError
from data.text.user_dictionary import read_user_dictionary
from data.tokenizers.building.extension import read_words

CONTENT = "\ufeff髌\r\n\r\n\u3000\n 鞣 \n".encode() + "X光".encode()


@pytest.mark.parametrize(
    "ending, pack", [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)]
)
def test_both_read_the_same_words(tmp_path, ending, pack):
    path = str(tmp_path / ("words.txt" + ending))
    (tmp_path / ("words.txt" + ending)).write_bytes(pack(CONTENT))
    words = [(word.text, word.line) for word in read_user_dictionary(path).words]
    assert words == [("髌", 1), ("鞣", 4), ("X光", 5)]
    lines = [(line.word, line.place) for line in read_words([path])]
    assert lines == [(word, "{} line {}".format(path, number)) for word, number in words]


@pytest.mark.parametrize(
    "read, flag", [(read_user_dictionary, "user_dict"), (lambda path: read_words([path]), "words")]
)
def test_both_name_what_they_cannot_read(tmp_path, read, flag):
    path = tmp_path / "words.txt"
    path.write_bytes("一\n".encode() + "二".encode("gb18030") + b"\n")
    with pytest.raises(UserError) as caught:
        read(str(path))
    remedy = {"user_dict": "give --encoding=gb18030, or auto", "words": "convert the file"}[flag]
    expected = "{} line 2 is not UTF-8 (byte 0xb6); {} (--{})".format(path, remedy, flag)
    assert str(caught.value) == expected
    with pytest.raises(UserError) as caught:
        read(str(tmp_path / "none"))
    assert "cannot read" in str(caught.value) and "(--{})".format(flag) in str(caught.value)
    path.write_text("一\ufeff\n\ufeff二\n", encoding="utf-8")
    # Only the first line has a byte order mark.
    assert len(read_words([str(path)])) == len(read_user_dictionary(str(path)).words) == 2
    assert read_words([str(path)])[1].word == "\ufeff二"


WORDS = "被告人\n公诉机关\n轻伤一级\t50\tn\n附带民事诉讼\n取保候审\n刑事拘留\n"


@pytest.mark.parametrize("asked", ["gb18030", "auto", "utf-8"])
def test_a_dictionary_may_be_in_the_encoding_of_the_corpus(tmp_path, asked):
    """UTF-8 stays UTF-8 whatever the corpus is in."""
    path = tmp_path / "words.txt"
    expected = [line.split("\t")[0] for line in WORDS.split("\n") if line]
    for encoding in ("utf-8",) if asked == "utf-8" else ("gb18030", "utf-8"):
        path.write_bytes(WORDS.encode(encoding))
        read = read_user_dictionary(str(path), encoding=asked)
        assert [word.text for word in read.words] == expected
        assert read.words[2].frequency == 50


def test_what_is_in_no_encoding_of_the_corpus_is_named(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(WORDS.encode("gb18030") + b"\xff\xff\n")
    with pytest.raises(UserError, match=r"line 7 is not GB18030 \(byte 0xff\); give another --enc"):
        read_user_dictionary(str(path), encoding="gb18030")
    path.write_bytes("词\n".encode("gb18030"))
    with pytest.raises(UserError, match=r"words.txt cannot be told; give --encoding"):
        read_user_dictionary(str(path), encoding="auto")
