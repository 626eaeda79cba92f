"""The results of readers of task files: examples, counts of corrections and of skipped rows."""

import collections
from typing import Any, NamedTuple, Optional


class Example(NamedTuple):
    """A text, or a pair of texts, with a label or several.

    Attributes:
      text_a, text_b: the texts; text_b is None for a single text.
      label: None where the file has none; a tuple where the texts of a task may have any number.
      where: "FILE, line N", for messages.
      id: in the file, a text or a whole number; None where the file has no ids.
    """

    text_a: str
    text_b: Optional[str]
    label: Any
    where: str
    id: Any = None


class Skipped(Exception):
    """Raised by a reader to skip a row; the text is the reason, in a few words.

    The row is counted under the reason in `Examples.skipped`.
    """


class Examples(list):
    """List of examples of one file.

    Attributes:
      path: the file, None where it is not known.
      mended: Counter of corrections, by kind; an example may count in several.
      skipped: Counter of rows without an example, by reason.
      noted: Counter of oddities that were kept.
      label_column: number of the labels' column, from 1; None without one.
      table: layouts.table_checks.Table of a table that read_table read, else None.
      doubt: why the answers are taken for placeholders (finetuning/placeholders.py), None: they
        are not.
    """

    label_column = table = doubt = None

    def __init__(self, examples=(), path=None):
        super().__init__(examples)
        self.path = path
        self.mended, self.skipped = collections.Counter(), collections.Counter()
        self.noted = collections.Counter()


def counted(counter):
    """`57 (50 labels -, 7 empty lines)`: the total of a Counter and its entries; `0` for none."""
    total = sum(counter.values())
    if not total:
        return "0"
    parts = ["{:,} {}".format(number, kind) for kind, number in sorted(counter.items())]
    return "{:,} ({})".format(total, ", ".join(parts))
