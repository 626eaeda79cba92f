"""Words of a user as new rows of a vocab.txt: which of them the tokenizer can give, and where the
rows are.
"""

import io
import re
from typing import Dict, List, NamedTuple, Tuple

from common import files
from common.errors import UserError, some
from data.text.characters import is_cjk
from data.text.word_lists import entries
from data.tokenizers.basic_tokens import CharacterTable
from data.tokenizers.reachability import basic_tokens
from data.tokenizers.vocabulary_file import WORDPIECE, read_vocabulary_file
from data.tokenizers.wordpiece import MAX_CHARS_PER_WORD

UNUSED, END = PLACES = ("unused", "end")
_UNUSED_ROW = re.compile(r"\[unused\d+\]")
_CHINESE = (
    "the tokenizer parts Chinese words into characters, so that no text would give them; masks of "
    "whole words need no rows, and --user_dict of create_pretraining_data.py names the words"
)


class Line(NamedTuple):
    """A line of a file of words.

    Attributes:
      word: as it stands there, without blanks around it.
      place: file and line, for messages.
    """

    word: str
    place: str


class NewWord(NamedTuple):
    """A word that becomes a row.

    Attributes:
      line: Line.
      token: the word as the tokenizer gives it, lower-cased for instance.
      pieces: tuple of the ids that the tokenizer gave for it so far.
      row: its id.
    """

    line: Line
    token: str
    pieces: Tuple[int, ...]
    row: int


class Extension(NamedTuple):
    """The words that are added to a vocabulary, and those that are not.

    Attributes:
      added: list of NewWord.
      refused: {reason: list of Line}.
      old_size, size: rows of the vocabulary before and after.
      content: bytes of its file.
    """

    added: List[NewWord]
    refused: Dict[str, List[Line]]
    old_size: int
    size: int
    content: bytes

    @property
    def copied(self):
        """For each row the row that it was; what stands at the end is in `means`."""
        return [*range(self.old_size), *(0 for _ in range(self.old_size, self.size))]

    @property
    def means(self):
        """{new row: tuple of the pieces' rows}."""
        return {word.row: word.pieces for word in self.added}


def read_words(paths):
    """List of the Lines of files, a word a line.

    Raises:
      UserError: see word_lists.entries; or there is no word.
    """
    lines = [
        Line(text.strip(), files.line_of(path, number))
        for path in paths
        for number, text in entries(path, "words")
    ]
    if not lines:
        raise UserError("no words in {} (--words)".format(", ".join(paths)))
    return lines


def extend(vocabulary, lines, where, do_lower_case):
    """The Extension of a vocabulary by words.

    extension = extend(read_vocabulary("vocab.txt"), read_words(["words.txt"]), "end", True)

    Args:
      vocabulary: of data/tokenizers/vocabularies.py.
      lines: list of Line.
      where: UNUSED: in the place of [unused] rows, the first ones first; END: after the last row.
      do_lower_case: of the tokenizer.

    Raises:
      UserError: the vocabulary is a SentencePiece model, no word can be added, or there are too few
        [unused] rows.
    """
    if vocabulary.kind != WORDPIECE:
        raise UserError(
            "{} is a SentencePiece model, whose pieces and their probabilities are trained: no "
            "words can be put in; train one with them by python -m data.build_vocab".format(
                vocabulary.path
            )
        )
    tokens, refused = _sorted_out(vocabulary, lines, CharacterTable(do_lower_case))
    if not tokens:
        reason, first = next(iter(refused.items()))
        raise UserError(
            "none of the {:,} words can be added; {} ({}): {}".format(
                len(lines), first[0].word, first[0].place, reason
            )
        )
    rows = _rows(vocabulary, len(tokens), where)
    tokenizer = vocabulary.make_tokenizer(do_lower_case)
    added = [
        NewWord(line, token, tuple(tokenizer.tokenize(token).ids.tolist()), row)
        for (token, line), row in zip(tokens.items(), rows)
    ]
    size = max(len(vocabulary), added[-1].row + 1)
    return Extension(added, refused, len(vocabulary), size, _content(vocabulary, added))


def _sorted_out(vocabulary, lines, table):
    """({token: Line} of the words to add, {reason: list of Line} of the others)."""
    tokens, refused = {}, {}
    for line in lines:
        found = [token for token, _ in basic_tokens(table, line.word)]
        fault = _fault(line.word, found, vocabulary)
        if fault is None and found[0] in tokens:
            fault = "the same word is added from an earlier line"
        if fault is None:
            tokens[found[0]] = line
        else:
            refused.setdefault(fault, []).append(line)
    return tokens, refused


def _fault(word, found, vocabulary):
    """Why a word cannot be added, None where it can.

    Args:
      word: of the file.
      found: list of the tokens that BERT's basic tokenizer makes of it.
      vocabulary: the one to extend.
    """
    if len(found) == 1 and found[0] in vocabulary.ids:
        return "the vocabulary has the word"
    if word.startswith("##"):
        return "## marks a piece inside a word, and words alone can be added"
    if any(c.isspace() for c in word):
        return "there is a blank in it: a line holds one word and nothing else"
    if not found:
        return "the tokenizer drops all of its characters"
    if len(found) > 1:
        is_chinese = any(is_cjk(ord(c)) for c in word)
        return _CHINESE if is_chinese else "the tokenizer parts it, at punctuation for instance"
    if len(found[0]) > MAX_CHARS_PER_WORD:
        return "the tokenizer takes words of up to {} characters".format(MAX_CHARS_PER_WORD)
    return None


def _rows(vocabulary, count, where):
    """The ids of `count` new rows."""
    if where == END:
        return range(len(vocabulary), len(vocabulary) + count)
    free = [i for i, token in enumerate(vocabulary.tokens) if _UNUSED_ROW.fullmatch(token)]
    if len(free) < count:
        raise UserError(
            "{:,} words are to be added, and {} has {} [unused] rows: give --where=end".format(
                count, vocabulary.path, len(free)
            )
        )
    return free[:count]


def _content(vocabulary, added):
    """The file of a vocabulary with new words, all other rows as they stand there."""
    rows = rows_as_written(vocabulary)
    for word in added:
        rows[word.row : word.row + 1] = [word.token]
    return ("\n".join(rows) + "\n").encode("utf-8")


def rows_as_written(vocabulary):
    """List of the rows of a vocab.txt as the file has them, with their blanks."""
    if not vocabulary.is_as_file:
        return list(vocabulary.tokens)
    text = read_vocabulary_file(vocabulary.path).decode("utf-8-sig")
    return [line.rstrip("\n") for line in io.StringIO(text, newline=None)]


def shown(lines, limit=5):
    """A few Lines for people: "COVID (words.txt line 3), ... and 7 more"."""
    return some(["{} ({})".format(line.word, line.place) for line in lines], limit)
