"""What is found in a block of text: faults of its lines, its documents and their fingerprints."""

import dataclasses
import re
from types import SimpleNamespace
from typing import List, Optional, Tuple

import numpy as np

from data.text import documents, encodings, fingerprints
from data.text.corpus import Source
from data.text.sentences import DEFAULT_MAX_CHARS

FORMATS = ("raw", "text", "jsonl", "presegmented")
# So many lines of a kind of fault are named.
EXAMPLES = 10
# Line ends and tabs apart; U+0080 to U+009F, too.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_REPLACEMENT = "\ufffd"
_CARRIAGE_RETURNS = re.compile("\r+")


@dataclasses.dataclass(frozen=True)
class ScanSettings:
    """How a corpus is read, and what is looked for.

    Attributes:
      long_line_chars: a longer line counts as very long.
      near_duplicates: least share of common stretches of five characters by which documents are
        copies of each other (see duplicates.py); None: they must be equal.
      keeps: whether the documents are written.

    The others: see create_pretraining_data.py.
    """

    input_format: str = "raw"
    encoding: str = encodings.AUTO
    text_fields: Tuple[str, ...] = ("text",)
    long_line_chars: int = 5000
    near_duplicates: Optional[float] = None
    keeps: bool = False

    @property
    def reading(self):
        """The options of documents.read_documents for text whose faulty lines are gone."""
        return SimpleNamespace(
            input_format="text" if self.input_format == "presegmented" else self.input_format,
            text_fields=self.text_fields,
            normalize_quotes=False,
            t2s=False,
            max_sentence_chars=DEFAULT_MAX_CHARS,
        )


DAMAGED, EMPTY, LONG, CONTROL, LOST = FAULTS = (
    "damaged_lines",
    "empty_lines",
    "long_lines",
    "control_characters",
    "replacement_characters",
)
ELSEWHERE = "damaged_lines_whole_in_another_encoding"
COUNTS = (*FAULTS, ELSEWHERE, "characters", "documents", "sentences")


@dataclasses.dataclass
class BlockScan:
    """What a block has.

    Attributes:
      path: of its file.
      counts: dict of COUNTS -> number. Damaged lines are those that cannot be decoded or, of JSON,
        read.
      examples: dict of FAULTS -> list of lines, from 1 in the block.
      line_ends: how many it has.
      is_open: whether something follows the last of them.
      lines: int64 [documents], each one's first line.
      digests: uint64 [documents], of their text without blanks.
      sketches: uint32 [documents, values], MinHashes; None where none are asked for.
      sizes: int64 [documents], bytes of `kept`; None where nothing is kept.
      kept: list of bytes, the documents in UTF-8; emptied when they are written.
    """

    path: str
    counts: dict
    examples: dict
    line_ends: int
    is_open: bool
    lines: np.ndarray
    digests: np.ndarray
    sketches: Optional[np.ndarray] = None
    sizes: Optional[np.ndarray] = None
    kept: List[bytes] = dataclasses.field(default_factory=list)


def scan(source, settings, sketch=None):
    """Looks at every line of a block.

    Args:
      source: corpus.Source.
      settings: ScanSettings.
      sketch: function of a text that gives its MinHash, or None.

    Returns:
      BlockScan.
    """
    counts, examples = dict.fromkeys(COUNTS, 0), {name: [] for name in FAULTS}
    content = source.content
    ends = content.count(b"\n"), not content.endswith(b"\n")
    found = BlockScan(source.path, counts, examples, *ends, [], [])
    lines = _decoded(source, found)
    for number, line in lines:
        _look_at(number, line, settings, found)
    pieces = lines
    if settings.input_format == "jsonl":
        lines, pieces = _objects(lines, settings, found)
    _find_documents(source.path, lines, pieces, settings, sketch, found)
    return found


def _add(found, fault, number, count=1):
    found.counts[fault] += count
    if len(found.examples[fault]) < EXAMPLES:
        found.examples[fault].append(number)


def _decoded(source, found):
    """[(number from 1, text)] of the lines; those that cannot be decoded are counted."""
    try:
        text = encodings.decode(source.content, source.encoding)
        parts = text.split("\n")
    except UnicodeDecodeError:
        parts = source.content.split(b"\n")
    parts = parts[:-1] if not parts[-1] else parts  # behind the last line's end
    lines = []
    for number, part in enumerate(parts, 1):
        if isinstance(part, bytes):
            try:
                part = encodings.decode(part, source.encoding)
            except UnicodeDecodeError:
                _add(found, DAMAGED, number)
                found.counts[ELSEWHERE] += encodings.is_whole_elsewhere(part, source.encoding)
                continue
        lines.append((number, part.rstrip("\r")))
    return lines


def _look_at(number, line, settings, found):
    if not line.strip():
        _add(found, EMPTY, number)
        return
    if len(line) > settings.long_line_chars:
        _add(found, LONG, number)
    if not line.isprintable():  # nearly all lines are
        control = len(_CONTROL.findall(line))
        if control:
            _add(found, CONTROL, number, control)
    if _REPLACEMENT in line:
        _add(found, LOST, number, line.count(_REPLACEMENT))


def _objects(lines, settings, found):
    """The lines that are JSON objects, and [(number, text)] of their texts."""
    whole, texts = [], []
    for number, line in lines:
        if not line.strip():
            continue
        try:
            text = documents.json_document(line, settings.text_fields)
        except documents.NoDocument:
            _add(found, DAMAGED, number)
            continue
        if text:
            texts.append((number, text))
            whole.append((number, line))
        else:
            _add(found, EMPTY, number)
    return whole, texts


def _find_documents(path, lines, pieces, settings, sketch, found):
    """Documents and sentences of what is left.

    Args:
      lines: [(number, text)] as they are written.
      pieces: the same with the text that is read.
    """
    is_json = settings.input_format == "jsonl"
    joint = "\n\n" if is_json else "\n"
    # As read_documents would, which shortens the text: lines are found by their places in it.
    pieces = [(number, _CARRIAGE_RETURNS.sub("\n", piece)) for number, piece in pieces]
    text = joint.join(piece for _, piece in pieces)
    options = settings.reading
    options.input_format = "raw" if is_json else options.input_format
    read = documents.read_documents([Source(text.encode(), path, lambda: 0)], options)
    lengths = np.array([len(piece) + len(joint) for _, piece in pieces], np.int64)
    begins = np.cumsum(lengths) - lengths
    firsts, ends = read.documents[:-1], read.documents[1:]
    of_first = np.searchsorted(begins, read.starts[firsts], "right") - 1
    of_last = np.searchsorted(begins, read.ends[ends - 1] - 1, "right") - 1
    found.counts.update(
        documents=len(firsts),
        sentences=len(read.starts),
        characters=sum(len(piece) for _, piece in pieces),  # without line ends
    )
    numbers = np.array([number for number, _ in pieces], np.int64)
    found.lines = numbers[of_first]
    solid = fingerprints.solid_texts(read)
    found.digests = np.array([fingerprints.fingerprint(one) for one in solid], np.uint64)
    if sketch:
        found.sketches = np.array([sketch(one) for one in solid], np.uint32)
    if settings.keeps:
        end = "" if is_json else "\n"
        for first, last in zip(of_first.tolist(), of_last.tolist()):
            kept = "".join(line + "\n" for _, line in lines[first : last + 1]) + end
            found.kept.append(kept.encode("utf-8"))
        found.sizes = np.array([len(kept) for kept in found.kept], np.int64)
