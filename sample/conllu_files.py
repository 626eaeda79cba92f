"""Annotated sentences from CoNLL-U files, with LTP's tags.

XPOS holds the part of speech, HEAD and DEPREL the dependencies, MISC the entity (`NER=B-Ni`).
"""

import collections

import conllu

from errors import UserError

# words, pos, ner, labels: lists of str, an entry per word; heads: of int, 0 for the root, the
# first word is 1. text: the words with the blanks that part them. What a file does not give (_,
# no NER=) is None for the whole sentence. where: file and sent_id, for messages.
Sentence = collections.namedtuple("Sentence", "where text words pos ner heads labels")

_FIELDS = 10
_COLUMNS = {"pos": "pos", "ner": "ner", "dep": "heads"}


def read(paths):
    """Reads sentences.

    Args:
      paths: names of files.

    Returns:
      list of Sentence.

    Raises:
      UserError: a file cannot be read, is not CoNLL-U, or its tags or heads make no sense.
    """
    sentences = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as f:
                sentences += [_sentence(tokens, path) for tokens in conllu.parse_incr(f)]
        except OSError as error:
            raise UserError("cannot read {}: {}".format(path, error.strerror)) from None
        except UnicodeDecodeError:
            raise UserError("{} is not UTF-8; convert the file".format(path)) from None
        except conllu.exceptions.ParseException as error:
            raise UserError("{} is not CoNLL-U: {}".format(path, error)) from None
    if not sentences:
        raise UserError("no sentence in {}".format(", ".join(paths)))
    return sentences


def tasks_of(sentences):
    """What every sentence is annotated with, of cws, pos, ner and dep; a list."""
    return ["cws"] + [
        task
        for task, column in _COLUMNS.items()
        if all(getattr(sentence, column) is not None for sentence in sentences)
    ]


def _sentence(tokens, path):
    where = "{}, sentence {}".format(path, tokens.metadata.get("sent_id", "without a sent_id"))
    if not all(len(token) == _FIELDS and token["id"] for token in tokens):
        raise UserError("{}: it is not CoNLL-U, a word has {} columns".format(where, _FIELDS))
    tokens = [t for t in tokens if isinstance(t["id"], int)]  # no ranges, no empty nodes
    if not tokens:
        raise UserError("{}: it is not CoNLL-U, there is no word".format(where))
    words = [t["form"] for t in tokens]
    for word in words:
        if not word or word.split() != [word]:
            raise UserError("{}: the word {!r} holds a blank".format(where, word))
    misc = [t["misc"] or {} for t in tokens]
    text = "".join(w + " " * (m.get("SpaceAfter") != "No") for w, m in zip(words, misc))
    ner = [m.get("NER", "O") for m in misc] if any("NER" in m for m in misc) else None
    heads, labels = _column(tokens, "head"), _column(tokens, "deprel")
    if heads is None or labels is None:
        heads = labels = None
    else:
        _check_tree(heads, where)
    return Sentence(where, text.rstrip(), words, _column(tokens, "xpos"), ner, heads, labels)


def _column(tokens, name):
    """A column's values, None where one is missing."""
    values = [t[name] for t in tokens]
    return None if None in values or "_" in values else values


def _check_tree(heads, where):
    """Raises UserError for heads that are no tree: none or two roots, a circle, no such word."""
    if heads.count(0) != 1 or not all(0 <= head <= len(heads) for head in heads):
        raise UserError("{}: HEAD must name words of the sentence, and one be 0".format(where))
    reached = {0}
    while True:
        more = {n for n, head in enumerate(heads, 1) if head in reached} - reached
        if not more:
            break
        reached |= more
    if len(reached) <= len(heads):
        raise UserError("{}: the words' HEADs go round in a circle".format(where))
