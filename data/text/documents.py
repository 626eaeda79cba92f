"""A unit's bytes turned into text, documents and sentences, whatever the input format."""

import itertools
import re
from typing import NamedTuple, Optional

import numpy as np

from common import bounded_json, files
from common.errors import UserError, some
from common.validation import is_object
from data.text import (
    conllu_text,
    encodings,
    held_out,
    sentence_pairs,
    sentences,
    simplification,
    ud_tags,
)
from data.text.characters import ascii_quotes, code_points
from data.text.corpus import PAIRS
from data.text.tags import TagNumbers
from data.text.words import EXAMPLES, Words


class Documents(NamedTuple):
    """The documents of a block of text.

    Attributes:
      text: str.
      starts, ends: int64 [sentences], character offsets.
      documents: int64 [documents + 1], index of each document's first sentence, and their number.
      words: Words where the input has them, else None.
      passed_over: number of documents on the other side of the corpus.
      labels: int8 [documents] where each is a pair of sentences, see sentence_pairs.py; else None.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray
    documents: np.ndarray
    words: Optional[Words] = None
    passed_over: int = 0
    labels: Optional[np.ndarray] = None


# --tag_set -> function that makes LTP's tags of a CoNLL-U sentence's, see conllu_text.read.
TAG_SETS = {"ltp": conllu_text.as_given, "ud": ud_tags.to_ltp}


def read_documents(sources, options, side=None):
    """Decodes a block and finds its documents and sentences.

    Args:
      sources: list of Source; where one ends, a document ends.
      options: an object with input_format, text_fields (list of str), normalize_quotes (bool),
        t2s (bool), max_sentence_chars (int) and tag_set (str).
      side: held_out.Side whose documents are wanted; None: all.

    Returns:
      Documents.

    Raises:
      UserError: a line that cannot be decoded, is no JSON object with the fields, no pair of
        sentences or no CoNLL-U (file and line).
    """
    if options.input_format == "conllu":
        documents = _annotated(sources, TAG_SETS[options.tag_set], side)
    else:
        documents = _plain(sources, options, side)
    if options.normalize_quotes:
        documents = documents._replace(text=ascii_quotes(documents.text))  # offsets stay
    return documents


def normalization(normalize_quotes, t2s):
    """The function that words given beside a text need so that they are found in it: str -> str.

    Args:
      normalize_quotes, t2s: bool, see read_documents.
    """

    def normalize(text):
        text = simplification.simplify(text) if t2s else text
        return ascii_quotes(text) if normalize_quotes else text

    return normalize


def _plain(sources, options, side):
    labels, texts = None, [_text_of(source, options) for source in sources]
    if options.input_format == PAIRS:
        read = [sentence_pairs.read(text, s.line) for text, s in zip(texts, sources)]
        labels = np.array([label for one in read for label in one.labels], dtype=np.int8)
        texts = [one.text for one in read]
    text = "\n\n".join(texts)
    if options.t2s:  # before anything is counted in characters: lengths may change
        text = simplification.simplify(text)
    if options.input_format in ("raw", "jsonl"):
        starts, ends = sentences.split_sentences(text, options.max_sentence_chars)
    else:
        starts, ends = sentences.split_lines(text)
    place = (text, starts, ends, _document_borders(text, starts, ends))
    if side is None:
        return Documents(*place, labels=labels)
    chosen = held_out.choose(side, *place)
    return Documents(
        *held_out.only(chosen, *place),
        passed_over=int((~chosen).sum()),
        labels=None if labels is None else labels[chosen],
    )


def _annotated(sources, to_tags, side):
    """Documents of CoNLL-U, with their words."""
    annotated, borders, faults = [], [], []
    for source in sources:
        begin = len(annotated)
        annotated += conllu_text.read(_decode(source), source.line, to_tags)
        new = annotated[begin:]
        borders += [begin + i for i, s in enumerate(new) if not i or s.begins_document]
        if len(faults) < EXAMPLES:
            faults += [_place(source, s.line) for s in new if s.starts is None][:EXAMPLES]
    place = _joined(annotated, [*borders, len(annotated)])
    chosen = held_out.choose(side, *place)
    if not chosen.all():
        parts = [annotated[a:b] for a, b in zip(place[-1][:-1], place[-1][1:])]
        parts = list(itertools.compress(parts, chosen))
        annotated = list(itertools.chain(*parts))
        place = _joined(annotated, list(itertools.accumulate(map(len, parts), initial=0)))
    words = _words_of(annotated, place[1], faults[:EXAMPLES])
    return Documents(*place, words, int((~chosen).sum()))


def _joined(annotated, borders):
    """The text of CoNLL-U sentences, their starts and ends, and `borders` as an array."""
    lengths = np.array([len(sentence.text) for sentence in annotated], dtype=np.int64)
    starts = np.cumsum(lengths + 1) - lengths - 1
    text = "\n".join(sentence.text for sentence in annotated)
    return text, starts, starts + lengths, np.array(borders, dtype=np.int64)


def _place(source, line):
    # Lines of remote files are not counted: workers do not read them.
    return source.path if files.is_remote(source.path) else source.line(line)


def _words_of(annotated, starts, faults):
    """words.Words of CoNLL-U sentences.

    Args:
      annotated: list of conllu_text.Sentence.
      starts: int [sentences], their offsets.
      faults: for the Words.
    """
    numbers, offsets = TagNumbers(), []
    for sentence, start in zip(annotated, starts.tolist()):
        if sentence.starts is not None:
            offsets += [start + offset for offset in sentence.starts]
            for tags in sentence.tags:
                numbers.add(tags)
    marks = np.zeros(sum(len(sentence.text) + 1 for sentence in annotated), dtype=bool)
    marks[offsets] = True
    unusable = np.array([sentence.starts is None for sentence in annotated], dtype=bool)
    return Words(marks[:-1], unusable, numbers.array(), dict(numbers.unknown), faults)


def _text_of(source, options):
    text = _decode(source)
    if options.input_format == "jsonl":
        return _text_of_json_lines(text, source, options.text_fields)
    return re.sub(r"\r+\n?", "\n", text) if "\r" in text else text


def _decode(source):
    try:
        return encodings.decode(source.content, source.encoding)
    except UnicodeDecodeError as error:
        line = source.line(source.content.count(b"\n", 0, error.start) + 1)
        raise encodings.not_decoded(line, source.encoding, error) from None


def _text_of_json_lines(text, source, text_fields):
    """JSON lines as raw text: the fields are paragraphs, a blank line between objects."""
    documents = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            documents.append(json_document(line, text_fields))
        except NoDocument as error:
            raise UserError("{} {}".format(source.line(number), error)) from None
    return "\n\n".join(documents)


class NoDocument(ValueError):
    """A JSON line that holds no document; the text goes on behind its place."""


def json_document(line, text_fields):
    """The text of a JSON line: its fields are paragraphs, without empty lines.

    Args:
      line: str.
      text_fields: names of the fields that hold text.

    Raises:
      NoDocument: it is no JSON object with these fields.
    """
    try:
        record = bounded_json.decode(line, strict=False)
    except bounded_json.Malformed as error:
        raise NoDocument("is not JSON: {}".format(error.reason)) from None
    fields = [_json_field(record, name) for name in text_fields]
    if None in fields:
        name = text_fields[fields.index(None)]
        there = [key for key in record if _json_field(record, key)] if is_object(record) else []
        fields = "; the fields that hold text are {}".format(some(there, 10)) if there else ""
        raise NoDocument("has no text field {!r} (--text_fields){}".format(name, fields))
    # JSON can spell halves of a surrogate pair, which no text holds.
    body = re.sub("[\ud800-\udfff]", "\ufffd", "\n".join(fields))
    lines = (part.strip() for part in re.split("[\r\n]+", body))
    return "\n".join(part for part in lines if part)


def _json_field(record, name):
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def _document_borders(text, starts, ends):
    """Index of each document's first sentence, and the number of sentences at the end.

    A document border is a blank line, that is a gap between sentences with two line ends.
    """
    if not len(starts):
        return np.zeros(1, dtype=np.int64)
    newlines = np.flatnonzero(code_points(text) == ord("\n"))
    lines = np.searchsorted(newlines, starts[1:]) - np.searchsorted(newlines, ends[:-1])
    return np.concatenate([[0], np.flatnonzero(lines >= 2) + 1, [len(starts)]])
