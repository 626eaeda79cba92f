"""Corpora of another kind than --input_format says, told by their beginning.

Markup that is read as text is trained on; so what is surely none is refused before any work.
"""

import re

from common import file_kinds
from common.errors import UserError

_TEXT = ("raw", "text", "presegmented")
_PAIRS = ("pairs",)
_EVERY = (*_TEXT, *_PAIRS, "jsonl", "conllu")


def _kind(pattern, formats, what, remedy):
    return re.compile(rb"(?:\xef\xbb\xbf)?\s*" + pattern, re.DOTALL), formats, what, remedy


# Pattern of a beginning, the formats that it is not, what it is, what helps. The first counts.
_KINDS = (
    _kind(
        rb"(?:<\?xml[^>]*>\s*)?<mediawiki\b",
        _EVERY,
        "a MediaWiki dump (XML)",
        "take its text out (wikiextractor --json -o DIRECTORY FILE) and give that with "
        "--input_format=jsonl",
    ),
    _kind(
        rb"<doc\s[^>\n]*\bid=",
        _EVERY,
        "text between WikiExtractor's <doc> tags",
        "extract it with wikiextractor --json and give that with --input_format=jsonl",
    ),
    _kind(rb"<\?xml\b", _EVERY, "XML", "take its text out first"),
    _kind(
        rb'\{\s*"(?:[^"\\\n]|\\.)*"\s*:',
        _TEXT,
        "JSON",
        "give --input_format=jsonl, and the fields that hold text (--text_fields)",
    ),
    _kind(
        rb'\{\s*"(?:[^"\\\n]|\\.)*"\s*:',
        _PAIRS,
        "JSON",
        "take its columns out: jq -r '[.sentence1, .sentence2, .label] | @tsv' FILE > FILE.tsv",
    ),
    _kind(
        rb"\[\s*(?:\{|\])",
        ("jsonl",),
        "a list in JSON",
        "an object a line is read: jq -c '.[]' FILE > FILE.jsonl",
    ),
    _kind(
        rb"\{\s*\n",
        ("jsonl",),
        "an object in JSON over several lines",
        "an object a line is read: jq -c . FILE > FILE.jsonl, or of a list in it jq -c '.data[]'",
    ),
    _kind(
        rb"(?:#[^\n]*\n)*1(?:-\d+)?(?:\t[^\t\n]+){9}\r?\n",
        _TEXT,
        "CoNLL-U",
        "give --input_format=conllu",
    ),
)


def refuse_other_kind(path, start, input_format):
    """Refuses what is not of the format.

    Args:
      path: for messages.
      start: bytes, the first file_kinds.START_BYTES of the text or more.
      input_format: of corpus.FORMATS.

    Raises:
      UserError: the file is of another kind, with what helps.
    """
    start = start[: file_kinds.START_BYTES]
    kind = file_kinds.kind_of(start)
    if kind and kind.what in file_kinds.UTF16:
        raise UserError("{} is {}; give --encoding=auto".format(path, kind.what))
    file_kinds.refuse(path, "text (--input_file)", start)
    for pattern, formats, what, remedy in _KINDS:
        if input_format in formats and pattern.match(start):
            raise UserError(
                "{} is {}, not text for --input_format={}; {}".format(
                    path, what, input_format, remedy
                )
            )
