"""Examples of classification tasks from files with a tab between columns."""

import collections

from data import files
from errors import UserError

# label: str, or None where the file has none; where: "FILE, line N", for messages.
Example = collections.namedtuple("Example", ["text_a", "text_b", "label", "where"])

# Names that a header line may hold; the others are passed over.
TEXT_A, TEXT_B, LABEL = "text_a", "text_b", "label"
_HEADER_NAMES = {TEXT_A, TEXT_B, LABEL, "id", "qid", "index"}


def read_table(path, is_pair=None):
    """Reads the examples of a file: columns as a header line names them (label, text_a, text_b),
    or without one text, label and text_a, text_b, label; the label may be absent.

    Quotes mean nothing; a byte order mark, Windows line ends and empty lines are passed over.

    Args:
      path: UTF-8 text.
      is_pair: whether examples have two texts; None: as the file looks.

    Returns:
      List of Example.

    Raises:
      UserError: a line has another number of columns or is not UTF-8, or there is no example.
    """
    examples, columns = [], None
    for number, line in _lines(path):
        where = "{}, line {}".format(path, number)
        cells = line.split("\t")
        if columns is None:
            columns, is_header = _columns(cells, is_pair, where)
            width = len(cells)
            if is_header:
                continue
        if len(cells) != width:
            raise UserError(
                "{}: {} columns, where {} are expected ({}); columns are parted by a tab".format(
                    where, len(cells), width, ", ".join(sorted(columns, key=columns.get))
                )
            )
        found = {name: cells[at].strip() for name, at in columns.items()}
        examples.append(Example(found[TEXT_A], found.get(TEXT_B), found.get(LABEL), where))
    if not examples:
        raise UserError("{} holds no example".format(path))
    return examples


def _lines(path):
    """(number from 1, text) of the lines that are not empty."""
    try:
        with files.open_file(path, "rb") as reader:
            for number, raw in enumerate(reader, 1):
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError:
                    raise UserError(
                        "{}, line {} is not UTF-8; convert the file first, for instance with "
                        "iconv -f GB18030 -t UTF-8".format(path, number)
                    ) from None
                line = line.rstrip("\r\n")
                if line.strip():
                    yield number, line
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def _columns(cells, is_pair, where):
    """(column name -> index, whether `cells` is a header) from the first line of a file."""
    names = [cell.strip().lower() for cell in cells]
    if TEXT_A in names and set(names) <= _HEADER_NAMES:
        columns = {n: i for i, n in enumerate(names) if n in (TEXT_A, TEXT_B, LABEL)}
        if is_pair and TEXT_B not in columns:
            raise UserError("{}: the header names no text_b, but texts come in pairs".format(where))
        return columns, True
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
