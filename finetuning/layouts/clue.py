"""Fields of the JSON objects of CLUE and CAIL 2018, as functions of a json_lines.JsonObject that
return (text_a, text_b, label)."""

from common.errors import UserError, quoted
from finetuning.examples import Skipped


def single(row):
    """TNEWS, IFLYTEK."""
    return row.text("sentence"), None, row.label()


def pair(row):
    """AFQMC, OCNLI, CMNLI."""
    return row.text("sentence1"), row.text("sentence2"), row.label()


def keywords_and_abstract(row):
    """CSL: the keywords, which may not be the abstract's, are the first text (CLUE's program)."""
    return " ".join(row.texts("keyword")), row.text("abst"), row.label()


def coreference(row):
    """CLUEWSC2020: the noun (span1) is put between `_`, the pronoun (span2) in brackets, as in
    CLUE's program. Places are characters of the original text."""
    text, target = row.get("text", str, "a text"), row.object("target")
    marks = []
    for name, opening, closing in (("span1", "_", "_"), ("span2", "[", "]")):
        span, start = target.get(name + "_text", str, "a text"), target.number(name + "_index")
        start = _place(text, span, start, row)
        # Where two marks meet, the closing one comes first.
        marks += [(start, 1, opening), (start + len(span), 0, closing)]
    for place, _, mark in sorted(marks, reverse=True):
        text = text[:place] + mark + text[place:]
    return text, None, row.label()


def _place(text, span, start, row):
    """The place of a span: `start`, or its only occurrence."""
    if not span.strip():
        raise UserError("{}: a span is empty".format(row.where))
    if start >= 0 and text.startswith(span, start):
        return start
    if text.count(span) != 1:
        raise Skipped("spans that are not in their place")
    row.mended["spans found in another place"] += 1
    return text.index(span)


def single_charge(row):
    """CAIL2018: the facts and the charge; cases with several charges are skipped. Some
    packagings put brackets into names of charges; the list of charges has none."""
    fact = row.text("fact")
    if "meta" not in row:
        return fact, None, None
    charges = row.object("meta").texts("accusation")
    if len(charges) != 1:
        raise Skipped("cases with {}".format("several charges" if charges else "no charge"))
    return fact, None, _charge(charges[0], row)


def charges(row):
    """CAIL2018: the facts and all charges, which may be none."""
    fact = row.text("fact")
    if "meta" not in row:
        return fact, None, None
    names = row.object("meta").texts("accusation")
    return fact, None, tuple(_charge(name, row) for name in names)


def articles(row):
    """CAIL2018: the facts and the numbers of the articles of the criminal law that apply."""
    fact = row.text("fact")
    return fact, None, row.object("meta").labels("relevant_articles") if "meta" in row else None


def _charge(name, row):
    charge = name.strip()
    plain = charge.replace("[", "").replace("]", "")
    if plain != charge:
        row.mended["brackets in charges"] += 1
    if not plain:
        raise UserError("{}: the charge is {}".format(row.where, quoted(charge)))
    return plain
