"""MRPC, CoLA and MNLI as they are downloaded for GLUE, the tasks of google-research/bert's
run_classifier.py. Quotes have no meaning there."""

from common.errors import UserError
from finetuning.examples import Example, Examples
from finetuning.layouts.tables import LABEL, TEXT_A, TEXT_B, checked, rows_of

# Name in the header -> column.
_MRPC = {"quality": LABEL, "#1 string": TEXT_A, "#2 string": TEXT_B}
_MNLI = {"gold_label": LABEL, "sentence1": TEXT_A, "sentence2": TEXT_B}


def read_mrpc(path):
    """Quality, #1 ID, #2 ID, #1 String, #2 String; of GLUE's test file `index` is the first.

    Returns:
      Examples.

    Raises:
      UserError: see tables.read_table.
    """
    return _read(path, lambda cells, where: (_by_header(cells, where, _MRPC), True))


def read_mnli(path):
    """sentence1, sentence2 and, not in the test file, gold_label, among other columns.

    Returns, Raises: see read_mrpc.
    """
    return _read(path, lambda cells, where: (_by_header(cells, where, _MNLI), True))


def read_cola(path):
    """Source, label, mark of the authors, sentence, without a header; of GLUE's test file index and
    sentence, with one.

    Returns, Raises: see read_mrpc.
    """
    return _read(path, _columns_of_cola)


def _columns_of_cola(cells, where):
    names = [cell.strip().lower() for cell in cells]
    if names == ["index", "sentence"]:
        return {TEXT_A: 1}, True
    if len(cells) != 4 or names[1] not in ("0", "1"):
        raise UserError(
            "{}: CoLA has the columns source, label (0 or 1), mark and sentence, or a header with "
            "index and sentence".format(where)
        )
    return {LABEL: 1, TEXT_A: 3}, False


def _by_header(cells, where, wanted):
    names = [cell.strip().lower() for cell in cells]
    columns = {column: names.index(name) for name, column in wanted.items() if name in names}
    for name, column in wanted.items():
        if column not in columns and column != LABEL:
            raise UserError("{}: the header names no {}".format(where, name))
    return columns


def _read(path, choose_columns):
    examples = Examples(path=path)
    for where, row in rows_of(path, examples, choose_columns):
        examples.append(Example(row[TEXT_A], row.get(TEXT_B), row.get(LABEL) or None, where))
    return checked(examples)
