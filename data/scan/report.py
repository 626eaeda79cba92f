"""The findings of a scan for people and as JSON. No text of the corpus is in them."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from common.errors import some
from data.scan import blocks, duplicates
from data.scan.job import COUNTS

# Head of a column -> its count.
_COLUMNS = {
    "lines": "lines",
    "damaged": blocks.DAMAGED,
    "empty": blocks.EMPTY,
    "very long": blocks.LONG,
    "control": blocks.CONTROL,
    "U+FFFD": blocks.LOST,
    "documents": "documents",
    "duplicates": duplicates.EXACT,
    "near": duplicates.NEAR,
    "sentences": "sentences",
    "characters": "characters",
}
# What is said of the lines of a fault.
_LINES_WITH = {
    blocks.DAMAGED: "damaged lines",
    blocks.LONG: "very long lines",
    blocks.CONTROL: "control characters in lines",
    blocks.LOST: "U+FFFD, for characters that an earlier conversion lost, in lines",
}
# A longer table shows only files with something to say of them.
_MOST_ROWS = 40
_WIDTH = 200
# A file of more lines than this that is one document is remarkable.
_MANY_LINES = 100


def totals(of_files):
    """dict of COUNTS -> sum over files."""
    return {name: sum(of_file.counts[name] for of_file in of_files) for name in COUNTS}


def table(of_files, has_near):
    """Lines of the table: a row a file, the sum of all last.

    Args:
      of_files: list of job.FileScan.
      has_near: whether near copies were looked for.
    """
    columns = {head: name for head, name in _COLUMNS.items() if has_near or head != "near"}
    shown = [one for one in of_files if len(of_files) <= _MOST_ROWS or _is_remarkable(one)]
    drawn = Table(box=None, header_style="", pad_edge=False)
    for head in ("file", "encoding"):
        drawn.add_column(head, no_wrap=True)
    for head in columns:
        drawn.add_column(head, justify="right", no_wrap=True)
    rows = [(one.path, one.encoding, one.counts) for one in shown[:_MOST_ROWS]]
    rows.append(("{:,} files".format(len(of_files)), "", totals(of_files)))
    for path, encoding, counts in rows:
        numbers = ["{:,}".format(counts[name]) for name in columns.values()]
        drawn.add_row(Text(path), encoding, *numbers)
    console = Console(width=_WIDTH + max(len(one.path) for one in of_files), color_system=None)
    with console.capture() as captured:
        console.print(drawn)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    more = len(of_files) - len(rows) + 1
    if more:
        lines.insert(-1, "... {:,} more files, in the sum and in --report_file".format(more))
    return lines


def _is_remarkable(one):
    counts = one.counts
    return one.encoding != "utf-8" or any(
        counts[name] for name in (*_LINES_WITH, duplicates.EXACT, duplicates.NEAR)
    )


def notes(of_files, input_format):
    """Lines on where the faults are and what helps."""
    lines = []
    for one in of_files:
        for fault, what in _LINES_WITH.items():
            found = one.examples[fault]
            if found:
                text = "{}: {} {}".format(one.path, what, ", ".join(map("{:,}".format, found)))
                text += " ..." * (len(found) == blocks.EXAMPLES)
                elsewhere = one.counts[blocks.ELSEWHERE]
                if fault == blocks.DAMAGED and elsewhere:
                    text += " ({:,} whole in another encoding)".format(elsewhere)
                lines.append(text)
    if len(lines) > _MOST_ROWS:
        more = "... {:,} more lines of this kind, in --report_file"
        lines[_MOST_ROWS:] = [more.format(len(lines) - _MOST_ROWS)]
    others = sorted({one.encoding.partition(" ")[0] for one in of_files} - {"utf-8", ""})
    if others:
        lines.append(
            "files in {}: give --encoding=auto to the other programs".format(", ".join(others))
        )
    without = [
        one.path
        for one in of_files
        if input_format == "jsonl" and one.counts[blocks.DAMAGED] and not one.counts["documents"]
    ]
    if without:
        lines.append(
            "no line is an object with the fields of --text_fields: {}".format(some(without))
        )
    whole = [
        one.path
        for one in of_files
        if input_format != "jsonl"
        and one.counts["documents"] == 1
        and one.counts["lines"] > _MANY_LINES
    ]
    if whole:
        lines.append(
            "one document each, and so without duplicates: {}; blank lines separate "
            "documents".format(some(whole))
        )
    return lines


def to_json(of_files, settings):
    """dict for JSON."""
    return {
        "input_format": settings.input_format,
        "encoding": settings.encoding,
        "long_line_chars": settings.long_line_chars,
        "near_duplicates": settings.near_duplicates,
        "total": dict(totals(of_files), files=len(of_files)),
        "files": [
            dict(one.counts, file=one.path, encoding=one.encoding, first_lines=one.examples)
            for one in of_files
        ],
    }


def duplicate_rows(of_files, found):
    """Yields the lines of a table of copies, with tabs: file, line, file and line of the document
    that it is a copy of, and exact or near.

    Args:
      of_files: list of job.FileScan.
      found: job.Documents.
    """
    yield "file\tline\tcopy_of_file\tcopy_of_line\tkind"
    for number in (found.originals >= 0).nonzero()[0].tolist():
        cells = []
        for place in (number, int(found.originals[number])):
            cells += [of_files[found.files[place]].path, str(found.lines[place])]
        yield "\t".join([*cells, "near" if found.is_near[number] else "exact"])
