"""Entities as spans of a sentence's tokens, and as tags: BIO, BIOES and their variants."""

import collections
from typing import NamedTuple

from common.errors import UserError, quoted


class Span(NamedTuple):
    """An entity: the tokens from `start` up to, not including, `end`."""

    start: int
    end: int
    type: str


OUTSIDE = "O"
# First letters of tags: begin, inside, end, single. M and L, U and W are other authors' letters for
# I and E, S.
_BEGIN, _INSIDE, _END, _SINGLE = "B", "I", "E", "S"
_LETTERS = {
    _BEGIN: _BEGIN,
    _INSIDE: _INSIDE,
    "M": _INSIDE,
    _END: _END,
    "L": _END,
    _SINGLE: _SINGLE,
    "U": _SINGLE,
    "W": _SINGLE,
}
SCHEMES = ("BIO", "BIOES")


def split_tag(tag, where):
    """(letter, type) of a tag such as B-PER or I-LOC.NAM; (O, None) outside of entities.

    Args:
      tag: str.
      where: place for the message.

    Raises:
      UserError: it is no tag.
    """
    if tag == OUTSIDE:
        return OUTSIDE, None
    letter, hyphen, kind = tag.partition("-")
    if letter not in _LETTERS or not hyphen or not kind:
        raise UserError(
            "{}: {} is no tag; O, or B, I, E, S and a type (B-PER) are expected".format(
                where, quoted(tag, 40)
            )
        )
    return _LETTERS[letter], kind


def spans_of_tags(tags, where="tags"):
    """The entities of a sentence's tags, in any of the schemes.

    As conlleval and seqeval (not strict) read them: an inside or end tag without an open entity of
    its type begins one, and an entity ends where the next tag does not continue it.

    Args:
      tags: list of str.
      where: place for messages.

    Returns:
      (list of Span in their order, number of spans that begin with an inside or end tag).

    Raises:
      UserError: one of them is no tag.
    """
    spans, begin, kind, odd = [], None, None, 0

    def close(end):
        if begin is not None:
            spans.append(Span(begin, end, kind))

    for i, tag in enumerate(tags):
        letter, tag_type = split_tag(tag, where)
        is_part = begin is not None and tag_type == kind and letter in (_INSIDE, _END)
        if not is_part:
            close(i)
            begin, kind = (None, None) if letter == OUTSIDE else (i, tag_type)
            odd += letter in (_INSIDE, _END)
        if letter in (_END, _SINGLE):
            close(i + 1)
            begin = None
    close(len(tags))
    return spans, odd


def tags_of_spans(spans, length, scheme="BIO"):
    """The tags of a sentence.

    Args:
      spans: iterable of Span that do not overlap, in any order.
      length: tokens of the sentence.
      scheme: one of SCHEMES.

    Returns:
      List of str.

    Raises:
      ValueError: a span is empty or outside the sentence, two overlap, or there is no such scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError("no scheme {!r}".format(scheme))
    tags = [OUTSIDE] * length
    for span in spans:
        if not 0 <= span.start < span.end <= length:
            raise ValueError("{} is not in a sentence of {} tokens".format(span, length))
        if tags[span.start : span.end] != [OUTSIDE] * (span.end - span.start):
            raise ValueError("{} overlaps with another span".format(span))
        letters = [_BEGIN] + [_INSIDE] * (span.end - span.start - 1)
        if scheme == "BIOES":
            letters[-1] = _SINGLE if len(letters) == 1 else _END
        tags[span.start : span.end] = ["{}-{}".format(letter, span.type) for letter in letters]
    return tags


def tag_names(types, scheme="BIO"):
    """All tags of a scheme: O first, then those of each type in the order of `types`."""
    letters = "BI" if scheme == "BIO" else "BIES"
    return [OUTSIDE] + ["{}-{}".format(letter, kind) for kind in types for letter in letters]


def types_of_tags(tags, where):
    """The entity types of tags, in the order of their first tags.

    Args:
      tags: iterable of str.
      where: place for messages.

    Raises:
      UserError: one of them is no tag.
    """
    types = (split_tag(tag, where)[1] for tag in tags)
    return list(collections.OrderedDict.fromkeys(kind for kind in types if kind is not None))


def without_overlaps(spans):
    """Drops overlapping spans: of two the longer one is kept, of equally long ones the first.

    Returns:
      (list of Span in their order, number of dropped spans).
    """
    spans, kept = list(spans), []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start, s.type)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept), len(spans) - len(kept)
