"""The first packaging of CLUE (chineseGLUE): cells of a line with `_!_` between them."""

from finetuning.examples import Example, Examples
from finetuning.layouts.tables import checked, line_of, text_lines, without_empty

MARK = "_!_"
# Layout -> cells of a line; the last one may hold the mark. "" is a cell that is not read.
THUCNEWS = ("label", "", "", "text_a")
TNEWS = ("", "label", "", "text_a", "")
IFLYTEK = ("label", "", "text_a")
INEWS = ("label", "", "text_a", "text_b")


def read_marked(path, columns):
    """The examples of a file, a line each; labels are numbers.

    A first line without a number for a label names the columns. Lines with fewer cells are skipped
    and counted, as CLUE's program does without counting.

    Args:
      path: UTF-8 text.
      columns: one of the layouts above.

    Returns:
      Examples.

    Raises:
      UserError: the file cannot be read, or holds no example.
    """
    examples = Examples(path=path)
    examples.label_column = columns.index("label") + 1
    for number, line in without_empty(text_lines(path, examples.mended), examples):
        cells = [cell.strip() for cell in line.split(MARK, len(columns) - 1)]
        row = dict(zip(columns, cells))
        if number == 1 and not row.get("label", "").isdigit():
            examples.mended["header lines"] += 1
        elif not set(columns) - {""} <= set(row):
            examples.skipped["lines with less than {} cells".format(len(columns))] += 1
        else:
            where = line_of(path, number)
            examples.append(Example(row["text_a"], row.get("text_b"), row["label"] or None, where))
    return checked(examples)


def is_marked(path):
    """Whether the first line of a file that is not empty has the mark."""
    first = next((line for _, line in text_lines(path) if line.strip()), "")
    return MARK in first
