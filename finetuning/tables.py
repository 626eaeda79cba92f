"""Examples of classification tasks from files with a tab between columns."""

import collections

from data import files
from errors import UserError, quoted

# label: str, or None where the file has none; where: "FILE, line N", for messages.
Example = collections.namedtuple("Example", ["text_a", "text_b", "label", "where"])

TEXT_A, TEXT_B, LABEL = "text_a", "text_b", "label"
# Names in a header line -> columns; those of None are passed over.
_HEADER_NAMES = {
    TEXT_A: TEXT_A,
    "text": TEXT_A,
    "sentence": TEXT_A,
    "sentence1": TEXT_A,
    "review": TEXT_A,
    TEXT_B: TEXT_B,
    "sentence2": TEXT_B,
    LABEL: LABEL,
    "id": None,
    "qid": None,
    "index": None,
}


class Examples(list):
    """List of Example; `empty_lines`: how many lines before the last one were passed over;
    `label_column`: which column the labels are from, the first is 1, None without one."""

    empty_lines = 0
    label_column = None


def read_table(path, is_pair=None):
    """Reads the examples of a file: columns as a header line names them (label, text_a, text_b),
    or without one text, label and text_a, text_b, label; the label may be absent.

    Quotes mean nothing; a byte order mark and Windows line ends are taken off, empty lines are
    passed over and counted.

    Args:
      path: UTF-8 text.
      is_pair: whether examples have two texts; None: as the file looks.

    Returns:
      Examples; an empty label is None.

    Raises:
      UserError: a line has another number of columns or is not UTF-8, or there is no example.
    """
    examples, columns, empty = Examples(), None, 0
    for number, line in text_lines(path):
        where = "{}, line {}".format(path, number)
        if not line.strip():
            empty += 1
            continue
        examples.empty_lines = empty
        cells = line.split("\t")
        if columns is None:
            columns, is_header = _columns(cells, is_pair, where)
            width = len(cells)
            if LABEL in columns:
                examples.label_column = columns[LABEL] + 1
            if is_header:
                continue
        if len(cells) != width:
            raise UserError(
                "{}: {} columns, where {} are expected ({}); columns are parted by a tab".format(
                    where, len(cells), width, ", ".join(sorted(columns, key=columns.get))
                )
            )
        found = {name: cells[at].strip() for name, at in columns.items()}
        examples.append(Example(found[TEXT_A], found.get(TEXT_B), found.get(LABEL) or None, where))
    if not examples:
        raise UserError("{} holds no example".format(path))
    return examples


def text_lines(path):
    """Yields (number from 1, text without line end and byte order mark) of a file's lines.

    Raises:
      UserError: the file cannot be read, or a line is not UTF-8.
    """
    try:
        with files.open_file(path, "rb") as reader:
            for number, raw in files.lines(reader, path):
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError:
                    raise UserError(
                        "{}, line {} is not UTF-8; convert the file first, for instance with "
                        "iconv -f GB18030 -t UTF-8".format(path, number)
                    ) from None
                yield number, line.rstrip("\r\n")
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _columns(cells, is_pair, where):
    """(column name -> index, whether `cells` is a header) from the first line of a file."""
    names = [cell.strip().lower() for cell in cells]
    if set(names) & {TEXT_A, TEXT_B, LABEL}:
        return _header_columns(names, is_pair, where), True
    if is_pair is None:
        is_pair = len(cells) == 3
    texts = [TEXT_A, TEXT_B] if is_pair else [TEXT_A]
    if not len(texts) <= len(cells) <= len(texts) + 1:
        raise UserError(
            "{}: {} columns; {} is what is read, or a header line with these names".format(
                where, len(cells), ", ".join([*texts, LABEL])
            )
        )
    return {name: i for i, name in enumerate(texts + [LABEL][: len(cells) - len(texts)])}, False


def _header_columns(names, is_pair, where):
    """Column name -> index of a header line."""
    unknown = [name for name in names if name not in _HEADER_NAMES]
    columns = {_HEADER_NAMES[n]: i for i, n in enumerate(names) if _HEADER_NAMES.get(n)}
    if unknown or TEXT_A not in columns:
        raise UserError(
            "{}: this header cannot be read{}; name the columns text_a, text_b and label".format(
                where, ", {} is not known".format(quoted(unknown[0])) if unknown else ""
            )
        )
    if is_pair is not None and is_pair != (TEXT_B in columns):
        raise UserError(
            "{}: the header names {} text_b, but texts are {}".format(
                where, "no" if is_pair else "a", "pairs" if is_pair else "single"
            )
        )
    return columns
