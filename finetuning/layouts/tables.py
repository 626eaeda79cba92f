"""Examples of classification tasks from files with a tab, or in .csv a comma, between columns."""

import csv

from common import files
from common.errors import UserError, quoted
from finetuning.examples import Example, Examples

TEXT_A, TEXT_B, LABEL = "text_a", "text_b", "label"
BYTE_ORDER_MARK, WINDOWS_LINE_END = "byte order mark", "Windows line ends"
EMPTY_LINE = "empty lines"
# Names in a header line -> columns; those of None are ignored.
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


def read_table(path, is_pair=None, label_first=False):
    """Reads the examples of a file: columns as a header line names them (label, text_a, text_b),
    or without one text, label and text_a, text_b, label; the label may be absent.

    Quotes have a meaning in .csv files only; a byte order mark and Windows line ends are removed,
    empty lines are skipped, and all three are counted.

    Args:
      path: UTF-8 text.
      is_pair: whether examples have two texts; None: by the number of columns.
      label_first: the order without a header is label, text.

    Returns:
      Examples; an empty label is None.

    Raises:
      UserError: a line has another number of columns or is not UTF-8, or there is no example.
    """
    examples = Examples(path=path)
    for where, row in rows_of(
        path, examples, lambda cells, where: _columns(cells, is_pair, label_first, where)
    ):
        examples.append(Example(row[TEXT_A], row.get(TEXT_B), row.get(LABEL) or None, where))
    return checked(examples)


def rows_of(path, examples, choose_columns):
    """Yields (where, dict column name -> text without blanks around it) of a file's rows.

    Args:
      path: the file.
      examples: Examples, whose counts and label_column are set.
      choose_columns: function of the first row's cells and place; returns (dict column name ->
        index, whether that row is a header).

    Raises:
      UserError: as read_table; whatever `choose_columns` raises.
    """
    is_csv = path.endswith(".csv")
    columns, empty = None, 0
    for number, cells in (_comma_rows if is_csv else _tab_rows)(path, examples.mended):
        where = line_of(path, number)
        if not any(cell.strip() for cell in cells):
            empty += 1
            continue
        if empty:  # empty lines after the last example are not counted
            examples.skipped[EMPTY_LINE] = empty
        if columns is None:
            columns, is_header = choose_columns(cells, where)
            width = len(cells)
            if LABEL in columns:
                examples.label_column = columns[LABEL] + 1
            if is_header:
                continue
        if len(cells) != width:
            raise UserError(
                "{}: {} columns, where {} are expected ({}); columns are separated by a {}".format(
                    where,
                    len(cells),
                    width,
                    ", ".join(sorted(columns, key=columns.get)),
                    "comma" if is_csv else "tab",
                )
            )
        yield where, {name: cells[at].strip() for name, at in columns.items()}


def checked(examples):
    """The same Examples.

    Raises:
      UserError: there is none.
    """
    if examples:
        return examples
    skipped = ", ".join("{:,} {}".format(n, what) for what, n in sorted(examples.skipped.items()))
    raise UserError(
        "{} holds no example{}".format(
            examples.path, " (skipped: {})".format(skipped) if skipped else ""
        )
    )


def line_of(path, number):
    """A line, counted from 1, for messages."""
    return "{}, line {}".format(path, number)


def text_lines(path, mended=None):
    """Yields (number from 1, text without line end and byte order mark) of a file's lines.

    Args:
      path: the file.
      mended: Counter of what was removed, or None.

    Raises:
      UserError: the file cannot be read, or a line is not UTF-8.
    """
    mended = {} if mended is None else mended
    try:
        with files.open_file(path, "rb") as reader:
            for number, raw in files.lines(reader, path):
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError:
                    raise UserError(
                        "{} is not UTF-8; convert the file first, for instance with "
                        "iconv -f GB18030 -t UTF-8".format(line_of(path, number))
                    ) from None
                if number == 1 and line.startswith("\ufeff"):
                    line = line[1:]
                    mended[BYTE_ORDER_MARK] = 1
                if line.endswith("\r\n"):
                    mended[WINDOWS_LINE_END] = mended.get(WINDOWS_LINE_END, 0) + 1
                yield number, line.rstrip("\r\n")
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _tab_rows(path, mended):
    return ((number, line.split("\t")) for number, line in text_lines(path, mended))


def _comma_rows(path, mended):
    """A quoted cell may hold commas and line ends; a row has the number of its first line."""
    reader = csv.reader((line + "\n" for _, line in text_lines(path, mended)), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError("{}: not valid CSV ({})".format(line_of(path, number), error)) from None


def _columns(cells, is_pair, label_first, where):
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
    order = texts + [LABEL][: len(cells) - len(texts)]
    if label_first:
        order = order[-1:] + order[:-1]
    return {name: i for i, name in enumerate(order)}, False


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
