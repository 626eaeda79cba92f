"""Sentences with entities, in the layouts of the published data sets."""

import re
import sys
from typing import Any, NamedTuple, Optional, Tuple

from common.errors import UserError, quoted, some
from common.validation import dict_of, is_whole, list_of
from finetuning.examples import Examples, Skipped
from finetuning.kinds.spans import Span, spans_of_tags, split_tag, without_overlaps
from finetuning.layouts import exports, json_lines
from finetuning.layouts.tables import (
    EMPTY_LINE,
    LABEL,
    TEXT_A,
    checked,
    line_of,
    rows_of,
    text_lines,
)


class TaggedExample(NamedTuple):
    """A sentence with its entities.

    Attributes:
      tokens: mostly single characters.
      spans: entities over tokens, in their order; None where the file has no entities at all.
      where: "FILE, line N" of its first line, for messages.
      id: of a JSON object, see json_lines.JsonObject.
      first_line: number of the first token's line where each token has a line of its own.
    """

    tokens: Tuple[str, ...]
    spans: Optional[Tuple[Span, ...]]
    where: str
    id: Any = None
    first_line: Optional[int] = None


BLANK = "blank characters"
ODD_BEGINNING = "entities that begin with I or E"
# Between the characters of a cell, and between their tags, in Baidu's files.
JOINT = "\x02"
WORD_TYPES = {"nr": "PER", "ns": "LOC", "nt": "ORG", "o": None}
# One character, or several where a program counted halves of a surrogate pair.
_WITH_PLACE = re.compile(r"(.+?)[0-9]+", re.DOTALL)


def read_tagged(path, has_places=False, needs_labels=False):
    """The sentences of a file in any of the layouts: JSON objects (.json, .jsonl), a table with a
    header, words with their types, or else a character and its tag per line.

    Args:
      path: UTF-8 text.
      has_places: see `read_columns`.
      needs_labels: see `read_span_objects`.

    Returns:
      Examples of TaggedExample.

    Raises:
      UserError: see the functions for the layouts.
    """
    if path.endswith((".json", ".jsonl")):
        return read_span_objects(path, needs_labels)
    first = next((line for _, line in text_lines(path) if line.strip()), "")
    if JOINT in first or TEXT_A in first.split("\t"):
        return read_joined(path)
    cells = first.split()
    if cells and all("/" in cell for cell in cells):
        return read_words(path)
    return read_columns(path, has_places)


def read_columns(path, has_places=False):
    """A character, blanks or a tab, and its tag per line; an empty line between sentences. A line
    that begins with a blank and has one column more is a blank character with its tag.

    Args:
      path: UTF-8 text.
      has_places: each character is followed by its number in the word, as in Weibo NER; the number
        is cut off.

    Returns:
      Examples of TaggedExample.

    Raises:
      UserError: a line has another number of columns or no tag, or there is no sentence.
    """
    examples = Examples(path=path)
    tokens, tags, first_line = [], [], None

    def end_sentence():
        if tokens:
            start = line_of(path, first_line)
            spans = _spans(tags, start, examples)
            examples.append(TaggedExample(_shared(tokens), spans, start, first_line=first_line))
        del tokens[:], tags[:]

    for number, line in text_lines(path, examples.mended):
        where = line_of(path, number)
        cells = line.split()
        if not cells:
            end_sentence()
            continue
        if len(cells) == 1 and line[0].isspace():
            cells.insert(0, line[0])
            examples.mended[BLANK] += 1
        if len(cells) != 2:
            raise UserError(
                "{}: {} columns, where a character and its tag are expected".format(
                    where, len(cells)
                )
            )
        split_tag(cells[1], where)  # at its own line, before the sentence is looked at
        first_line = number if not tokens else first_line
        tokens.append(_without_place(cells[0], where) if has_places else cells[0])
        tags.append(cells[1])
    end_sentence()
    return checked(examples)


def read_joined(path):
    """Baidu's table: a header with text_a and label, characters and tags joined by 0x02.

    Returns:
      Examples of TaggedExample.

    Raises:
      UserError: there are not as many tags as characters, or see `rows_of`.
    """
    examples = Examples(path=path)

    def columns(cells, where):
        names = [cell.strip().lower() for cell in cells]
        if TEXT_A not in names or set(names) - {TEXT_A, LABEL}:
            raise UserError("{}: the header must name text_a and label".format(where))
        return {name: names.index(name) for name in names}, True

    for where, row in rows_of(path, examples, columns):
        characters = row[TEXT_A].split(JOINT)
        if "" in characters:  # a blank one at either end of the cell
            examples.mended[BLANK] += characters.count("")
        tokens, spans = _shared(character or " " for character in characters), None
        if LABEL in row:
            tags = row[LABEL].split(JOINT)
            if len(tags) != len(tokens):
                raise UserError(
                    "{}: {} tags for {} characters".format(where, len(tags), len(tokens))
                )
            spans = _spans(tags, where, examples)
        examples.append(TaggedExample(tokens, spans, where))
    return checked(examples)


