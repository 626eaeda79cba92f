"""Examples of classification tasks from files with a tab, or in .csv a comma, between columns."""

import contextlib
import csv
import io

from common import files
from common.errors import UserError
from data.text import encodings
from finetuning.examples import Example, Examples
from finetuning.layouts import columns as table_columns
from finetuning.layouts.columns import LABEL, TEXT_A, TEXT_B
from finetuning.layouts.table_checks import ColumnCounts, Table, check_texts

BYTE_ORDER_MARK, WINDOWS_LINE_END = "byte order mark", "Windows line ends"
EMPTY_LINE = "empty lines"
IN_QUOTES = "texts in quotes"


def read_table(path, is_pair=None, label_first=False, choice=None, has_flags=False):
    """Reads the examples of a file: columns as the user says, as a header line names them (label,
    text_a, text_b), or without one text, label and text_a, text_b, label; the label may be absent.

    Quotes have a meaning in .csv files only; a byte order mark and Windows line ends are removed,
    empty lines are skipped, and all three are counted.

    Args:
      path: UTF-8 text.
      is_pair: whether examples have two texts; None: by the number of columns.
      label_first: the order without a header is label, text.
      choice: columns.ColumnChoice of the user, or None.
      has_flags: whether the user can make that choice, for messages.

    Returns:
      Examples; an empty label is None. `examples.table` says how the columns were read.

    Raises:
      UserError: a line has another number of columns or is not UTF-8, the columns are doubtful, or
        there is no example.
    """
    examples, counts, chosen = Examples(path=path), ColumnCounts(), []
    is_csv = path.endswith(".csv")
    separator = "," if is_csv else "\t"

    def choose(cells, where):
        columns, is_header = table_columns.choose(
            cells, where, is_pair, label_first, choice, separator
        )
        chosen.append(columns)
        return columns.places, is_header

    for where, row in rows_of(path, examples, choose, lambda cells: counts.add(cells, separator)):
        if not is_csv and any(_is_in_quotes(text) for text in row.values()):
            examples.noted[IN_QUOTES] += 1
        examples.append(Example(row[TEXT_A], row.get(TEXT_B), row.get(LABEL) or None, where))
    checked(examples)
    examples.table = Table(path, chosen[0], counts, has_flags)
    check_texts(examples.table, is_pair)
    return examples


def _is_in_quotes(text):
    return len(text) > 1 and text[0] == text[-1] == '"'


def read_comments(path):
    """JD's comments: a header of any names, then label, title and comment in the first columns.

    Returns, Raises: see `read_table`.
    """
    examples = Examples(path=path)

    def columns(cells, where):
        if len(cells) < 3:
            raise UserError("{}: {} columns; label, title, comment".format(where, len(cells)))
        return {LABEL: 0, TEXT_A: 1, TEXT_B: 2}, not cells[0].strip().isdigit()

    for where, row in rows_of(path, examples, columns):
        examples.append(Example(row[TEXT_A], row[TEXT_B], row[LABEL] or None, where))
    return checked(examples)


def rows_of(path, examples, choose_columns, observe=None):
    """Yields (where, dict column name -> text without blanks around it) of a file's rows.

    Args:
      path: the file.
      examples: Examples, whose counts and label_column are set.
      choose_columns: function of the first row's cells and place; returns (dict column name ->
        index, whether that row is a header).
      observe: function of the cells of each row but a header, or None.

    Raises:
      UserError: as read_table; whatever `choose_columns` raises.
    """
    is_csv = path.endswith(".csv")
    columns = None
    rows = (_comma_rows if is_csv else _tab_rows)(path, examples.mended)
    for number, cells in without_empty(rows, examples):
        where = line_of(path, number)
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
        if observe:
            observe(cells)
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


def without_empty(rows, examples):
    """Yields the rows that hold anything but blanks.

    Args:
      rows: iterable of (number, text or list of cells).
      examples: Examples, which count the others; those after the last row that is not empty do not
        count.
    """
    empty = 0
    for number, row in rows:
        if not any(cell.strip() for cell in ([row] if isinstance(row, str) else row)):
            empty += 1
            continue
        if empty:
            examples.skipped[EMPTY_LINE] = empty
        yield number, row


@contextlib.contextmanager
def opened(path, mended):
    """A binary file of some text as UTF-8. Another encoding is told by the beginning (a table has
    rows enough for that, unlike a list of words) and counts as mended.

    Args:
      path: the file.
      mended: Counter of what was corrected.

    Raises:
      UserError: in the block, for a line that cannot be decoded.
      OSError, tf.errors.OpError: the file cannot be read.
    """
    encoding = encodings.encoding_of(path, encodings.AUTO, encodings.UTF8)
    with files.open_file(path, "rb") as reader:
        if encoding != encodings.UTF8:
            mended["read as " + encoding] = 1
            stream = encodings.Utf8Stream(reader, path, encoding, remedy="mend the line")
            reader = io.BufferedReader(stream)
        yield reader


def text_lines(path, mended=None):
    """Yields (number from 1, text without line end and byte order mark) of a file's lines.

    Args:
      path: the file.
      mended: Counter of what was removed, or None.

    Raises:
      UserError: the file cannot be read, or a line cannot be decoded.
    """
    mended = {} if mended is None else mended
    try:
        with opened(path, mended) as reader:
            for number, raw in files.lines(reader, path, "a table or JSON lines in UTF-8"):
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError:
                    raise UserError(
                        "{} is not UTF-8; mend the line, or convert the file first, for instance "
                        "with iconv".format(line_of(path, number))
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
