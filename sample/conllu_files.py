"""Annotated sentences from CoNLL-U files, with LTP's tags.

XPOS holds the part of speech, HEAD and DEPREL the dependencies, MISC the entity (`NER=B-Ni`).
"""

from typing import List, NamedTuple, Optional

from common import files
from common.errors import UserError
from data.text import conllu_text


class Sentence(NamedTuple):
    """An annotated sentence; annotations that the file lacks (_, no NER=) are None.

    Attributes:
      where: file and line, for messages.
      text: the words with the blanks between them.
      words, pos, ner, labels: an entry per word; labels are those of dependencies.
      heads: an entry per word: 0 for the root, the first word is 1.
    """

    where: str
    text: str
    words: List[str]
    pos: Optional[List[str]]
    ner: Optional[List[str]]
    heads: Optional[List[int]]
    labels: Optional[List[str]]


_COLUMNS = {"pos": "pos", "ner": "ner", "dep": "heads"}


def read(paths, flag="--annotations"):
    """Reads sentences.

    Args:
      paths: names of files.
      flag: the flag that names them, for messages.

    Returns:
      list of Sentence.

    Raises:
      UserError: a file cannot be read, is not CoNLL-U, or its words or heads make no sense.
    """
    sentences = [_sentence(*item) for path in paths for item in _lines(path, flag)]
    if not sentences:
        raise UserError("no sentence in {} ({})".format(", ".join(paths), flag))
    return sentences


def _lines(path, flag):
    """Yields (conllu_text.Lines, their place for messages)."""

    def where(line):
        return files.line_of(path, line)

    try:
        with open(path, encoding="utf-8-sig", newline="\n") as f:
            text = f.read()
    except OSError as error:
        raise UserError("cannot read {}: {} ({})".format(path, error.strerror, flag)) from None
    except UnicodeDecodeError:
        raise UserError("{} is not UTF-8; convert the file ({})".format(path, flag)) from None
    for lines in conllu_text.parse(text, where, flag):
        yield lines, where(lines.line)


def tasks_of(sentences):
    """What every sentence is annotated with, of cws, pos, ner and dep; a list."""
    return ["cws"] + [
        task
        for task, column in _COLUMNS.items()
        if all(getattr(sentence, column) is not None for sentence in sentences)
    ]


def _sentence(lines, where):
    tokens = lines.words
    sentence = conllu_text.sentence_of(lines, conllu_text.as_given)
    if sentence.starts is None or len(sentence.starts) < len(tokens):
        raise UserError("{}: the words do not join to their text".format(where))
    words = [t["form"] for t in tokens]
    for word in words:
        if word.split() != [word]:
            raise UserError("{}: the word {!r} holds a blank".format(where, word))
    misc = [t["misc"] or {} for t in tokens]
    ner = [m.get("NER", "O") for m in misc] if any("NER" in m for m in misc) else None
    heads, labels = _column(tokens, "head"), _column(tokens, "deprel")
    if heads is None or labels is None:
        heads = labels = None
    else:
        _check_tree(heads, where)
    return Sentence(where, sentence.text, words, _column(tokens, "xpos"), ner, heads, labels)


def _column(tokens, name):
    """A column's values, None where one is missing."""
    values = [t[name] for t in tokens]
    return None if None in values or "_" in values else values


def _check_tree(heads, where):
    """Raises UserError for heads that are no tree: none or two roots, a circle."""
    if heads.count(0) != 1:
        raise UserError("{}: HEAD must be 0 once, for the root".format(where))
    reached = {0}
    while True:
        more = {n for n, head in enumerate(heads, 1) if head in reached} - reached
        if not more:
            break
        reached |= more
    if len(reached) <= len(heads):
        raise UserError("{}: the words' HEADs go round in a circle".format(where))