def read_words(path):
    """A sentence per line, its words as `word/type` with blanks between; types as in WORD_TYPES.

    Returns:
      Examples of TaggedExample; a token a character.

    Raises:
      UserError: a word has no type or an unknown one; there is no sentence.
    """
    examples = Examples(path=path)
    for number, line in text_lines(path, examples.mended):
        where = line_of(path, number)
        tokens, spans = [], []
        for cell in line.split():
            word, _, kind = cell.rpartition("/")
            if not word or kind not in WORD_TYPES:
                raise UserError(
                    "{}: {} is no word with its type; word/type is expected, with types {}".format(
                        where, quoted(cell, 40), ", ".join(sorted(WORD_TYPES))
                    )
                )
            if WORD_TYPES[kind]:
                spans.append(Span(len(tokens), len(tokens) + len(word), WORD_TYPES[kind]))
            tokens += word
        if tokens:
            examples.append(TaggedExample(_shared(tokens), tuple(spans), where))
        else:
            examples.skipped[EMPTY_LINE] += 1
    return checked(examples)


def read_span_objects(path, needs_labels=False):
    """Objects with spans: CLUENER's, {"text", "label": {type: {entity: [[start, end], ...]}}}, both
    ends counted in characters and `end` the last one, and those of labelling tools (exports).

    An object without labels is unlabelled. An entity that is not at its place gets the place of its
    only occurrence, and is skipped without one; of two that overlap the longer one is kept.

    Args:
      path: UTF-8 text, JSON lines or an array.
      needs_labels: whether texts that nobody annotated in Label Studio are skipped.

    Returns:
      Examples of TaggedExample; a token a character.

    Raises:
      UserError: a span lies outside the text, an object is of another form, there is none.
    """
    examples = Examples(path=path)
    for row in json_lines.objects_of(path, examples):
        try:
            example = _tagged_object(row, examples, needs_labels)
        except Skipped as reason:
            examples.skipped[str(reason)] += 1
        else:
            examples.append(example)
    return checked(examples)


def _tagged_object(row, examples, needs_labels):
    """The TaggedExample of an object, or Skipped."""
    found, text_key, label_key = exports.tagged(row)
    if found is not row and needs_labels and label_key is None:
        raise Skipped(exports.UNANNOTATED)
    text = found.get(text_key, str, "a text")
    spans = None
    if label_key is not None:
        placed = [span for span in _placed(found, label_key, text, examples) if span]
        spans, dropped = without_overlaps(placed)
        if dropped:
            examples.skipped["entities that overlap with others"] += dropped
    if not text:
        raise Skipped("empty texts")
    return TaggedExample(_shared(text), None if spans is None else tuple(spans), row.where, row.id)


def _placed(row, key, text, examples):
    """Yields a Span for each entity of a row, None for one that does not occur."""
    labels = row.get(key, (dict, list), "an object of entities or a list of spans")
    if isinstance(labels, list):
        for label in exports.spans_in(labels, text, row.where):
            said = text[label.start : label.end] if label.text is None else label.text
            yield _checked_span(said, label.start, label.end - 1, label.type, text, examples)
        return
    for kind, entities in labels.items():
        if not _are_places(entities):
            raise UserError(
                "{}: the entities of {} must be an object of [start, end] lists".format(
                    row.where, quoted(kind, 40)
                )
            )
        for entity, places in entities.items():
            for start, last in places:
                if not 0 <= start <= last < len(text):
                    raise UserError(
                        "{}: the span [{}, {}] of {} lies outside the text of {} characters".format(
                            row.where, start, last, quoted(entity, 40), len(text)
                        )
                    )
                yield _checked_span(entity, start, last, kind, text, examples)


def _checked_span(entity, start, last, kind, text, examples):
    if text[start : last + 1] == entity:
        return Span(start, last + 1, kind)
    if text.count(entity) != 1:
        examples.skipped["entities that are not in the text, or more than once"] += 1
        return None
    examples.mended["entities found in another place"] += 1
    start = text.index(entity)
    return Span(start, start + len(entity), kind)


def _is_place(value):
    return list_of(is_whole)(value) and len(value) == 2


# Entity -> list of [start, end].
_are_places = dict_of(list_of(_is_place))


def _shared(tokens):
    """A tuple of interned tokens: each separate object of one character takes 76 bytes."""
    return tuple(map(sys.intern, tokens))


def _spans(tags, where, examples):
    spans, odd = spans_of_tags(tags, where)
    if odd:
        examples.mended[ODD_BEGINNING] += odd
    return tuple(spans)


def _without_place(cell, where):
    match = _WITH_PLACE.fullmatch(cell)
    if not match:
        raise UserError(
            "{}: {} is no character followed by its number in the word".format(
                where, quoted(cell, 40)
            )
        )
    return match.group(1)


def types_of(examples):
    """Sorted types of the entities of Examples."""
    return sorted({span.type for example in examples for span in example.spans or ()})


def check_types(examples, known):
    """Refuses entities of other types.

    Args:
      examples: Examples of TaggedExample.
      known: list of types.

    Raises:
      UserError: naming the first such type, its line and the known ones.
    """
    for example in examples:
        for span in example.spans or ():
            if span.type not in known:
                where = example.where
                if example.first_line is not None:
                    where = line_of(examples.path, example.first_line + span.start)
                raise UserError(
                    "{}: unknown type {}; known are {}".format(
                        where, quoted(span.type, 40), some(known, 20)
                    )
                )
