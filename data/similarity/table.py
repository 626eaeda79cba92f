"""Files of similar words: a word, a tab, and its neighbours with blanks between them.

    # made from the law reports of 2018
    医生	大夫:0.83 医师:0.81 护士:0.62
    律师	辩护人 代理人

What stands behind a neighbour's last colon is the similarity, a number from -1 to 1; it may be left
out. The nearest neighbour comes first.
"""

import re
from typing import List, NamedTuple, Tuple

from common import files
from common.errors import UserError
from data.text.privacy import shown
from data.text.word_lists import entries

# What can only be meant as a number: "12:30" needs a similarity, "C:" is none, "a:b" is a word.
_NUMBER = re.compile(r"(?=.*\d)[-+.,%eE\d]+|[-+]?(?i:nan|inf)|")
_COMMENT = "# "


class SimilarWords(NamedTuple):
    """The table of a file.

    Attributes:
      words: in the order of the file, each once.
      neighbours: of each word, the nearest first; never the word itself, at least one.
      sha256: of the file, in hexadecimal.
    """

    words: List[str]
    neighbours: List[Tuple[str, ...]]
    sha256: str


def read_table(path, flag="similar_words"):
    """The table of a file; some 300 bytes of memory for a word with ten neighbours.

    Args:
      path: a file of UTF-8, compressed where its name ends in .gz or .bz2.
      flag: that names the file, for messages.

    Raises:
      UserError: it cannot be read, a line is none of a table, or it holds no word.
    """
    words, neighbours = {}, []
    texts = {}  # each text once: a word is a neighbour of many
    for number, line in entries(path, flag):
        if line.startswith(_COMMENT):
            continue
        try:
            word, near = _entry(line)
            if word in words:
                raise _Malformed("{} is in line {} already".format(shown(word), words[word]))
        except _Malformed as error:
            where = files.line_of(path, number)
            raise UserError("{}: {} (--{})".format(where, error, flag)) from None
        words[texts.setdefault(word, word)] = number
        neighbours.append(tuple([texts.setdefault(text, text) for text in near]))
    if not words:
        raise UserError("{} holds no word with its neighbours (--{})".format(path, flag))
    try:
        digest = files.sha256(path)
    except files.failures() as error:
        raise UserError(
            "cannot read {}: {} (--{})".format(path, files.reason(error), flag)
        ) from None
    return SimilarWords(list(words), neighbours, digest)


class _Malformed(Exception):
    """A line that is none of a table; its text is what is wrong."""


def _entry(line):
    """(word, list of its neighbours) of a line."""
    word, tab, rest = line.partition("\t")
    word = word.strip()
    if not tab or not word:
        raise _Malformed(
            "expected a word, a tab and its neighbours, found {}".format(shown(line.strip()))
        )
    near = [_neighbour(field) for field in rest.split()]
    if not near:
        raise _Malformed("{} has no neighbours".format(shown(word)))
    if word in near:
        raise _Malformed("{} is its own neighbour; remove it there".format(shown(word)))
    if len(set(near)) < len(near):
        twice = next(text for at, text in enumerate(near) if text in near[:at])
        raise _Malformed("{} is a neighbour of {} twice".format(shown(twice), shown(word)))
    return word, near


def _neighbour(field):
    """The word of a neighbour, without its similarity."""
    word, colon, similarity = field.rpartition(":")
    if not colon or not _NUMBER.fullmatch(similarity):
        return field
    try:
        is_valid = -1 <= float(similarity) <= 1
    except ValueError:
        is_valid = False
    if not is_valid or not word:
        raise _Malformed(
            "a neighbour is a word, or a word with a colon and a similarity from -1 to 1, found "
            "{}".format(shown(field))
        )
    return word
