"""Word vectors in the formats of word2vec: as gensim writes them, and damaged in every way."""

import gzip
import struct

import numpy as np
import pytest

from common.errors import UserError
from data.similarity.vectors import BINARY, TEXT, VectorFile

WORDS = ["医生", "大夫", "New", "12:30", "，"] * 1000
WORDS = [word + str(number) for number, word in enumerate(WORDS)]  # more than a block


def read(path, asked=None):
    vectors = VectorFile(str(path), asked)
    blocks = list(vectors.blocks())
    words = [word for block in blocks for word in block.words]
    return vectors.format, words, np.concatenate([block.vectors for block in blocks])


@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz", "v.bin", "v.bin.gz", "v.vec.bz2"])
def test_what_gensim_writes_is_read(tmp_path, name):
    models = pytest.importorskip("gensim.models")
    made = models.KeyedVectors(7)
    values = np.random.default_rng(1).standard_normal((len(WORDS), 7)).astype(np.float32)
    made.add_vectors(WORDS, values)
    is_binary = ".bin" in name
    made.save_word2vec_format(str(tmp_path / name), binary=is_binary)
    found, words, vectors = read(tmp_path / name)
    assert (found, words) == (BINARY if is_binary else TEXT, WORDS)
    np.testing.assert_allclose(vectors, values, rtol=0 if is_binary else 1e-6)


def binary(words, vectors, end=b"\n"):
    """As word2vec.c writes it: fprintf("%s ", word), fwrite of the floats, fprintf("\\n")."""
    parts = [word + b" " + struct.pack("<2f", *v) + end for word, v in zip(words, vectors)]
    return b"%d 2\n" % len(words) + b"".join(parts)


def test_a_word_that_is_not_utf8_and_line_ends(tmp_path):
    words, values = [b"\xe5\x8c\xbb", b"\xe5\x8c", b"b"], [[1.0, 2.0], [0.0, -1.0], [3.0, 4.0]]
    for end in (b"\n", b""):
        (tmp_path / "v").write_bytes(binary(words, values, end))
        found, read_words, vectors = read(tmp_path / "v")
        assert (found, read_words, vectors.tolist()) == (BINARY, ["医", None, "b"], values)
    text = b"\xef\xbb\xbf3 2\r\n\xe5\x8c\xbb 1 2 \r\n\xe5\x8c 0 -1\r\nb 3e0 4.0\r\n\r\n"
    (tmp_path / "v").write_bytes(text)
    found, read_words, vectors = read(tmp_path / "v", TEXT)
    assert (found, read_words, vectors.tolist()) == (TEXT, ["医", None, "b"], values)
    assert read(tmp_path / "v")[0] == TEXT


THREE = binary([b"aa", b"bb", b"cc"], [[1, 2]] * 3)
LINES = b"3 2\na 1 2\nb 3 4\nc 5 6\n"
MANY = b"5000 2\n" + b"".join(b"w%d 0.12345 1.0\n" % i for i in range(5000))
FAULTS = {
    "empty": (b"", "{} is empty"),
    "no header": (
        b"a 1 2\nb 3 4\n",
        "the first line of {} must be the number of words and the number of values of each, from "
        "1 to 65,536, found 'a 1 2'",
    ),
    "no words": (b"0 100\n", "found '0 100'"),
    "too wide": (b"3 65537\n", "found '3 65537'"),
    "alone": (b"3 2", "the file holds 0 of them at most"),
    "binary cut": (THREE[:-4], "{} ends behind 2 of the 3 words that its first line tells of"),
    "binary cut by a third": (THREE[:-12], "the file holds 2 of them at most"),
    "binary too long": (
        binary([b"a", b"b"], [[1, 2]] * 2) + b"c",
        "{} goes on behind the 2 words with 2 values that its first line tells of",
    ),
    "binary wider": (b"3 3\n" + THREE[4:], "the file holds 2 of them at most"),
    "binary narrower": (b"3 1\n" + THREE[4:], "{} goes on behind the 3 words with 1 values"),
    "no word": (
        b"2 2\na " + struct.pack("<2f", 1, 2) + b"x" * 5000,
        "{} word 2 is no word: nothing ends it in 4,096 bytes; the vectors have another number of",
    ),
    "binary nan": (
        binary([b"a", b"\xe5\x8c\xbb"], [[1, 2], [float("nan"), 1]]),
        "{} word 2: the vector of '医' has a value that is not a finite number",
    ),
    "more words told": (b"30" + LINES[1:], "30 words with 2 values, but the file holds 3"),
    "text cut": (
        MANY[: MANY.rindex(b"w4997")],
        "{} ends behind 4,997 of the 5,000 words that its first line tells",
    ),
    "text cut in a line": (MANY[:-5], "{} line 5001 has 1 values, the first line says 2"),
    "fewer words told": (b"2" + LINES[1:], "{} goes on behind the 2 words with 2 values"),
    "a value more": (LINES.replace(b"3 4", b"3 4 5"), "{} line 3 has 3 values, the first line"),
    "an empty line": (LINES.replace(b"b", b"\nb"), "{} line 3 has 0 values, the first line says 2"),
    "no number": (LINES.replace(b"3 4", b"3 x"), "{} line 3 has a value that is no number"),
    "text nan": (LINES.replace(b"4", b"nan"), "{} line 3: the vector of 'b' has a value that is"),
    "too large": (LINES.replace(b"4", b"1e39"), "{} line 3: the vector of 'b' has a value that"),
    "another kind": (b"PK\x03\x04" + b"\x00" * 40, "{} is a zip archive, not word vectors"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_one_line(tmp_path, case):
    content, message = FAULTS[case]
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert message.format(path) in str(caught.value)
    assert str(caught.value).endswith("(--vectors)") or case == "another kind"


def test_compressed_vectors_that_are_cut_short(tmp_path):
    path = tmp_path / "v.gz"
    for content, message in (
        (gzip.compress(THREE)[:-9], "{} is not a whole gzip file"),
        (gzip.compress(THREE[:-4]), "{} ends behind 2 of the 3 words"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read(path)
        assert message.format(path) in str(caught.value)
    with pytest.raises(UserError, match=r"cannot read .*: No such file .*\(--vectors\)"):
        VectorFile(str(tmp_path / "none"))
