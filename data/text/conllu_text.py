"""CoNLL-U: sentences with words and tags, read and checked line by line with the conllu library.

Format: https://universaldependencies.org/format.html. Of the ten columns FORM, XPOS, HEAD, DEPREL
and, in MISC, SpaceAfter and NER count; `# text` and `# newdoc` of the comments.
"""

from typing import Any, List, NamedTuple, Optional

from conllu import parser
from conllu.exceptions import ParseException

from common.errors import UserError
from data.text.privacy import shown
from data.text.words import OUTSIDE, SOLID

_COLUMNS = len(parser.DEFAULT_FIELDS)
# parse_line passes the columns that are not named here on as they are.
_FIELDS = {name: parser.DEFAULT_FIELD_PARSERS[name] for name in ("id", "head", "misc")}
_NONE = (None, None, None)


class Sentence(NamedTuple):
    """A sentence and what is known of its words.

    Attributes:
      text: str.
      starts: offsets of the words in it; None where they do not join to it.
      tags: (pos, ner, dep) of each word, str or None each.
      begins_document: bool.
      line: number of its first word's line, from 1.
    """

    text: str
    starts: Optional[List[int]]
    tags: List[tuple]
    begins_document: bool
    line: int


class Lines(NamedTuple):
    """The lines of a sentence.

    Attributes:
      comments: dict.
      words, ranges: the library's tokens of words and of ranges of words.
      line: number of the first of them, from 1.
    """

    comments: dict
    words: list
    ranges: list
    line: int


class _Line(NamedTuple):
    """A line with a word, a range of words or an empty node.

    Attributes:
      number: of the line.
      token: what the library makes of it.
    """

    number: int
    token: Any


def read(text, where, to_tags):
    """Reads sentences.

    Args:
      text, where: see `parse`.
      to_tags: see `sentence_of`.

    Yields:
      Sentence.

    Raises:
      UserError: it is no CoNLL-U, with the line.
    """
    for lines in parse(text, where):
        yield sentence_of(lines, to_tags)


def parse(text, where, flag="--input_format=conllu"):
    """Reads and checks the lines of sentences.

    Args:
      text: str.
      where: function of a line's number, from 1, that gives the place for messages.
      flag: what the user has given, for messages.

    Yields:
      Lines.

    Raises:
      UserError: it is no CoNLL-U, with the line.
    """
    try:
        yield from _parse(text)
    except _Malformed as error:
        place = where(error.line)
        raise UserError("{} is no CoNLL-U: {} ({})".format(place, error, flag)) from None


class _Malformed(Exception):
    """A line that is no CoNLL-U; its text is what is wrong."""

    def __init__(self, line, what):
        super().__init__(what)
        self.line = line


def _parse(text):
    comments, lines = {}, []
    for number, line in enumerate((text + "\n\n").split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip():
            if lines:
                yield Lines(comments, *_checked(lines), lines[0].number)
                comments, lines = {}, []
        elif line.startswith("#"):
            comments.update(parser.parse_comment_line(line))
        else:
            lines.append(_Line(number, _token(line, number)))


def as_given(words):
    """The tags of words that have LTP's: a list of (pos, ner, dep); see `sentence_of`."""
    return [(_given(w["xpos"]), ner_of(w), _given(w["deprel"])) for w in words]


def ner_of(word):
    """The entity tag of a word, None without one."""
    misc = word["misc"]
    return misc.get("NER") or None if misc else None


def _given(value):
    return None if value == "_" else value


def _token(line, number):
    """The library's token of a line.

    Raises:
      _Malformed: it is none.
    """
    count = line.count("\t") + 1
    if count != _COLUMNS or "" in line.split("\t"):
        raise _Malformed(
            number,
            "it has {} columns{}, there must be {} with tabs between them".format(
                count, "" if count != _COLUMNS else ", an empty one", _COLUMNS
            ),
        )
    try:
        if "  " in line:
            raise ParseException("two blanks in a row")
        return parser.parse_line(line, parser.DEFAULT_FIELDS, _FIELDS)
    except (ParseException, ValueError) as error:
        raise _Malformed(number, shown(str(error).rstrip("."))) from None


def sentence_of(lines, to_tags):
    """The Sentence of Lines.

    Args:
      lines: Lines.
      to_tags: function of a sentence's words, as the library has them, that gives a list of
        (pos, ner, dep): LTP's tags or None.
    """
    units = _units(lines.words, lines.ranges, to_tags(lines.words))
    text = lines.comments.get("text")
    if text is None:
        text = "".join(unit.form + " " * unit.spaced for unit in units).strip()
    return Sentence(
        text,
        _place(text, units),
        [unit.tags for unit in units],
        any(key.split()[0] == "newdoc" for key in lines.comments),
        lines.line,
    )


def _checked(lines):
    """The library's tokens of words and of ranges of words.

    Raises:
      _Malformed: IDs that do not count, or a HEAD that is no word of the sentence.
    """
    words, ranges, covered = [], [], 0
    for line in lines:
        number, expected = line.token["id"], len(words) + 1
        if isinstance(number, int):
            counts = number == expected
            words.append(line.token)
        elif number is not None and number[1] == "-":
            counts = covered < number[0] == expected
            ranges.append(line.token)
            covered = number[2]
        else:  # an empty node, which is not in the text
            counts = number is not None and number[0] == len(words)
        if not counts:
            message = "ID is {}, expected is {}".format(_shown(number), expected)
            raise _Malformed(line.number, message)
    if covered > len(words) or not words:
        last = ranges[-1]["id"] if ranges else lines[-1].token["id"]
        message = "the sentence ends before the words of {}".format(_shown(last))
        raise _Malformed(lines[-1].number, message)
    for line in lines:
        number, head = line.token["id"], line.token["head"]
        if not isinstance(number, int) or head is None:
            continue
        if not 0 <= head <= len(words) or head == number:
            raise _Malformed(
                line.number,
                "HEAD is {}, but must be 0 or another of the sentence's {} words".format(
                    head, len(words)
                ),
            )
    return words, ranges


def _shown(number):
    """An ID as the file has it."""
    return "_" if number is None else "".join(map(str, number)) if type(number) is tuple else number


class _Form(NamedTuple):
    """A token of the text: a word, or a range of words that are written as one.

    Attributes:
      form: as it is written.
      spaced: whether a blank follows.
      tags: of the word.
    """

    form: str
    spaced: bool
    tags: Any


def _units(words, ranges, tags):
    """The words as the text has them.

    A range's words stand for themselves where they are its letters; where they are not (don't: do,
    not), the range is one word without tags of its own.
    """
    units = [_Form(w["form"], _is_spaced(w), t) for w, t in zip(words, tags)]
    for span in reversed(ranges):
        first, _, last = span["id"]
        inside = units[first - 1 : last]
        if "".join(unit.form for unit in inside) == span["form"]:
            inside = [unit._replace(spaced=False) for unit in inside]
            inside[-1] = inside[-1]._replace(spaced=_is_spaced(span))
        else:
            inside = [_Form(span["form"], _is_spaced(span), _NONE)]
        units[first - 1 : last] = inside
    return units


def _is_spaced(token):
    misc = token["misc"]
    return not misc or misc.get("SpaceAfter") != "No"


def _place(text, units):
    """Offsets of the words in the text, without what lies between; None if they do not join."""
    offsets, at = [], 0
    for unit in units:
        while not text.startswith(unit.form, at):
            if not OUTSIDE.match(text, at):
                return None
            at += 1
        offsets.append(at)
        at += len(unit.form)
    return None if SOLID.search(text, at) else offsets
