"""One reader of lists of words, for dictionaries and for words of vocabularies."""

import bz2
import gzip

import pytest

from common.errors import UserError
from data.text.user_dictionary import read_user_dictionary
from data.tokenizers.vocabulary_extension import read_words

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
    expected = "{} line 2 is not UTF-8 (byte 0xb6); convert the file (--{})".format(path, flag)
    assert str(caught.value) == expected
    with pytest.raises(UserError) as caught:
        read(str(tmp_path / "none"))
    assert "cannot read" in str(caught.value) and "(--{})".format(flag) in str(caught.value)
    path.write_text("一\ufeff\n\ufeff二\n", encoding="utf-8")
    # Only the first line has a byte order mark.
    assert len(read_words([str(path)])) == len(read_user_dictionary(str(path)).words) == 2
    assert read_words([str(path)])[1].word == "\ufeff二"
