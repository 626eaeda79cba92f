"""Parts of speech of words, from lists of words such as the dictionary of jieba."""

import importlib.util
import os

from common import files
from common.errors import UserError
from data.text.privacy import shown
from data.text.word_lists import entries

_FLAG = "pos_file"


def read_parts_of_speech(path=None):
    """{word: its part of speech} of a file.

    A line is a word and its part of speech with a tab or blanks between them; what stands between
    them, as frequencies in dictionaries of jieba, is passed over.

    Args:
      path: of the file; None: jieba's own dictionary.

    Raises:
      UserError: it cannot be read, is empty, or a line has no part of speech or another one than
        before.
    """
    path = path or _dictionary_of_jieba()
    tags = {}
    for number, line in entries(path, _FLAG):
        fields = line.split()
        if len(fields) < 2 or fields[-1].isdecimal():
            raise UserError(
                "{}: expected a word and its part of speech, found {} (--{})".format(
                    files.line_of(path, number), shown(line.strip()), _FLAG
                )
            )
        word, tag = fields[0], fields[-1]
        if tags.setdefault(word, tag) != tag:
            raise UserError(
                "{}: {} has the part of speech {} and before {}; keep the line of the more "
                "frequent one (--{})".format(
                    files.line_of(path, number), *map(shown, (word, tag, tags[word])), _FLAG
                )
            )
    if not tags:
        raise UserError("{} is empty (--{})".format(path, _FLAG))
    return tags


def _dictionary_of_jieba():
    spec = importlib.util.find_spec("jieba")
    if spec is None:
        raise UserError(
            "--same_pos takes jieba's dictionary: pip install jieba, or give --{}".format(_FLAG)
        )
    return os.path.join(os.path.dirname(spec.origin), "dict.txt")
